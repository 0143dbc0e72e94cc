"""A router under test: it is told things, time passes, and what it asks for is looked at."""

from decimal import Decimal
from typing import TypeVar

from apps.exchange.core.refusal import refusal_of
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.orders.core.service import Router
from chimera.bundles import Bundle
from chimera.clock import Millis
from chimera.events import (
    AccountReported,
    BarClosed,
    BundleActivated,
    CancelOrder,
    EquityMarked,
    InstrumentListed,
    IntentIssued,
    MarkPriceChanged,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderStatus,
    OrderUnclear,
    PrepareSymbol,
    QueryAccount,
    QueryFailed,
    QueryOrder,
    QuoteChanged,
    SubmitOrder,
    SubmitUnknown,
    SymbolPrepared,
    TimerFired,
)
from chimera.events.base import Command, Event
from chimera.events.decisions import Action
from chimera.events.orders import LiquiditySide, OrderRecord, OrderState, Purpose
from chimera.events.positions import HeldPosition, RestingOrder
from chimera.instruments import Market, Side
from chimera.runtime.contract import Ask, Effect, Publish, Record, Wake
from chimera.runtime.timers import Timers

from .desks import START, busy_bundle

SYMBOL = "BTCUSDT-PERP"
PX = 60_000.0
QTY = Decimal("0.006")
Kind = TypeVar("Kind")


