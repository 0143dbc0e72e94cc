"""Facts are counted once; the memory of them is bounded."""

from chimera.seen import SeenIds


def test_seen_ids_first_time_only_once() -> None:
    seen = SeenIds(["a"])

    assert not seen.first_time("a")
    assert seen.first_time("b")
    assert not seen.first_time("b")


def test_seen_ids_forgets_the_oldest_and_keeps_the_newest() -> None:
    seen = SeenIds(kept=10)
    for number in range(100):
        assert seen.first_time(str(number))

    assert not any(seen.first_time(str(number)) for number in range(90, 100))
    assert seen.first_time("0")
