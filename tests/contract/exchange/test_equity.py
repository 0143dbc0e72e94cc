"""Our equity beside the venue's own account page, over the wire."""

from apps.positions.core.service import Positions
from chimera.clock import MINUTE
from chimera.events import (
    AccountReported,
    BarClosed,
    EquityMarked,
    MarkPriceChanged,
    OrderFilled,
)
from chimera.instruments import Side
from chimera.money import usdt
from chimera.runtime.contract import Publish
from tests.contract.exchange.conftest import PERP, Wired


async def test_equity_at_a_bar_is_the_venues_to_the_last_unit(usdm: Wired) -> None:
    await usdm.prepare(PERP, 20)
    await usdm.query_account()
    entry = await usdm.submit(PERP, Side.BUY, "0.013")
    await usdm.heard.until(OrderFilled, client_order_id=entry.client_order_id)
    for number, px in enumerate(("60123.4", "60250.1", "59871.7"), start=2):
        usdm.market.step(px)
        await usdm.query_account()
        account = await usdm.heard.until(AccountReported, at_least=number)
        (held,) = account.positions
        await usdm.heard.until(MarkPriceChanged, symbol=PERP, mark_px=float(held.mark_px))

        equity = equity_at_bar(usdm, close=float(held.mark_px) + 50.0)

        assert equity.wallet_usdt == account.wallet_usdt
        assert equity.unrealised_usdt == held.unrealised_pnl
        assert equity.unrealised_usdt == usdt((held.mark_px - held.entry_px) * held.qty)


def equity_at_bar(usdm: Wired, *, close: float) -> EquityMarked:
    """Fold what was heard so far, and a bar that closes now; return the equity told at it."""
    positions, now = Positions(), usdm.clock.now()
    for event in usdm.heard:
        if type(event) in Positions.consumes:
            positions.handle(event, event.ts_init)
    bar = BarClosed(
        id="bar",
        ts_event=now,
        ts_init=now,
        symbol=PERP,
        interval="1m",
        open_time=now - MINUTE,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=1.0,
    )
    (told,) = [
        effect.event
        for effect in positions.handle(bar, now)
        if isinstance(effect, Publish) and isinstance(effect.event, EquityMarked)
    ]
    return told
