"""What the futures connector brings from the market: instruments, history, bars, quotes, marks, depth."""

import asyncio
from decimal import Decimal

import pytest

from apps.exchange.adapters.listing import FILTER_CODES
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.venue_shell.faults import Answer, AnyFault, BanIp, CloseSockets
from chimera.clock import MINUTE
from chimera.events import (
    BarClosed,
    DepthChanged,
    HistoryLoaded,
    InstrumentListed,
    MarkPriceChanged,
    OrderFilled,
    OrderRejected,
    QuoteChanged,
    StreamDisconnected,
    TradePrinted,
    stream_of,
)
from chimera.events.health import AlertRaised
from chimera.instruments import Market, Side
from chimera.runtime.topology import streams_to_read
from tests.contract.exchange.conftest import PERP, Heard, Wired, running
from tests.contract.venue.conftest import HISTORY_BARS, PaperMarket


async def test_instruments_are_listed_with_the_venues_filters(usdm: Wired) -> None:
    listed = await usdm.heard.until(InstrumentListed)
    assert listed.instrument == list_symbols(Market.USDM, ["BTCUSDT"])["BTCUSDT"].filters
    assert listed.instrument.tick_size == Decimal("0.10")


async def test_unlisted_symbol_is_left_out_and_the_others_trade(market: PaperMarket) -> None:
    async with running(market, symbols=["NOSUCHUSDT-PERP", PERP]) as wired:
        await wired.heard.until(StreamDisconnected, account=True, connected=True)
        assert {e.instrument.symbol for e in wired.heard.of(InstrumentListed)} == {PERP}
        [alert] = wired.heard.of(AlertRaised)
        assert alert.symbol == "NOSUCHUSDT-PERP"
        assert "does not list NOSUCHUSDT-PERP" in alert.detail

        next_life = Heard()
        task = asyncio.create_task(wired.connector.run(next_life))
        await next_life.until(StreamDisconnected, account=True, connected=True)
        assert not next_life.of(AlertRaised)  # it was told
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_history_holds_closed_bars_only(usdm: Wired) -> None:
    history = await usdm.heard.until(HistoryLoaded)
    assert len(history.bars) == 50
    assert history.bars[-1].ts_event <= usdm.clock.now()
    closes = [bar.ts_event for bar in history.bars]
    assert closes == list(range(closes[0], closes[-1] + MINUTE, MINUTE))


