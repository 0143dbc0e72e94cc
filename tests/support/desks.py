"""Simulated desks for tests: seeded bars, a bundle that trades all the time, and what must always hold."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import msgspec

from apps.exchange.core.venue import invariants
from apps.exchange.core.venue.actions import Action, Bar
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.core.venue.types import NewOrder, VenueOrderType
from apps.experiments.core.desk import ACCOUNT_ID, Desk, build_desk
from apps.orders.core.service import Router
from apps.positions.core.service import Positions
from chimera.bundles import (
    Bundle,
    Execution,
    FactorKind,
    FactorSpec,
    RiskLimits,
    RuleAction,
    RuleSpec,
)
from chimera.clock import MINUTE, SECOND, Millis
from chimera.events import OrderFilled, StreamDisconnected, TradingHalted, TradingResumed
from chimera.events.base import Event
from chimera.events.orders import OrderRecord, Purpose
from chimera.instruments import Market, Side, symbol_of
from chimera.money import ZERO
from chimera.runtime.faults import FaultRates, Faults
from chimera.runtime.worker import WorkerContext, build_services
from chimera.store.memory import MemoryStore

START: Millis = 1_746_374_400_000 - 20 * MINUTE  # funding is paid 20 bars later
CORES = ("features", "strategy", "orders", "positions")
Inputs = Iterator[tuple[Millis, Action]]


def busy_bundle(
    symbols: Sequence[str] = ("BTCUSDT",), *, execution: Execution | None = None, **risk: object
) -> Bundle:
    """Return a bundle that is in and out of the market every few bars, with narrow stops."""
    limits = {
        "max_daily_loss_usdt": 5_000.0,
        "max_orders_per_minute": 1_000,
        "min_stop_distance": 0.001,
        **risk,
    }
    return Bundle(
        name="busy",
        interval="1m",
        symbols=tuple(f"{symbol}-PERP" for symbol in symbols),
        factors=(FactorSpec(name="rsi_2", kind=FactorKind.RSI, length=2),),
        rules=(
            RuleSpec(
                name="dip", when="rsi_2 < 40", do=RuleAction.OPEN_LONG, stop_distance="0.0015"
            ),
            RuleSpec(
                name="rally", when="rsi_2 > 60", do=RuleAction.OPEN_SHORT, stop_distance="0.0015"
            ),
            RuleSpec(name="enough", when="bars_held >= 2", do=RuleAction.CLOSE),
        ),
        risk=RiskLimits(**limits),  # type: ignore[arg-type]
        execution=execution or Execution(),
    )


def random_walk(
    bars: int, *, seed: int, symbols: Sequence[str] = ("BTCUSDT",), start: Millis = START
) -> Inputs:
    """Yield one-minute bars of a seeded walk, all symbols bar by bar."""
    random = Random(seed)
    prices = dict.fromkeys(symbols, 60_000.0) | {"ETHUSDT": 3_000.0, "SOLUSDT": 150.0}
    for index in range(bars):
        opened = start + index * MINUTE
        for symbol in symbols:
            first = prices[symbol]
            last = round(first * (1 + random.gauss(0, 0.0012)), 2)
            reach = first * abs(random.gauss(0, 0.0008))
            prices[symbol] = last
            yield (
                opened + MINUTE,
                Bar(
                    market=Market.USDM,
                    symbol=symbol,
                    interval="1m",
                    open_time=opened,
                    close_time=opened + MINUTE,
                    open=first,
                    high=round(max(first, last) + reach, 2),
                    low=round(min(first, last) - reach, 2),
                    close=last,
                    volume=random.uniform(20, 200),
                ),
            )


@dataclass
class Watch:
    """Looks at the venue after every event, and at everything at the end."""

    unprotected_max: Millis = 0
    withdrawn_within: Millis = 20 * SECOND  # entries that rest, from a halt on
    desk: Desk | None = None
    _since: dict[str, Millis] = field(default_factory=dict)
    _halted_since: Millis | None = None
    longest: Millis = 0

    def after_event(self, event: Event, now: Millis) -> None:
        if self.desk is None:
            return
        self._check_halt(self.desk, now)
        account = self.desk.venue.account(ACCOUNT_ID)
        for (symbol, _), position in account.positions.items():
            stops = [
                algo
                for algo in account.open_algos.values()
                if algo.symbol == symbol
                and algo.request.side is (Side.SELL if position.qty > 0 else Side.BUY)
            ]
            # The one that guards, one on its way out, one on its way in.
            assert len(stops) <= 3, f"{len(stops)} stops rest for {symbol} at {now}"
            covered = max((stop.request.quantity or ZERO for stop in stops), default=ZERO)
            if abs(position.qty) <= covered:
                self._since.pop(symbol, None)
                continue
            unprotected = now - self._since.setdefault(symbol, now)
            self.longest = max(self.longest, unprotected)
            assert unprotected <= self.unprotected_max, (
                f"{symbol} holds {position.qty} unprotected for {unprotected} ms at {now} ({event.id})"
            )

    def _check_halt(self, desk: Desk, now: Millis) -> None:
        """No entry rests for long while new risk is halted."""
        (router,) = (core for core in desk.runtime.services if isinstance(core, Router))
        resting = [
            order.client_order_id
            for order in desk.venue.open_orders(ACCOUNT_ID, Market.USDM)
            if order.type is VenueOrderType.LIMIT
        ]
        if not resting or not router.state.is_halted:
            self._halted_since = None
            return
        self._halted_since = now if self._halted_since is None else self._halted_since
        rested = now - self._halted_since
        assert rested <= self.withdrawn_within, f"{resting} rest {rested} ms after a halt"


@dataclass
class Run:
    desk: Desk
    store: MemoryStore
    watch: Watch
    faults: Faults | None = None

    def core(self, kind: type) -> object:
        return next(core for core in self.desk.runtime.services if isinstance(core, kind))

    @property
    def router(self) -> Router:
        core = self.core(Router)
        assert isinstance(core, Router)
        return core

    @property
    def positions(self) -> Positions:
        core = self.core(Positions)
        assert isinstance(core, Positions)
        return core

    def bodies(self, collection: str, kind: type) -> list:
        """Return what was recorded of one kind, in the order of its first record."""
        found = [msgspec.json.decode(w.body) for w in self.store._documents[collection].values()]
        tag = kind.__struct_config__.tag  # type: ignore[attr-defined]
        return [msgspec.convert(body, kind) for body in found if body.get("type") == tag]

    def orders(self) -> list[OrderRecord]:
        return self.bodies("orders", OrderRecord)

    def fills(self) -> list[OrderFilled]:
        return self.bodies("fills", OrderFilled)


def open_desk(
    bundle: Bundle, *, rates: FaultRates | None = None, seed: int = 0, unprotected_max: Millis = 0
) -> Run:
    """Return a desk over the default instruments, restored by the workers' own rooms after a crash."""
    store = MemoryStore()
    symbols = tuple(symbol.removesuffix("-PERP") for symbol in bundle.symbols)
    context = WorkerContext(store=store, symbols=bundle.symbols, interval_ms=MINUTE, speed=1.0)
    faults = Faults(rates, seed) if rates is not None else None
    watch = Watch(unprotected_max=unprotected_max)
    desk = build_desk(
        bundle,
        instruments={Market.USDM: list_symbols(Market.USDM, symbols)},
        store=store,
        start=START,
        faults=faults,
        restored=(lambda: build_services(CORES, context)) if rates is not None else None,
        after_event=watch.after_event,
    )
    watch.desk = desk
    return Run(desk=desk, store=store, watch=watch, faults=faults)


