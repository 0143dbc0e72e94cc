"""Publishing, consuming, acknowledging and watching: the everyday contract of every bus."""

import asyncio

from chimera.bus import GapKind, Outgoing, StartFrom
from chimera.bus.streams import max_length
from tests.support.buses import BTC, ETH, SOL, Backend, outgoing, payloads, take


async def test_publish_many_at_once_keeps_order_in_each_stream(backend: Backend) -> None:
    bus = backend.bus()
    numbers = [str(number) for number in range(2_500)]
    page = [
        message
        for number in numbers
        for stream in (BTC, ETH)
        for message in outgoing(stream, number)
    ]

    ids = await bus.publish(page)
    messages = await take(backend.consume(bus, BTC, ETH), len(page))

    assert len(ids) == len(page)
    assert len({(m.stream, m.entry_id) for m in messages}) == len(page)
    for stream in (BTC, ETH):
        of_stream = [message for message in messages if message.stream == stream]
        assert payloads(of_stream) == numbers
        assert [message.sequence for message in of_stream] == list(range(1, 2_501))


async def test_publish_from_several_tasks_keeps_sequences_in_order(backend: Backend) -> None:
    bus = backend.bus()
    subscription = backend.consume(bus, BTC)

    await asyncio.gather(*(bus.publish(outgoing(BTC, "a", "b")) for _ in range(20)))
    messages = await take(subscription, 40)

    assert [message.sequence for message in messages] == list(range(1, 41))


async def test_publish_nothing_returns_no_ids(backend: Backend) -> None:
    assert await backend.bus().publish([]) == []


async def test_message_carries_payload_bytes_and_producer_unchanged(backend: Backend) -> None:
    payload = bytes(range(256))
    bus = backend.bus(producer="features@desk", epoch=1_746_374_040_000)

    [entry_id] = await bus.publish([Outgoing("signals:new", payload)])
    [message] = await take(backend.consume(bus, "signals:new"), 1)

    assert (message.payload, message.entry_id) == (payload, entry_id)
    assert (message.producer, message.epoch) == ("features@desk", 1_746_374_040_000)
    assert (message.sequence, message.deliveries) == (1, 1)


async def test_consume_by_two_groups_gives_each_everything(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "a", "b"))

    for group in ("strategy", "positions"):
        assert payloads(await take(backend.consume(bus, BTC, group=group), 2)) == ["a", "b"]


async def test_consume_by_two_consumers_of_a_group_shares_the_entries(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, *map(str, range(10))))
    first = backend.consume(bus, BTC, consumer="c1", batch=5, track_gaps=False)
    second = backend.consume(bus, BTC, consumer="c2", batch=5, track_gaps=False)

    shared = await take(first, 5) + await take(second, 5)

    assert payloads(shared) == [str(number) for number in range(10)]


async def test_consume_several_slots_wakes_for_each(backend: Backend) -> None:
    bus = backend.bus()
    subscription = backend.consume(bus, BTC, ETH, SOL, "pos:events")
    assert (await subscription.fetch()).messages == ()

    for stream in (SOL, "pos:events", BTC, ETH):
        await bus.publish(outgoing(stream, stream))
        assert payloads(await take(subscription, 1)) == [stream]


async def test_group_created_late_starts_with_the_oldest_entry(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "before"))

    assert payloads(await take(backend.consume(bus, BTC), 1)) == ["before"]


async def test_group_starting_from_newest_skips_what_was_there(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "before"))
    subscription = backend.consume(bus, BTC, start=StartFrom.NEWEST)
    assert (await subscription.fetch()).messages == ()

    await bus.publish(outgoing(BTC, "after"))

    assert payloads(await take(subscription, 1)) == ["after"]


async def test_fetch_without_messages_returns_an_empty_batch(backend: Backend) -> None:
    batch = await backend.consume(backend.bus(), BTC).fetch()

    assert (batch.messages, batch.gaps) == ((), ())


async def test_fetch_cancelled_loses_nothing(backend: Backend) -> None:
    bus = backend.bus()
    subscription = backend.consume(bus, BTC, block_ms=3_000)
    waiting = asyncio.ensure_future(subscription.fetch())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    await bus.publish(outgoing(BTC, "a"))
    [message] = await take(subscription, 1)

    assert (message.payload, message.deliveries) == (b"a", 1)


async def test_fetch_reports_a_producers_restart_and_what_it_lost(backend: Backend) -> None:
    subscription = backend.consume(backend.bus(), BTC)
    await backend.bus(epoch=1).publish(outgoing(BTC, "a"))
    assert (await subscription.fetch()).gaps == ()

    await backend.bus(epoch=2).publish(outgoing(BTC, "b"))
    batch = await subscription.fetch()

    assert [gap.kind for gap in batch.gaps] == [GapKind.RESTARTED]
    assert payloads(batch.messages) == ["b"]


async def test_fetch_after_the_bound_removed_entries_reports_them_missing(backend: Backend) -> None:
    stream = "cfg:events"
    bus = backend.bus()
    subscription = backend.consume(bus, stream, batch=1)
    await bus.publish(outgoing(stream, "first"))
    await take(subscription, 1)

    bound = max_length(stream)
    await bus.publish([Outgoing(stream, b"later")] * (bound + 1_000))
    batch = await subscription.fetch()

    [gap] = batch.gaps
    assert (gap.kind, gap.first) == (GapKind.MISSING, 2)
    assert gap.last == batch.messages[0].sequence - 1


async def test_stream_keeps_about_its_bound(backend: Backend) -> None:
    stream = "cfg:events"
    bus = backend.bus()
    bound = max_length(stream)

    await bus.publish([Outgoing(stream, b"x" * 170)] * (bound + 2_000))

    assert bound <= len(await bus.latest(stream, count=bound + 2_000)) <= bound + 200


async def test_latest_returns_newest_first(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "a", "b", "c"))

    assert payloads(await bus.latest(BTC, count=2)) == ["c", "b"]
    assert await bus.latest(ETH) == []


async def test_tail_sees_only_what_comes_and_changes_nothing(backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "before"))
    tail = backend.tail(bus, BTC, ETH)
    watching = asyncio.ensure_future(take(tail, 2))
    while ETH not in tail.last_ids or BTC not in tail.last_ids:
        await asyncio.sleep(0.001)

    await bus.publish([*outgoing(BTC, "a"), *outgoing(ETH, "b")])

    assert sorted(payloads(await watching)) == ["a", "b"]
    assert payloads(await take(backend.consume(bus, BTC), 2)) == ["before", "a"]


async def test_tail_goes_on_from_given_ids(backend: Backend) -> None:
    bus = backend.bus()
    ids = await bus.publish(outgoing(BTC, "a", "b", "c"))

    tail = backend.tail(bus, BTC, last_ids={BTC: ids[0]})

    assert payloads(await take(tail, 2)) == ["b", "c"]
    assert tail.last_ids == {BTC: ids[2]}


async def test_ping_while_it_runs_returns(backend: Backend) -> None:
    await backend.bus().ping()
