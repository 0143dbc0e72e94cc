"""Whatever the venue says, in whatever order and how often: one order an intent, one stop in doubt."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from chimera.events import OrderFilled, SubmitOrder
from chimera.events.decisions import Action
from chimera.events.orders import IN_DOUBT, OrderRecord, OrderState, Purpose
from tests.support.routers import QTY, RouterBench

D = Decimal
WORDS = (
    "accept",
    "fill",
    "fill_again",
    "cancel",
    "expire",
    "reject",
    "would_trigger",
    "unknown",
    "not_found",
    "query_failed",
    "status_open",
    "status_over",
    "intent",
    "close",
    "wait",
    "wait_long",
    "by_hand",
)
steps = st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 5)), max_size=60)


class Story:
    """Tells the router one random word after another about a random order of its own."""

    def __init__(self) -> None:
        self.bench = RouterBench().ready()
        self.fills: list[OrderFilled] = []
        self.intents = 0
        self.stops_placed = 0

    def tell(self, word: str, pick: int) -> None:
        bench = self.bench
        if word == "intent":
            self.intents += 1
            bench.bar()
            bench.tell(bench.intent(name=str(self.intents)))
        elif word == "close":
            self.intents += 1
            bench.tell(bench.intent(Action.CLOSE, name=str(self.intents)))
        elif word == "wait":
            bench.wait(700)
        elif word == "wait_long":
            bench.wait(14_000)
        elif word == "by_hand":
            self._fill(bench.filled(None, D("0.001")))
        elif word == "fill_again":
            if self.fills:
                bench.tell(self.fills[pick % len(self.fills)])
        else:
            sent = [
                order
                for order in bench.router.lifecycle.orders.values()
                if order.state is not OrderState.REFUSED
            ]
            if sent:
                self._about(word, sent[-1 - pick % len(sent)])

    def _about(self, word: str, order: OrderRecord) -> None:
        bench = self.bench
        match word:
            case "accept":
                bench.accept(order)
            case "fill" if order.leaves_qty > 0:
                self._fill(bench.filled(order, min(D("0.002"), order.leaves_qty)))
            case "cancel":
                bench.canceled(order, order.filled_qty)
            case "expire":
                bench.expired(order, order.filled_qty + D("0.001"))
            case "reject":
                bench.reject(order)
            case "would_trigger":
                bench.reject(order, "-2021")
            case "unknown":
                bench.unknown(order)
            case "not_found":
                bench.not_found(order)
            case "query_failed":
                bench.query_failed(order)
            case "status_open":
                bench.status(order, OrderState.OPEN, order.filled_qty)
            case "status_over":
                bench.status(order, OrderState.CANCELED, order.filled_qty)

    def _fill(self, fill: OrderFilled) -> None:
        self.fills.append(fill)
        self.bench.tell(fill)

    def check(self) -> None:
        bench = self.bench
        submits = [ask for ask in bench.asks if isinstance(ask, SubmitOrder)]
        ids = [submit.client_order_id for submit in submits]
        assert len(ids) == len(set(ids)), "one id was sent twice"
        assert sum(s.purpose is Purpose.ENTRY for s in submits) <= self.intents
        held = sum((f.last_qty * f.side.sign for f in self.fills), D(0))
        assert bench.book.qty == held, "the position is not the sum of its fills"
        stops = bench.book.working(Purpose.STOP)
        placed = sum(submit.purpose is Purpose.STOP for submit in submits)
        if placed > self.stops_placed:  # a rejected stop may come to life later, but none is added
            self.stops_placed = placed
            assert sum(stop.state in IN_DOUBT for stop in stops) == 1, "a second stop in doubt"
        # Two are sent at most; one that was given up may come to life.
        assert len(bench.book.working(Purpose.EXIT)) <= 3
        for submit in submits:
            assert submit.reduce_only is (submit.purpose is not Purpose.ENTRY)
            assert submit.purpose is not Purpose.ENTRY or submit.qty == QTY
        records = bench.recorded("orders")
        revisions: dict[str, int] = {}
        for record in records:
            assert record.revision == revisions.get(record.key, 0) + 1, "a revision is missing"
            revisions[record.key] = record.revision


@settings(max_examples=150)
@given(steps)
def test_router_told_anything_keeps_its_promises(story: list[tuple[str, int]]) -> None:
    told = Story()
    for word, pick in story:
        told.tell(word, pick)
        told.check()


@settings(max_examples=60)
@given(steps)
def test_router_told_the_same_twice_does_the_same(story: list[tuple[str, int]]) -> None:
    one, two = Story(), Story()
    for word, pick in story:
        one.tell(word, pick)
        two.tell(word, pick)

    assert one.bench.effects == two.bench.effects
