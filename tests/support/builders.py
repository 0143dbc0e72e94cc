"""Builders of events and documents, and a whole story of a desk told with them.

`Story` trades one symbol on a seeded random walk and keeps what the live services would have recorded
(`writes`) and said (`events`). It knows the shapes of events, not the cores.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from chimera.bundles import RuleAction
from chimera.clock import MINUTE, Millis
from chimera.events import (
    ACCOUNT,
    BarClosed,
    DecisionMade,
    EquityMarked,
    FeaturesComputed,
    IntentIssued,
    OrderChanged,
    OrderFilled,
    PositionChanged,
    encode,
)
from chimera.events.base import Event
from chimera.events.decisions import Action, GuardTrace, HoldReason, PositionView, RuleTrace
from chimera.events.features import MarketInputs
from chimera.events.health import AlertRaised, ServiceReported, ServiceState
from chimera.events.orders import (
    GateCheck,
    LiquiditySide,
    OrderRecord,
    OrderState,
    OrderType,
    Purpose,
    Transition,
)
from chimera.events.positions import TradedSymbols
from chimera.ids import bar_id, client_order_id
from chimera.instruments import Side
from chimera.lang import BOOL, NUMBER, compile_expression
from chimera.money import decimal_of, quantize
from chimera.store import Write

SYMBOL = "BTCUSDT-PERP"
START = 1_746_374_040_000  # 2025-05-04 15:54:00 UTC
BUNDLE_HASH = "9f2c4e7a1b5d8036c2f4a6e8091b3d5f7a9c1e3b5d7f9a1c3e5b7d9f1a3c5e70"
TICK = Decimal("0.1")

_FLAT = PositionView()
_NAMES = dict.fromkeys(
    ("ema_fast", "ema_slow", "rsi", "atr", "spread_bps", "funding", "close"), NUMBER
)
GUARD = compile_expression("spread_bps > 6 or funding > 0.001", names=_NAMES, result=BOOL)
OPEN_RULE = compile_expression("ema_fast > ema_slow and rsi < 70", names=_NAMES, result=BOOL)
CLOSE_RULE = compile_expression("ema_fast < ema_slow or rsi > 74", names=_NAMES, result=BOOL)


def bar(
    open_: float, high: float, low: float, close: float, open_time: Millis = START
) -> BarClosed:
    """Return a closed one-minute bar of `SYMBOL`."""
    ts = open_time + MINUTE
    return BarClosed(
        id=bar_id(SYMBOL, "1m", ts),
        ts_event=ts,
        ts_init=ts,
        symbol=SYMBOL,
        interval="1m",
        open_time=open_time,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=12.5,
    )


def signal(of: BarClosed, features: dict[str, float | None]) -> FeaturesComputed:
    return FeaturesComputed(
        id=f"sig:{of.id}:g3",
        cause=of.id,
        ts_event=of.ts_event,
        ts_init=of.ts_init,
        symbol=of.symbol,
        interval=of.interval,
        generation=3,
        bundle_hash=BUNDLE_HASH,
        inputs=MarketInputs(bar=of, mark_px=of.close),
        features=features,
    )


def decision(of: FeaturesComputed, position: PositionView) -> DecisionMade:
    """Decide as the strategy would: guards and an opening rule when flat, else a closing rule."""
    values = {**of.features, "close": of.inputs.bar.close}
    guards: tuple[GuardTrace, ...] = ()
    action, reason, name = Action.HOLD, HoldReason.NO_RULE_MATCHED, None
    if position.qty:
        explained = CLOSE_RULE.explain(values)
        trace = RuleTrace(name="trend_over", do=RuleAction.CLOSE, explanation=explained)
        if explained.result is True:
            action, reason, name = Action.CLOSE, None, trace.name
    else:
        asked = GUARD.explain(values)
        guards = (
            GuardTrace(
                name="costly_market",
                reason="A wide spread costs more than the trade earns.",
                refused=asked.result is not False,
                explanation=asked,
            ),
        )
        explained = OPEN_RULE.explain(values)
        trace = RuleTrace(name="trend_up", do=RuleAction.OPEN_LONG, explanation=explained)
        if explained.result is True:
            name = trace.name
            refused = guards[0].refused
            action = Action.HOLD if refused else Action.BUY
            reason = HoldReason.GUARD_REFUSED if refused else None
    return DecisionMade(
        id=f"dec:{of.id[4:]}",
        cause=of.id,
        ts_event=of.ts_event,
        ts_init=of.ts_init,
        symbol=of.symbol,
        signal_id=of.id,
        generation=of.generation,
        bundle_hash=of.bundle_hash,
        action=action,
        rule=name,
        reason=reason,
        stop_distance=0.006 if action is Action.BUY else None,
        position=position,
        values=values,
        guards=guards,
        rules=(trace,),
    )


def intent(of: DecisionMade, reference_px: float) -> IntentIssued:
    return IntentIssued(
        id=f"int:{of.id[4:]}",
        cause=of.id,
        ts_event=of.ts_event,
        ts_init=of.ts_init,
        symbol=of.symbol,
        decision_id=of.id,
        generation=of.generation,
        bundle_hash=of.bundle_hash,
        action=of.action,
        side=Side.SELL if of.action is Action.CLOSE else Side.BUY,
        reference_px=reference_px,
        stop_distance=of.stop_distance,
    )


def service_reported(service: str, state: ServiceState, now: Millis) -> ServiceReported:
    return ServiceReported(
        id=f"health:{service}:{now}", ts_event=now, ts_init=now, service=service, state=state
    )


def alert(detail: str, now: Millis, service: str = "orders") -> Write:
    """Return an alert as a worker records it."""
    told = alert_raised(detail, now, service)
    return Write("alerts", told.id, told, "", now)


def alert_raised(detail: str, now: Millis, service: str) -> AlertRaised:
    return AlertRaised(
        id=f"given-up:{now}",
        ts_event=now,
        ts_init=now,
        service=service,
        severity=ServiceState.ERROR,
        detail=detail,
    )


@dataclass
class Story:
    """A desk's record, grown bar by bar; without `with_stops` its positions stay unprotected."""

    seed: int = 7
    with_stops: bool = True
    writes: list[Write] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    px: float = 94_310.0
    now: Millis = START
    position: PositionView = _FLAT
    stop: OrderRecord | None = None
    sequence: int = 0
    realised: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._closes: list[float] = []
        self._open_time = self.now
        self._drift = 0.0
        traded = TradedSymbols(symbols=(SYMBOL,))
        self.writes.append(Write("positions_snapshots", "traded", traded, ACCOUNT, self.now, 1))

    def run(self, bars: int) -> "Story":
        for _ in range(bars):
            self.step()
        return self

    def step(self) -> DecisionMade:
        """Close one more bar and do what follows from it."""
        closed = self._next_bar()
        self.now = closed.ts_event
        said = signal(closed, self._features())
        self._keep("signals", said.id, said)
        decided = decision(said, self.position)
        self._keep("decisions", decided.id, decided, parents=(f"signals/{said.id}",))
        if decided.action is not Action.HOLD:
            wanted = intent(decided, closed.close)
            self._keep("intents", wanted.id, wanted, parents=(f"decisions/{decided.id}",))
            self._trade(wanted, closed.close)
        self._mark(closed.close, cause=closed.id)
        return decided

    def _next_bar(self) -> BarClosed:
        walk = self._random
        self._drift = 0.92 * self._drift + walk.gauss(0, 9)
        start = self.px
        self.px = round(start + self._drift + walk.gauss(0, 22), 1)
        high = round(max(start, self.px) + abs(walk.gauss(0, 16)), 1)
        low = round(min(start, self.px) - abs(walk.gauss(0, 16)), 1)
        self._closes.append(self.px)
        closed = bar(start, high, low, self.px, self._open_time)
        self._open_time = closed.ts_event
        return closed

    def _features(self) -> dict[str, float | None]:
        closes = self._closes
        moves = [b - a for a, b in zip(closes[-15:], closes[-14:], strict=False)]
        gains = sum(move for move in moves if move > 0)
        losses = -sum(move for move in moves if move < 0)
        known = len(moves) >= 5
        return {
            "ema_fast": _ema(closes, 8) if known else None,
            "ema_slow": _ema(closes, 21) if known else None,
            "rsi": 100 * gains / (gains + losses) if known and gains + losses else None,
            "atr": sum(abs(move) for move in moves) / len(moves) if known else None,
            "spread_bps": round(abs(self._random.gauss(3, 3.5)), 2),
            "funding": 0.0001,
            "depth_imbalance": None,
        }

    def _trade(self, wanted: IntentIssued, px: float) -> None:
        opening = wanted.action is Action.BUY
        purpose = Purpose.ENTRY if opening else Purpose.EXIT
        if not opening and self.stop is not None:
            self._change(self.stop, OrderState.CANCELED, "position closed")
            self.stop = None
        qty = Decimal("0.004") if opening else self.position.qty
        order = self._order(purpose, wanted.id, wanted.side, qty, OrderType.MARKET)
        self._record_order(order, parents=(f"intents/{wanted.id}",))
        order = self._change(order, OrderState.OPEN, "accepted")
        filled = self._fill(order, quantize(decimal_of(px), TICK, "down"))
        order = self._change(order, OrderState.FILLED, "filled", filled)
        self._fold(filled, opening=opening)
        if opening and self.with_stops:
            trigger = quantize(filled.last_px * Decimal("0.994"), TICK, "down")
            stop = self._order(
                Purpose.STOP, f"guard:{filled.id}", Side.SELL, qty, OrderType.STOP_MARKET, trigger
            )
            self._record_order(stop, parents=(f"fills/{filled.id}",))
            self.stop = self._change(stop, OrderState.OPEN, "accepted")

    def _order(
        self,
        purpose: Purpose,
        cause: str,
        side: Side,
        qty: Decimal,
        kind: OrderType,
        trigger_px: Decimal | None = None,
    ) -> OrderRecord:
        gates = (
            GateCheck(gate="trading_open", passed=True, value="open", limit="not halted"),
            GateCheck(gate="max_notional", passed=True, value="377.24", limit="410"),
            GateCheck(gate="daily_loss", passed=True, value="-1.20", limit="-40"),
        )
        return OrderRecord(
            client_order_id=client_order_id(purpose, cause),
            revision=1,
            symbol=SYMBOL,
            ts=self.now,
            intent_id=cause,
            generation=3,
            purpose=purpose,
            side=side,
            order_type=kind,
            qty=qty,
            trigger_px=trigger_px,
            reduce_only=purpose is not Purpose.ENTRY,
            state=OrderState.SUBMITTED,
            gates=gates if purpose is Purpose.ENTRY else (),
            history=(Transition(ts=self.now, state=OrderState.SUBMITTED, event=cause),),
        )

    def _change(
        self, order: OrderRecord, state: OrderState, note: str, filled: OrderFilled | None = None
    ) -> OrderRecord:
        self.now += 40
        step = Transition(ts=self.now, state=state, event=f"rep:{order.revision}", note=note)
        changed = msgspec.structs.replace(
            order,
            revision=order.revision + 1,
            state=state,
            venue_order_id="8389765519",
            history=(*order.history, step),
        )
        if filled is not None:
            changed = msgspec.structs.replace(
                changed,
                filled_qty=filled.last_qty,
                filled_notional=filled.last_qty * filled.last_px,
                trade_ids=(filled.trade_id,),
            )
        self._record_order(changed)
        return changed

    def _record_order(self, order: OrderRecord, parents: tuple[str, ...] = ()) -> None:
        key = order.client_order_id
        self.writes.append(
            Write("orders", key, encode(order), SYMBOL, order.ts, order.revision, parents)
        )
        identity = f"ord:{key}:{order.revision}"
        self.events.append(
            OrderChanged(
                id=identity, ts_event=self.now, ts_init=self.now, symbol=SYMBOL, order=order
            )
        )

    def _fill(self, order: OrderRecord, px: Decimal) -> OrderFilled:
        trade_id = str(self.now - START)
        filled = OrderFilled(
            id=f"fill:{SYMBOL}:{trade_id}",
            ts_event=self.now,
            ts_init=self.now,
            symbol=SYMBOL,
            client_order_id=order.client_order_id,
            venue_order_id="8389765519",
            trade_id=trade_id,
            side=order.side,
            last_qty=order.qty,
            last_px=px,
            filled_qty=order.qty,
            fee=quantize(order.qty * px * Decimal("0.0005"), Decimal("0.00000001"), "half_even"),
            fee_asset="USDT",
            liquidity_side=LiquiditySide.TAKER,
        )
        self._keep("fills", filled.id, filled, parents=(f"orders/{order.client_order_id}",))
        return filled

    def _fold(self, filled: OrderFilled, *, opening: bool) -> None:
        self.sequence += 1
        self.fees += filled.fee
        if opening:
            self.position = PositionView(
                qty=filled.last_qty, entry_px=filled.last_px, opened_at=filled.ts_event
            )
        else:
            self.realised += filled.last_qty * (filled.last_px - self.position.entry_px)
            self.position = _FLAT
        changed = PositionChanged(
            id=f"pos:{SYMBOL}:{self.sequence}",
            cause=filled.id,
            ts_event=self.now,
            ts_init=self.now,
            symbol=SYMBOL,
            sequence=self.sequence,
            qty=self.position.qty,
            entry_px=self.position.entry_px,
            opened_at=self.position.opened_at,
            realised_pnl=self.realised,
            fees=self.fees,
            funding=Decimal(0),
        )
        self._keep("positions_snapshots", changed.id, changed, parents=(f"fills/{filled.id}",))

    def _mark(self, px: float, cause: str) -> None:
        unrealised = self.position.qty * (decimal_of(px) - self.position.entry_px)
        wallet = Decimal(1_000) + self.realised - self.fees
        marked = EquityMarked(
            id=f"equity:{self.now}:{cause}",
            cause=cause,
            ts_event=self.now,
            ts_init=self.now,
            wallet_usdt=wallet,
            unrealised_usdt=unrealised,
            open_positions=1 if self.position.qty else 0,
            day_pnl_usdt=wallet + unrealised - 1_000,
        )
        self._keep("positions_snapshots", marked.id, marked, symbol=ACCOUNT)

    def _keep(
        self,
        collection: str,
        key: str,
        body: Event,
        *,
        parents: tuple[str, ...] = (),
        symbol: str = SYMBOL,
    ) -> None:
        self.writes.append(
            Write(collection, key, encode(body), symbol, body.ts_event, parents=parents)
        )
        self.events.append(body)


def _ema(values: Iterable[float], length: int) -> float:
    level: float | None = None
    for value in values:
        level = value if level is None else level + (value - level) * 2 / (length + 1)
    assert level is not None
    return level
