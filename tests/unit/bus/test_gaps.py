import pytest

from chimera.bus.gaps import Gap, GapKind, GapTracker

STREAM = "mkt:{BTCUSDT-PERP}"


@pytest.fixture
def tracker() -> GapTracker:
    """A tracker that has seen sequences 1 to 3 of epoch 1."""
    tracker = GapTracker()
    for sequence in (1, 2, 3):
        tracker.observe(STREAM, "exchange", 1, sequence)
    return tracker


def test_hole_names_stream_producer_and_range(tracker: GapTracker) -> None:
    assert tracker.observe(STREAM, "exchange", 1, 7) == (
        Gap(GapKind.MISSING, STREAM, "exchange", 1, 4, 6),
    )


def test_hole_filled_by_a_redelivery_is_reported_filled(tracker: GapTracker) -> None:
    tracker.observe(STREAM, "exchange", 1, 7)

    found = tracker.observe(STREAM, "exchange", 1, 5, redelivered=True)

    assert [(gap.kind, gap.first) for gap in found] == [(GapKind.FILLED, 5)]


def test_lost_reply_read_again_leaves_no_hole(tracker: GapTracker) -> None:
    for sequence in (4, 5):
        assert tracker.observe(STREAM, "exchange", 1, sequence, redelivered=True) == ()

    assert tracker.observe(STREAM, "exchange", 1, 6) == ()


def test_restart_that_lost_its_first_messages_reports_both(tracker: GapTracker) -> None:
    found = tracker.observe(STREAM, "exchange", 2, 4)

    assert [(gap.kind, gap.epoch, gap.first, gap.last) for gap in found] == [
        (GapKind.RESTARTED, 2, 4, 4),
        (GapKind.MISSING, 2, 1, 3),
    ]


def test_older_epoch_after_a_newer_is_stale_and_changes_nothing(tracker: GapTracker) -> None:
    tracker.observe(STREAM, "exchange", 2, 1)

    found = tracker.observe(STREAM, "exchange", 1, 4)

    assert [gap.kind for gap in found] == [GapKind.STALE]
    assert tracker.observe(STREAM, "exchange", 2, 2) == ()


def test_producers_and_streams_are_counted_apart(tracker: GapTracker) -> None:
    assert tracker.observe(STREAM, "replay", 1, 90) == ()
    assert tracker.observe("mkt:{ETHUSDT-PERP}", "exchange", 1, 50) == ()
    assert tracker.observe(STREAM, "exchange", 1, 4) == ()