def meddled_with(run: Run, inputs: Inputs, *, seed: int) -> Inputs:
    """Yield `inputs`; between them people close positions, remove stops, and halt and resume."""
    random, runtime = Random(seed), run.desk.runtime
    for item in inputs:
        yield item
        now = runtime.clock.now()
        match random.randrange(12):
            case 0:
                close_by_hand(run)
            case 1:
                for algo in list(run.desk.venue.open_algos(ACCOUNT_ID)):
                    run.desk.venue.cancel_algo(ACCOUNT_ID, now, algo_id=algo.algo_id)
            case 2:
                times = {"ts_event": now, "ts_init": now}
                runtime.inject(TradingHalted(id=f"h{now}", source="people", reason="test", **times))
                runtime.settle(now + 5 * SECOND)
                runtime.inject(TradingResumed(id=f"r{now}", source="people", **times))
        runtime._hear(run.desk.exchange.advance(runtime.clock.now()))
        runtime._handle_due()


def close_by_hand(run: Run) -> None:
    """Close whatever is held at the venue, past us."""
    venue, now = run.desk.venue, run.desk.runtime.clock.now()
    for held in [view for view in venue.positions(ACCOUNT_ID) if view.qty]:
        request = NewOrder(
            symbol=held.symbol,
            side=Side.SELL if held.qty > 0 else Side.BUY,
            type=VenueOrderType.MARKET,
            quantity=abs(held.qty),
            client_order_id=f"web_{held.symbol}_{now}",
            reduce_only=True,
        )
        venue.place_order(ACCOUNT_ID, Market.USDM, request, now)


