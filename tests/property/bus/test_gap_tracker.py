"""The gap tracker against a plain model that remembers everything."""

from hypothesis import given
from hypothesis import strategies as st

from chimera.bus.gaps import GapKind, GapTracker

STREAM, PRODUCER = "mkt:{BTCUSDT-PERP}", "exchange"

arrivals = st.lists(st.integers(1, 40), min_size=1, max_size=80)


def reported(tracker: GapTracker, sequences: list[int]) -> list[tuple[GapKind, int, int]]:
    return [
        (gap.kind, gap.first, gap.last)
        for sequence in sequences
        for gap in tracker.observe(STREAM, PRODUCER, 1, sequence)
    ]


@given(arrivals)
def test_reports_account_for_every_sequence_whatever_arrives(sequences: list[int]) -> None:
    found = reported(GapTracker(max_holes=100), sequences)

    base, top = sequences[0], max(sequences)
    missing = {
        number
        for kind, first, last in found
        if kind is GapKind.MISSING
        for number in range(first, last + 1)
    }
    filled = [first for kind, first, _ in found if kind is GapKind.FILLED]
    duplicated = [first for kind, first, _ in found if kind is GapKind.DUPLICATED]

    assert missing - set(filled) == set(range(base, top + 1)) - set(sequences)
    assert len(filled) == len(set(filled))
    assert set(filled) <= missing
    above = [sequence for sequence in sequences if sequence >= base]
    below = [sequence for sequence in sequences if sequence < base]
    assert len(duplicated) == len(above) - len(set(above)) + len(below)


@given(st.integers(1, 10**12), st.integers(1, 500))
def test_unbroken_run_reports_nothing(start: int, length: int) -> None:
    assert reported(GapTracker(), list(range(start, start + length))) == []


@given(st.sets(st.integers(2, 60)))
def test_each_lost_run_is_reported_once_as_one_range(lost: set[int]) -> None:
    sequences = [number for number in range(1, 62) if number not in lost]

    found = reported(GapTracker(), sequences)

    assert {number for _, first, last in found for number in range(first, last + 1)} == lost
    assert all(first - 1 not in lost and last + 1 not in lost for _, first, last in found)


@given(arrivals, st.integers(1, 3), st.integers(1, 4))
def test_memory_stays_bounded_whatever_arrives(
    sequences: list[int], max_holes: int, max_producers: int
) -> None:
    tracker = GapTracker(max_producers=max_producers, max_holes=max_holes)

    for sequence in sequences:
        tracker.observe(STREAM, f"producer-{sequence % 7}", 1, sequence)

    assert len(tracker._tracks) <= max_producers
    assert all(len(track.holes) <= max_holes for track in tracker._tracks.values())


@given(arrivals)
def test_redelivered_messages_never_show_as_missing_or_duplicated(sequences: list[int]) -> None:
    tracker = GapTracker()

    kinds = {
        gap.kind
        for sequence in sequences
        for gap in tracker.observe(STREAM, PRODUCER, 1, sequence, redelivered=True)
    }

    assert kinds == set()
