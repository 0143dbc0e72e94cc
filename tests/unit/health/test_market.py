"""Health says when the bars that the bundle decides on do not come, by the market's time."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import msgspec
import pytest

from apps.config.core.loading import load_bundle
from apps.health.feed import Feed, venue_feed
from apps.health.probes import BEHIND_WALL_MS, SILENT_BARS, SILENT_WALL_MS, market_trouble
from apps.health.warm_up import SymbolWarmUp, warm_ups
from chimera.clock import MINUTE, WallClock
from chimera.events import BundleActivated, HistoryLoaded, encode
from chimera.events.health import UNLISTED
from chimera.store import Store, Write, open_store
from tests.support.builders import BUNDLE_HASH, START, SYMBOL, alert_raised, bar, signal
from tests.support.bundles import GOOD_BUNDLE

NOW = START + 1_000 * MINUTE


def symbol(name: str = "BTCUSDT-PERP", *, behind_ms: int = 0, **changes: object) -> SymbolWarmUp:
    ready = {"bars_loaded": 190, "bars_needed": 190, "factors_known": 5, "factors": 8}
    found = {**ready, "waits_for": (), "last_close": NOW - behind_ms, **changes}
    return SymbolWarmUp(symbol=name, **found)


def test_bars_in_time_are_no_trouble() -> None:
    late = SILENT_BARS * MINUTE
    assert market_trouble(Feed(now=NOW), [symbol(), symbol(behind_ms=late)], MINUTE) == ""


def test_symbol_without_bars_for_some_intervals_is_named() -> None:
    found = [symbol(), symbol("ETHUSDT-PERP", behind_ms=SILENT_BARS * MINUTE + 1)]
    trouble = market_trouble(Feed(now=NOW), found, MINUTE)
    assert trouble == "no bars of ETHUSDT-PERP since 2025-05-05 08:30:59 UTC"


def test_fast_replay_has_as_much_wall_time_to_record_its_bars() -> None:
    behind = MINUTE + SILENT_WALL_MS * 60
    feed = Feed(now=NOW, speed=60)
    assert market_trouble(feed, [symbol(behind_ms=behind)], MINUTE) == ""
    assert "BTCUSDT-PERP" in market_trouble(feed, [symbol(behind_ms=behind + 1)], MINUTE)


def test_recording_that_has_ended_says_so_before_all_else() -> None:
    feed = Feed(now=NOW, ended_at=START)
    trouble = market_trouble(feed, [symbol(behind_ms=NOW - START)], MINUTE)
    assert trouble == (
        "the recording has ended at 2025-05-04 15:54:00 UTC: the market stands still, "
        "and its bars are empty"
    )


def test_venue_that_cannot_keep_up_says_so() -> None:
    behind = BEHIND_WALL_MS * 40
    assert market_trouble(Feed(now=NOW, speed=40, behind_ms=behind), [symbol()], MINUTE) == ""
    trouble = market_trouble(Feed(now=NOW, speed=40, behind_ms=behind + 1), [symbol()], MINUTE)
    assert trouble == (
        "the venue cannot keep up with speed 40 and is 200 s behind: "
        "bars come too late to be traded on"
    )


def test_warm_up_says_how_far_it_is() -> None:
    warming = symbol(bars_loaded=12, factors_known=1, waits_for=("ema_slow",))
    none = symbol("ETHUSDT-PERP", last_close=None, waits_for=("ema_slow",))
    assert market_trouble(Feed(now=NOW), [warming, none], MINUTE) == (
        "warming up: BTCUSDT-PERP 12 of 190 bars, 1 of 8 factors, ETHUSDT-PERP has no bar yet"
    )


def test_symbol_that_the_venue_does_not_list_is_no_warm_up() -> None:
    found = [symbol(), symbol("FOOUSDT-PERP", last_close=None, is_listed=False)]
    assert market_trouble(Feed(now=NOW), found, MINUTE) == "the venue does not list FOOUSDT-PERP"


@pytest.fixture
def answered(settings) -> Iterator[dict[str, object]]:
    """A venue that answers its status with what the test puts here, or with 404."""
    told: dict[str, object] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if told else 404)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    settings.EXCHANGE_URL = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


def test_feed_is_the_venues_own_and_elsewhere_the_wall(answered) -> None:
    before = WallClock().now()
    assert before <= venue_feed().now <= WallClock().now()
    answered |= {"now": 9, "speed": 60.0, "feed": {"at": 7, "done": True, "lag_ms": 0}}
    assert venue_feed() == Feed(now=9, speed=60.0, ended_at=7)
    answered |= {"feed": {"at": 7, "done": False, "lag_ms": 5}}
    assert venue_feed() == Feed(now=9, speed=60.0, behind_ms=5)


ACTIVE = BundleActivated(
    id="cfg:g3",
    ts_event=1,
    ts_init=1,
    generation=3,
    bundle_hash=BUNDLE_HASH,
    bundle=load_bundle(GOOD_BUNDLE),
    actor="test",
    reason="test",
)


def keep_history(store: Store, minutes: int) -> None:
    bars = tuple(bar(9.0, 9.5, 8.5, 9.0, START + n * MINUTE) for n in range(minutes))
    last = bars[-1].ts_event
    loaded = HistoryLoaded(
        id="warm", ts_event=last, ts_init=last, symbol=SYMBOL, interval="1m", bars=bars
    )
    store.write([Write("features", "warm", encode(loaded), SYMBOL, last)])


def keep_signal(store: Store, minute: int, value: float | None, generation: int = 3) -> None:
    closed = bar(9.0, 9.5, 8.5, 9.0, START + minute * MINUTE)
    said = msgspec.structs.replace(signal(closed, {"ema_5": value}), generation=generation)
    key = f"{said.id}:{generation}"
    store.write([Write("signals", key, encode(said), SYMBOL, said.ts_event)])


def test_warm_up_counts_the_bars_of_the_history_and_those_since() -> None:
    store = open_store("memory://")
    [found] = warm_ups(store, ACTIVE)
    needed = found.bars_needed
    assert (found.bars_loaded, found.factors_known, found.last_close) == (0, 0, None)
    assert needed > 7
    keep_history(store, 4)
    keep_signal(store, 4, None)
    [found] = warm_ups(store, ACTIVE)
    assert (found.bars_loaded, found.factors_known, found.factors) == (5, 0, 1)
    assert (found.waits_for, found.is_ready) == (("ema_5",), False)
    keep_signal(store, 5, 9.1)
    [found] = warm_ups(store, ACTIVE)
    assert (found.bars_loaded, found.factors_known, found.is_ready) == (needed, 1, True)
    assert found.last_close == START + 6 * MINUTE


def test_warm_up_knows_from_its_alert_that_a_symbol_is_not_listed_until_it_has_bars() -> None:
    store = open_store("memory://")
    told = msgspec.structs.replace(alert_raised("", START, "exchange"), symbol=SYMBOL)
    store.write([Write("alerts", f"{UNLISTED}:{SYMBOL}:{START}", told, SYMBOL, START)])
    [found] = warm_ups(store, ACTIVE)
    assert (found.is_listed, found.is_ready) == (False, False)
    keep_history(store, 4)
    [found] = warm_ups(store, ACTIVE)
    assert found.is_listed


def test_warm_up_begins_again_with_another_generation() -> None:
    store = open_store("memory://")
    keep_history(store, 90)
    keep_signal(store, 90, 9.1, generation=2)
    [found] = warm_ups(store, ACTIVE)
    assert (found.bars_loaded, found.factors_known, found.is_ready) == (found.bars_needed, 0, False)
