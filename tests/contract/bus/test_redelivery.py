"""What happens to entries that nobody acknowledged: the contract of every bus."""

import pytest
from structlog.testing import capture_logs

from chimera.bus import DeadLetter
from tests.support.buses import BTC, ETH, Backend, outgoing, payloads, take, until


async def test_restarted_consumer_gets_its_unacknowledged_entries_first(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish([*outgoing(BTC, "a", "b", "c"), *outgoing(ETH, "d")])
    before = backend.consume(bus, BTC, ETH)
    messages = await take(before, 4)
    await before.ack([message for message in messages if message.payload != b"b"])
    await before.close()
    await bus.publish(outgoing(BTC, "e"))

    again = await take(backend.consume(bus, BTC, ETH), 2)

    assert payloads(again) == ["b", "e"]
    assert [message.deliveries for message in again] == [2, 1]


async def test_restarted_consumer_reports_no_gap_for_what_it_had_acknowledged(
    backend: Backend,
) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, *"abcd"))
    before = backend.consume(bus, BTC)
    messages = await take(before, 4)
    await before.ack(messages[1:3])
    await before.close()
    after = backend.consume(bus, BTC)

    again = await after.fetch()
    await bus.publish(outgoing(BTC, "e"))
    new = await after.fetch()

    assert payloads([*again.messages, *new.messages]) == ["a", "d", "e"]
    assert (again.gaps, new.gaps) == ((), ())


async def test_many_pending_entries_come_again_page_by_page(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, *map(str, range(25))))
    before = backend.consume(bus, BTC, batch=10)
    await take(before, 25)
    await before.close()

    again = await take(backend.consume(bus, BTC, batch=10), 25)

    assert payloads(again) == [str(number) for number in range(25)]


async def test_dead_consumers_entries_are_claimed_by_another(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "a", "b"))
    dead = backend.consume(bus, BTC, consumer="dead")
    await take(dead, 2)
    await dead.close()

    living = backend.consume(bus, BTC, consumer="living", claim_idle_ms=100)
    claimed = await take(living, 2)
    await living.ack(claimed)

    assert payloads(claimed) == ["a", "b"]
    assert [message.deliveries for message in claimed] == [2, 2]
    for consumer in ("dead", "living"):
        again = backend.consume(bus, BTC, consumer=consumer)
        assert (await again.fetch()).messages == ()


async def test_entries_in_work_are_not_claimed_early(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "a"))
    await take(backend.consume(bus, BTC, consumer="slow"), 1)

    other = backend.consume(bus, BTC, consumer="other", claim_idle_ms=60_000)

    assert (await other.fetch()).messages == ()


async def test_entry_never_acknowledged_becomes_a_dead_letter(backend: Backend) -> None:
    bus = backend.bus()
    letters: list[DeadLetter] = []
    await bus.publish(outgoing(BTC, "poison", "good"))
    subscription = backend.consume(
        bus, BTC, claim_idle_ms=20, max_deliveries=3, on_dead_letter=letters.append
    )
    deliveries = []
    while not letters:
        for message in (await subscription.fetch()).messages:
            if message.payload == b"good":
                await subscription.ack([message])
            else:
                deliveries.append(message.deliveries)

    [letter] = letters
    assert deliveries == [1, 2, 3]
    assert (letter.message.payload, letter.message.stream) == (b"poison", BTC)
    assert (letter.group, letter.consumer) == ("g", "c1")
    assert "3 deliveries" in letter.reason
    assert await bus.dead_letters(BTC) == letters
    assert payloads(await bus.latest("dead:{BTCUSDT-PERP}")) == ["poison"]
    assert (await backend.consume(bus, BTC).fetch()).messages == ()


async def test_entry_that_kills_its_consumer_each_time_becomes_a_dead_letter(
    backend: Backend,
) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "poison"))
    for expected in (1, 2):
        life = backend.consume(bus, BTC, max_deliveries=2)
        [message] = await take(life, 1)
        assert message.deliveries == expected
        await life.close()

    buried: list[DeadLetter] = []
    last_life = backend.consume(bus, BTC, max_deliveries=2, on_dead_letter=buried.append)
    await until(lambda: len(buried) == 1, last_life)

    assert payloads([letter.message for letter in await bus.dead_letters(BTC)]) == ["poison"]


async def test_rejected_message_is_a_dead_letter_at_once(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing("pos:events", "{broken", "good"))
    subscription = backend.consume(bus, "pos:events")
    broken, good = await take(subscription, 2)

    await subscription.reject(broken, "not JSON")
    await subscription.reject(broken, "said twice")
    await subscription.ack([good])

    assert (await backend.consume(bus, "pos:events").fetch()).messages == ()
    [letter] = await bus.dead_letters("pos:events")
    assert (letter.reason, letter.message) == ("not JSON", broken)


async def test_pending_entries_that_the_bound_removed_are_named_once_and_passed_over(
    backend: Backend,
) -> None:
    stream = "cfg:events"
    bus = backend.bus()
    await bus.publish(outgoing(stream, "lost"))
    before = backend.consume(bus, stream)
    await take(before, 1)
    await before.close()
    for _ in range(12):
        await bus.publish(outgoing(stream, *["later"] * 1_000))

    with capture_logs() as logs:
        for _ in range(2):
            after = backend.consume(bus, stream, batch=1)
            assert payloads((await after.fetch()).messages) == ["later"]
            await after.close()

    assert [(log["stream"], log["count"]) for log in logs] == [(stream, 1)]


async def test_group_lost_in_a_flush_is_made_anew(backend: Backend) -> None:
    bus = backend.bus()
    subscription = backend.consume(bus, BTC)
    await bus.publish(outgoing(BTC, "before"))
    await subscription.ack(await take(subscription, 1))

    backend.flush()
    await bus.publish(outgoing(BTC, "after"))

    assert payloads(await take(subscription, 1)) == ["after"]


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_acknowledged_entries_alone_never_come_again(
    backend: Backend, acknowledged: bool
) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "a"))
    subscription = backend.consume(bus, BTC, claim_idle_ms=20)
    messages = await take(subscription, 1)
    if acknowledged:
        await subscription.ack(messages)

    again = [m for _ in range(3) for m in (await subscription.fetch()).messages]

    assert bool(again) is not acknowledged