class RouterBench:
    """Drives a `Router`; nothing answers unless the test does."""

    def __init__(self, bundle: Bundle | None = None, router: Router | None = None) -> None:
        self.bundle = bundle or busy_bundle()
        self.router = router or Router()
        self.now: Millis = START
        self.asks: list[Command] = []
        self.question: QueryAccount | None = None  # the newest
        self.preparation: PrepareSymbol | None = None  # likewise
        self.effects: list[Effect] = []
        self.timers = Timers()
        self._trades = 0

    # --- what happens --------------------------------------------------------------------------------

    def tell(self, event: Event) -> list[Effect]:
        effects = list(self.router.handle(event, self.now))
        for effect in effects:
            match effect:
                case Ask(command):
                    self.asks.append(command)
                    if isinstance(command, QueryAccount):
                        self.question = command
                    elif isinstance(command, PrepareSymbol):
                        self.preparation = command
                case Wake():
                    self.timers.set(effect)
                case Publish(published) if type(published) in Router.consumes:
                    self.tell(published)
        self.effects += effects
        return effects

    def wait(self, millis: Millis) -> None:
        """Let time pass, firing what is due on the way."""
        until = self.now + millis
        while (due := self.timers.next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            timer = self.timers.pop_due(self.now)
            if timer is not None:
                self.tell(timer)
        self.now = until

    def start(self) -> None:
        self.tell(
            TimerFired(
                id=f"start:{self.now}",
                ts_event=self.now,
                ts_init=self.now,
                service="orders",
                timer="start",
                due=self.now,
            )
        )

    def ready(self) -> "RouterBench":
        """Everything an entry needs: bundle, instrument, margin, agreement, equity, a price."""
        self.activate()
        self.list_instrument()
        self.start()
        self.prepare()
        self.account()
        self.equity()
        self.bar()
        self.take()
        return self

    def activate(self, generation: int = 1, bundle: Bundle | None = None) -> None:
        self.tell(
            BundleActivated(
                id=f"cfg:g{generation}",
                generation=generation,
                bundle_hash="h",
                bundle=bundle or self.bundle,
                actor="tester",
                reason="test",
                **self._times(),
            )
        )

    def list_instrument(self) -> None:
        listed = list_symbols(Market.USDM, ["BTCUSDT"])["BTCUSDT"].filters
        self.tell(InstrumentListed(id="instrument", instrument=listed, **self._times()))

    def prepare(
        self,
        problem: str | None = None,
        leverage: int = 20,
        *,
        asked: PrepareSymbol | None = None,
    ) -> None:
        """Answer `asked`, or the newest question about the margin settings."""
        question = asked or self.preparation
        self.tell(
            SymbolPrepared(
                id=f"prepared:{self.now}",
                cause=question.id if question is not None else "",
                symbol=SYMBOL,
                leverage=leverage,
                isolated=True,
                one_way=True,
                problem=problem,
                **self._times(),
            )
        )

    def account(
        self,
        qty: Decimal = Decimal(0),
        *orders: RestingOrder,
        asked: QueryAccount | None = None,
        wallet: Decimal = Decimal(10_000),
        leverage: int = 20,
        isolated: bool = True,
        mark: str = "60000",
    ) -> list[Effect]:
        """Answer `asked`, or the newest question about the account."""
        question = asked or self.question
        held = HeldPosition(
            symbol=SYMBOL,
            qty=qty,
            entry_px=Decimal(60_000),
            mark_px=Decimal(mark),
            unrealised_pnl=Decimal(0),
            leverage=leverage,
            isolated=isolated,
        )
        return self.tell(
            AccountReported(
                id=f"account:{self.now}",
                cause=question.id if question is not None else "",
                wallet_usdt=wallet,
                positions=(held,) if qty else (),
                orders=orders,
                **self._times(),
            )
        )

    def equity(self, day_pnl: str = "0", *, positions: int = 0) -> None:
        self.tell(
            EquityMarked(
                id=f"equity:{self.now}",
                wallet_usdt=Decimal(10_000),
                unrealised_usdt=Decimal(0),
                open_positions=positions,
                day_pnl_usdt=Decimal(day_pnl),
                **self._times(),
            )
        )

    def mark(self, px: float = PX) -> None:
        self.tell(
            MarkPriceChanged(
                id=f"mark:{self.now}",
                symbol=SYMBOL,
                mark_px=px,
                index_px=px,
                funding_rate=0.0,
                next_funding_time=0,
                **self._times(),
            )
        )

    def quote(self, bid_px: float = PX, ask_px: float = PX) -> None:
        self.tell(
            QuoteChanged(
                id=f"quote:{self.now}",
                symbol=SYMBOL,
                bid_px=bid_px,
                bid_qty=1.0,
                ask_px=ask_px,
                ask_qty=1.0,
                **self._times(),
            )
        )

    def bar(self, close: float = PX, *, alone: bool = True) -> None:
        """Close a bar of a market that is known by its bars alone, or has marks and quotes besides."""
        self.tell(
            BarClosed(
                id=f"bar:{self.now}",
                symbol=SYMBOL,
                interval="1m",
                open_time=self.now - 60_000,
                open=close,
                high=close,
                low=close,
                close=close,
                volume=1.0,
                mark_px=close if alone else None,
                **self._times(),
            )
        )

    def intent(
        self,
        action: Action = Action.BUY,
        *,
        name: str = "1",
        generation: int = 1,
        stop_distance: float | None = 0.002,
    ) -> IntentIssued:
        return IntentIssued(
            id=f"int:{name}",
            symbol=SYMBOL,
            decision_id=f"dec:{name}",
            generation=generation,
            bundle_hash="h",
            action=action,
            side=Side.SELL if action is Action.SELL else Side.BUY,
            reference_px=PX,
            stop_distance=stop_distance,
            **self._times(),
        )

    def enter(self, action: Action = Action.BUY, *, name: str = "1") -> OrderRecord:
        """Issue an intent and return the entry that it led to."""
        self.tell(self.intent(action, name=name))
        return self.newest(Purpose.ENTRY)

    def hold(self, qty: Decimal = QTY) -> OrderRecord:
        """Enter, get filled, and have the stop acknowledged; return the stop."""
        entry = self.enter()
        self.accept(entry)
        self.fill(entry, qty)
        stop = self.newest(Purpose.STOP)
        self.accept(stop)
        self.take()
        return self.order(stop)

    # --- what the venue says --------------------------------------------------------------------------

    def accept(self, order: OrderRecord) -> list[Effect]:
        return self.tell(
            OrderAccepted(
                id=f"accepted:{order.client_order_id}",
                client_order_id=order.client_order_id,
                symbol=SYMBOL,
                venue_order_id="v",
                **self._times(),
            )
        )

    def filled(
        self,
        order: OrderRecord | None,
        qty: Decimal = QTY,
        *,
        px: str = "60000",
        side: Side | None = None,
        trade_id: str | None = None,
    ) -> OrderFilled:
        self._trades += 1
        trade = trade_id or str(self._trades)
        return OrderFilled(
            id=f"fill:{SYMBOL}:{trade}",
            client_order_id=order.client_order_id if order is not None else "web_1",
            symbol=SYMBOL,
            venue_order_id="v",
            trade_id=trade,
            side=side or (order.side if order is not None else Side.SELL),
            last_qty=qty,
            last_px=Decimal(px),
            filled_qty=qty,
            fee=Decimal("0.01"),
            fee_asset="USDT",
            liquidity_side=LiquiditySide.TAKER,
            **self._times(),
        )

    def fill(self, order: OrderRecord, qty: Decimal = QTY, px: str = "60000") -> OrderFilled:
        report = self.filled(order, qty, px=px)
        self.tell(report)
        return report

    def reject(self, order: OrderRecord, code: str = "-2019") -> list[Effect]:
        return self.tell(
            OrderRejected(
                id=f"rejected:{order.client_order_id}",
                code=code,
                message="no",
                refusal=refusal_of(code),
                **self._about(order),
            )
        )

    def canceled(self, order: OrderRecord, filled_qty: Decimal = Decimal(0)) -> list[Effect]:
        return self.tell(
            OrderCanceled(
                id=f"canceled:{order.client_order_id}", filled_qty=filled_qty, **self._about(order)
            )
        )

    def expired(self, order: OrderRecord, filled_qty: Decimal = Decimal(0)) -> list[Effect]:
        return self.tell(
            OrderExpired(
                id=f"expired:{order.client_order_id}", filled_qty=filled_qty, **self._about(order)
            )
        )

    def unknown(self, order: OrderRecord) -> list[Effect]:
        return self.tell(
            SubmitUnknown(id=f"unknown:{order.client_order_id}", message="?", **self._about(order))
        )

    def unclear(self, order: OrderRecord) -> list[Effect]:
        """The stream says something of an order that nobody knows."""
        return self.tell(
            OrderUnclear(
                id=f"unclear:{order.client_order_id}:{self.now}",
                message="the venue reported the status DOZING",
                raw="{'X': 'DOZING'}",
                **self._about(order),
            )
        )

    def not_found(self, order: OrderRecord) -> list[Effect]:
        return self.tell(
            OrderNotFound(id=f"not_found:{order.client_order_id}:{self.now}", **self._about(order))
        )

    def query_failed(self, order: OrderRecord) -> list[Effect]:
        return self.tell(QueryFailed(id=f"failed:{self.now}", message="busy", **self._about(order)))

    def status(
        self, order: OrderRecord, state: OrderState, filled_qty: Decimal = Decimal(0)
    ) -> list[Effect]:
        return self.tell(
            OrderStatus(
                id=f"status:{order.client_order_id}:{self.now}",
                venue_order_id="v",
                state=state,
                filled_qty=filled_qty,
                **self._about(order),
            )
        )

    def resting(self, order: OrderRecord) -> RestingOrder:
        return RestingOrder(
            symbol=SYMBOL,
            client_order_id=order.client_order_id,
            venue_order_id="v",
            conditional=order.is_conditional,
            side=order.side,
            qty=order.qty,
            filled_qty=Decimal(0),
            trigger_px=order.trigger_px,
        )

    # --- what can be seen -----------------------------------------------------------------------------

    @property
    def book(self):  # type: ignore[no-untyped-def]
        return self.router.state.book(SYMBOL)

    def order(self, order: OrderRecord) -> OrderRecord:
        """Return the order's present revision."""
        return self.router.lifecycle.orders[order.client_order_id]

    def newest(self, purpose: Purpose) -> OrderRecord:
        found = [o for o in self.router.lifecycle.orders.values() if o.purpose is purpose]
        return found[-1]

    def take(self) -> list[Command]:
        """Return what was asked since the last time."""
        asks, self.asks = self.asks, []
        return asks

    def submits(self, purpose: Purpose) -> list[SubmitOrder]:
        return [a for a in self.asks if isinstance(a, SubmitOrder) and a.purpose is purpose]

    def cancels(self) -> list[str]:
        return [a.client_order_id for a in self.asks if isinstance(a, CancelOrder)]

    def queries(self) -> list[str]:
        return [a.client_order_id for a in self.asks if isinstance(a, QueryOrder)]

    def count(self, kind: type[Command]) -> int:
        return sum(type(ask) is kind for ask in self.asks)

    def published(self, kind: type[Kind]) -> list[Kind]:
        return [
            e.event for e in self.effects if isinstance(e, Publish) and isinstance(e.event, kind)
        ]

    def recorded(self, collection: str) -> list[Record]:
        return [e for e in self.effects if isinstance(e, Record) and e.collection == collection]

    def _times(self) -> dict[str, Millis]:
        return {"ts_event": self.now, "ts_init": self.now}

    def _about(self, order: OrderRecord) -> dict[str, object]:
        return {
            "symbol": order.symbol,
            "client_order_id": order.client_order_id,
            **self._times(),
        }