def reconnect(run: Run) -> None:
    """Lose the user stream and have it back, as the venue does once a day."""
    now = run.desk.runtime.clock.now()
    for connected in (False, True):
        run.desk.runtime.inject(
            StreamDisconnected(
                id=f"s{now}{connected}",
                ts_event=now,
                ts_init=now,
                stream="exchange:user",
                connected=connected,
                account=True,
            )
        )


def assert_nothing_twice(run: Run) -> None:
    """No order of ours exists twice at the venue, and no intent led to two entries."""
    account = run.desk.venue.account(ACCOUNT_ID)
    plain = Counter(
        order.client_order_id
        for orders in account.orders.values()
        for order in orders.values()
        if order.algo_id is None
    )
    conditional = Counter(algo.client_algo_id for algo in account.algos.values())
    for ids in (plain, conditional):
        assert max(ids.values(), default=1) == 1, ids.most_common(1)
    entries = Counter(o.intent_id for o in run.orders() if o.purpose is Purpose.ENTRY)
    assert max(entries.values(), default=1) == 1, entries.most_common(1)
    for fills in account.fills.values():
        qty = ZERO
        for fill in fills:
            qty += fill.qty * fill.side.sign
            largest = max(
                abs(o.quantity) for orders in account.orders.values() for o in orders.values()
            )
            assert abs(qty) <= largest, "more is held than any one order asked for"


def assert_books_agree(run: Run, *, wallet_within: Decimal = ZERO) -> None:
    """Router, ledger, record and venue hold the same, and only what is held is guarded."""
    venue = run.desk.venue
    invariants.check(venue.floor)
    account = venue.account(ACCOUNT_ID)
    router, positions = run.router, run.positions
    assert not router.state.halted_by, f"still halted by {router.state.halted_by}"
    held = {
        symbol_of(view.symbol, Market.USDM): view
        for view in venue.positions(ACCOUNT_ID)
        if view.qty
    }
    for symbol, book in router.books.items():
        qty = held[symbol].qty if symbol in held else ZERO
        ledger = positions._ledgers.get(symbol)
        assert book.qty == qty, f"{symbol}: router holds {book.qty}, the venue {qty}"
        assert (ledger.qty if ledger else ZERO) == qty, f"{symbol}: ledger {ledger}, venue {qty}"
        living = {key: order.state.value for key, order in book.orders.items()}
        resting = {
            a.client_algo_id for a in venue.open_algos(ACCOUNT_ID) if a.symbol + "-PERP" == symbol
        }
        resting |= {
            o.client_order_id
            for o in venue.open_orders(ACCOUNT_ID, Market.USDM)
            if o.symbol + "-PERP" == symbol
        }
        assert set(living) == resting, (
            f"{symbol}: we believe in {living}, at the venue rest {resting}"
        )
        assert len(resting) == (1 if qty else 0)
    difference = abs(positions.wallet_usdt - account.wallet_balance)
    assert difference <= wallet_within, (
        f"wallet {positions.wallet_usdt}, venue {account.wallet_balance}"
    )
