"""Whatever is wanted, and whatever the market does: no entry leaves that breaks C04 to C07."""

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.exchange.core.venue.default_instruments import list_symbols
from apps.orders.core.service import Router
from chimera.bundles import RiskLimits
from chimera.events import (
    AccountReported,
    BarClosed,
    BundleActivated,
    EquityMarked,
    InstrumentListed,
    IntentIssued,
    OrderFilled,
    PrepareSymbol,
    QueryAccount,
    SubmitOrder,
    SymbolPrepared,
    TimerFired,
)
from chimera.events.base import Event
from chimera.events.decisions import Action
from chimera.events.orders import LiquiditySide, Purpose
from chimera.instruments import Market, Side
from chimera.runtime.contract import Ask
from tests.support.desks import START, busy_bundle

D = Decimal
NAMES = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "LTCUSDT")
LISTED = list_symbols(Market.USDM, NAMES)
BASE = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0, "SOLUSDT": 150.0}

intents = st.tuples(
    st.just("intent"),
    st.sampled_from(NAMES),
    st.sampled_from(list(Action)[:3]),
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
)
bars = st.tuples(
    st.just("bar"),
    st.sampled_from(NAMES),
    st.floats(min_value=0.97, max_value=1.03) | st.just(float("nan")) | st.just(0.0),
    st.none(),
)
fills = st.tuples(st.just("fill"), st.sampled_from(NAMES), st.none(), st.none())
steps = st.lists(st.one_of(intents, bars, fills), min_size=5, max_size=60)
limits = st.builds(
    RiskLimits,
    margin_usdt=st.floats(min_value=5.0, max_value=60.0),
    leverage=st.integers(1, 20),
    max_open_positions=st.integers(1, 4),
    max_order_notional_usdt=st.floats(min_value=50.0, max_value=1_000.0),
    max_orders_per_minute=st.just(1_000),
)


class Desk:
    def __init__(self, risk: RiskLimits) -> None:
        self.now = START
        self.risk = risk
        self.router = Router()
        self.submits: list[SubmitOrder] = []
        self.question = ""  # the id of the newest about the account
        self.preparations: dict[str, str] = {}  # likewise, about each symbol's margin settings
        self.unfilled: list[SubmitOrder] = []
        self.held = dict.fromkeys(NAMES, D(0))
        self.px = {name: D(str(BASE.get(name, 100.0))) for name in NAMES}
        self.trades = 0
        bundle = busy_bundle(NAMES)
        bundle = msgspec.structs.replace(bundle, risk=risk)
        t = self.times()
        self.tell(
            BundleActivated(
                id="cfg", generation=1, bundle_hash="h", bundle=bundle, actor="a", reason="r", **t
            )
        )
        for name in NAMES:
            self.tell(InstrumentListed(id=name, instrument=LISTED[name].filters, **t))
        self.tell(TimerFired(id="s", service="orders", timer="start", due=self.now, **t))
        for name in NAMES:
            self.tell(
                SymbolPrepared(
                    id=name,
                    cause=self.preparations[f"{name}-PERP"],
                    symbol=f"{name}-PERP",
                    leverage=risk.leverage,
                    isolated=True,
                    one_way=True,
                    **t,
                )
            )
        agreed = AccountReported(
            id="a", cause=self.question, wallet_usdt=D(10_000), positions=(), orders=(), **t
        )
        self.tell(agreed)
        self.tell(
            EquityMarked(id="e", wallet_usdt=D(10_000), unrealised_usdt=D(0), open_positions=0, **t)
        )
        for name in NAMES:
            self.bar(name, 1.0)

    def times(self) -> dict[str, int]:
        return {"ts_event": self.now, "ts_init": self.now}

    def tell(self, event: Event) -> None:
        for effect in self.router.handle(event, self.now):
            if isinstance(effect, Ask) and isinstance(effect.command, QueryAccount):
                self.question = effect.command.id
            if isinstance(effect, Ask) and isinstance(effect.command, PrepareSymbol):
                self.preparations[effect.command.symbol] = effect.command.id
            if isinstance(effect, Ask) and isinstance(effect.command, SubmitOrder):
                self.submits.append(effect.command)
                self.unfilled.append(effect.command)
                if effect.command.purpose is Purpose.ENTRY:
                    self.check(effect.command)

    def check(self, entry: SubmitOrder) -> None:
        """The limits, computed from what the test knows and the router was told."""
        name = entry.symbol.removesuffix("-PERP")
        value = entry.qty * self.px[name]
        assert D(0) < value <= D(str(self.risk.max_order_notional_usdt))  # C04
        ceiling = D(str(self.risk.margin_usdt)) * self.risk.leverage * D("1.025")
        assert value <= ceiling  # C05, C06
        assert LISTED[name].filters.qty_violation(entry.qty, market=True) is None
        assert self.held[name] == 0  # C07
        others = {n for n in NAMES if n != name and self.held[n]}
        others |= {
            s.symbol.removesuffix("-PERP")
            for s in self.unfilled
            if s.purpose is Purpose.ENTRY and s is not entry
        }
        assert name not in others
        assert len(others) < self.risk.max_open_positions

    def bar(self, name: str, factor: float) -> None:
        close = round(BASE.get(name, 100.0) * factor, 2)
        if close > 0:
            self.px[name] = D(repr(close))
        self.tell(
            BarClosed(
                id=f"b{self.now}",
                symbol=f"{name}-PERP",
                interval="1m",
                open_time=self.now - 60_000,
                open=close,
                high=close,
                low=close,
                close=close,
                volume=1.0,
                mark_px=close,
                **self.times(),
            )
        )

    def intent(self, number: int, name: str, action: Action, distance: float | None) -> None:
        self.tell(
            IntentIssued(
                id=f"int:{number}",
                symbol=f"{name}-PERP",
                decision_id="d",
                generation=1,
                bundle_hash="h",
                action=action,
                side=Side.SELL if action is Action.SELL else Side.BUY,
                reference_px=1.0,
                stop_distance=distance,
                **self.times(),
            )
        )

    def fill(self, name: str) -> None:
        """Fill the oldest plain order of the symbol."""
        order = next(
            (s for s in self.unfilled if s.symbol == f"{name}-PERP" and s.trigger_px is None), None
        )
        if order is None:
            return
        self.unfilled.remove(order)
        self.trades += 1
        self.held[name] += order.qty * order.side.sign
        self.tell(
            OrderFilled(
                id=f"fill:{self.trades}",
                symbol=order.symbol,
                client_order_id=order.client_order_id,
                venue_order_id="v",
                trade_id=str(self.trades),
                side=order.side,
                last_qty=order.qty,
                last_px=self.px[name],
                filled_qty=order.qty,
                fee=D(0),
                fee_asset="USDT",
                liquidity_side=LiquiditySide.TAKER,
                **self.times(),
            )
        )


@settings(max_examples=200)
@given(limits, steps)
def test_router_random_intents_never_break_a_limit(
    risk: RiskLimits, story: list[tuple[str, str, object, object]]
) -> None:
    desk = Desk(risk)
    for number, (kind, name, what, distance) in enumerate(story):
        desk.now += 10
        if kind == "intent":
            assert isinstance(what, Action)
            desk.intent(number, name, what, distance)  # type: ignore[arg-type]
        elif kind == "bar":
            assert isinstance(what, float)
            desk.bar(name, what)
        else:
            desk.fill(name)