async def test_long_history_is_read_page_by_page_without_a_gap(
    market: PaperMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.exchange.adapters.history.BARS_PER_READ", 20)
    async with running(market, history_bars=73) as wired:
        history = await wired.heard.until(HistoryLoaded)
    closes = [bar.ts_event for bar in history.bars]
    assert len(closes) == 73
    assert closes == list(range(closes[0], closes[-1] + MINUTE, MINUTE))


async def test_history_ends_where_the_venues_does(
    market: PaperMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.exchange.adapters.history.BARS_PER_READ", 50)
    async with running(market, history_bars=5_000) as wired:
        history = await wired.heard.until(HistoryLoaded)
    assert len(history.bars) == HISTORY_BARS


@pytest.mark.parametrize("fault", [Answer("GET /fapi/v1/klines", times=2), BanIp(seconds=1)])
async def test_history_that_is_not_answered_is_asked_for_again(
    market: PaperMarket, monkeypatch: pytest.MonkeyPatch, fault: AnyFault
) -> None:
    monkeypatch.setattr("apps.exchange.adapters.history.BARS_PER_READ", 20)
    market.server.call(lambda host: host.misbehave(fault))
    async with running(market, history_bars=73) as wired:
        history = await wired.heard.until(HistoryLoaded)
    assert len(history.bars) == 73


async def test_longer_history_is_brought_when_a_bundle_asks_for_it(
    fast_market: PaperMarket,
) -> None:
    async with running(fast_market) as wired:
        await wired.heard.until(BarClosed, at_least=2)
        wired.connector.require_history(40)
        wired.connector.require_history(90)
        longer = await wired.heard.until(HistoryLoaded, at_least=2)
        told = max(bar.ts_event for bar in wired.heard.of(BarClosed))
        await wired.heard.until(BarClosed, at_least=10)
        assert_gapless(wired)
    assert len(longer.bars) >= 88  # what closed since the last bar told is told by the stream
    assert longer.bars[-1].ts_event <= told


async def test_long_outage_is_filled_page_by_page(
    fast_market: PaperMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.exchange.adapters.history.BARS_PER_READ", 3)
    async with running(fast_market) as wired:
        await wired.heard.until(BarClosed, at_least=2)
        wired.misbehave(CloseSockets(sockets="market"))
        await wired.heard.until(BarClosed, at_least=12)
        assert_gapless(wired)


async def test_bars_are_brought_once_each_and_without_a_gap(fast_market: PaperMarket) -> None:
    async with running(fast_market) as wired:
        await wired.heard.until(BarClosed, at_least=10)
        assert_gapless(wired)


async def test_bars_missed_while_the_websocket_was_down_are_filled(
    fast_market: PaperMarket,
) -> None:
    async with running(fast_market) as wired:
        for times in (3, 8, 13):
            await wired.heard.until(BarClosed, at_least=times)
            wired.misbehave(CloseSockets(sockets="market"))
        await wired.heard.until(BarClosed, at_least=20)
        ups = wired.heard.of(StreamDisconnected, stream="exchange:um:market-1", connected=True)
        assert len(ups) >= 2
        assert_gapless(wired)


async def test_quotes_and_depth_follow_the_book(usdm: Wired) -> None:
    usdm.market.step("61000.0")
    quote = await usdm.heard.until(QuoteChanged)
    depth = await usdm.heard.until(DepthChanged, at_least=2)
    assert abs(quote.bid_px - 61_000) < 10
    assert quote.bid_px < quote.ask_px
    assert len(depth.bids) == len(depth.asks) == 20
    assert depth.bids[0] == (quote.bid_px, quote.bid_qty)
    assert [px for px, _ in depth.bids] == sorted((px for px, _ in depth.bids), reverse=True)


async def test_trades_are_brought_on_a_stream_that_no_service_reads(usdm: Wired) -> None:
    usdm.market.step("61000.0")
    step = await usdm.heard.until(TradePrinted, px=61_000.0)
    assert (step.symbol, step.aggressor) == (PERP, Side.BUY)
    await usdm.submit(PERP, Side.SELL, "0.010")
    fill = await usdm.heard.until(OrderFilled)
    ours = await usdm.heard.until(TradePrinted, qty=0.01)
    assert (ours.px, ours.aggressor) == (float(fill.last_px), Side.SELL)
    assert ours.trade_id > step.trade_id
    assert stream_of(ours) == f"trades:{{{PERP}}}"
    assert stream_of(ours) not in streams_to_read(["features", "strategy", "orders"], [PERP])


async def test_marks_carry_the_funding_rate_and_its_time(usdm: Wired) -> None:
    mark = await usdm.heard.until(MarkPriceChanged)
    assert (mark.symbol, mark.mark_px, mark.funding_rate) == (PERP, 60_000.0, 0.0001)
    assert mark.next_funding_time > usdm.clock.now()


async def test_changed_filters_are_listed_again(
    market: PaperMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(market) as wired:
        await wired.heard.until(StreamDisconnected, connected=True)
        listing = market.host.venue.listing(Market.USDM, "BTCUSDT")
        for rule in listing.instrument.info["filters"]:
            if rule["filterType"] == "PRICE_FILTER":
                monkeypatch.setitem(rule, "tickSize", "0.50")
        await wired.connector._check_listing(wired.heard)
        again = await wired.heard.until(InstrumentListed, at_least=2)
        assert again.instrument.tick_size == Decimal("0.50")


async def test_l7_refusal_by_a_changed_filter_has_the_listing_read_at_once(
    market: PaperMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(market) as wired:
        await wired.up()
        listing = market.host.venue.listing(Market.USDM, "BTCUSDT")
        step = next(r for r in listing.instrument.info["filters"] if r["filterType"] == "LOT_SIZE")
        monkeypatch.setitem(step, "stepSize", "0.010")
        await wired.submit(PERP, Side.BUY, "0.0000001")

        again = await wired.heard.until(InstrumentListed, at_least=2)

        refused = wired.heard.of(OrderRejected)[0]
        assert refused.code in FILTER_CODES
        assert again.instrument.step_size == Decimal("0.010")


def assert_gapless(wired: Wired) -> None:
    """Every bar since the history came exactly once and in order, and none before it was over."""
    bars = wired.heard.of(BarClosed)
    end = wired.heard.of(HistoryLoaded)[0].bars[-1].ts_event
    assert [bar.open_time for bar in bars] == [end + n * MINUTE for n in range(len(bars))]
    assert all(bar.ts_event <= bar.ts_init for bar in bars)
