"""Whatever the fills: the position is their sum, and the money is an independent oracle's."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from apps.orders.core.book import SymbolBook
from apps.positions.core.ledger import PositionLedger, fold_fill
from apps.positions.core.service import Positions
from chimera.events import (
    AccountReported,
    EquityMarked,
    FundingPaid,
    MarkPriceChanged,
    OrderFilled,
    PositionAdopted,
    WalletTransferred,
)
from chimera.events.base import Event
from chimera.events.orders import LiquiditySide
from chimera.instruments import Side
from chimera.runtime.contract import Publish

SYMBOL = "BTCUSDT-PERP"
T0 = 1_746_374_400_000

trades = st.lists(
    st.tuples(
        st.sampled_from(list(Side)),
        st.integers(1, 50).map(lambda n: Decimal(n) / 1000),
        st.integers(1, 2_000_000).map(lambda n: Decimal(n) / 10),
        st.integers(0, 10_000).map(lambda n: Decimal(n) / 10**6),
    ),
    min_size=1,
    max_size=40,
)
Trade = tuple[Side, Decimal, Decimal, Decimal]


class Oracle:
    """Cash and cost in exact fractions: no averages, no rounding, no decimals."""

    def __init__(self) -> None:
        self.qty = Fraction(0)
        self.cost = Fraction(0)  # what the present position cost, signed like it
        self.realised = Fraction(0)

    def trade(self, side: Side, qty: Decimal, px: Decimal) -> None:
        signed, price = Fraction(qty) * side.sign, Fraction(px)
        if self.qty * signed < 0:
            closing = min(abs(signed), abs(self.qty)) * (1 if signed > 0 else -1)
            share = -closing / self.qty
            self.realised += -closing * price - self.cost * share
            self.cost -= self.cost * share
            self.qty += closing
            signed -= closing
        self.qty += signed
        self.cost += signed * price


@given(trades)
def test_ledger_equals_the_oracle(story: list[Trade]) -> None:
    ledger, oracle = PositionLedger(), Oracle()
    fees = Decimal(0)
    for ts, (side, qty, px, fee) in enumerate(story):
        ledger = fold_fill(ledger, side=side, qty=qty, px=px, fee=fee, ts=ts)
        oracle.trade(side, qty, px)
        fees += fee

        assert Fraction(ledger.qty) == oracle.qty
        # Each realised amount is rounded by at most half of the eighth decimal.
        assert abs(Fraction(ledger.realised_pnl) - oracle.realised) <= Fraction(ts + 1, 10**8)
        if ledger.qty:
            average = oracle.cost / oracle.qty
            assert abs(Fraction(ledger.entry_px) - average) < Fraction(1, 10**15)
        else:
            assert ledger.entry_px == 0
    assert ledger.fees == fees
    assert ledger.net == ledger.realised_pnl - fees


def fills_of(story: list[Trade]) -> list[OrderFilled]:
    return [
        OrderFilled(
            id=f"fill:{number}",
            ts_event=T0 + number,
            ts_init=T0 + number,
            symbol=SYMBOL,
            client_order_id="c",
            venue_order_id="v",
            trade_id=str(number),
            side=side,
            last_qty=qty,
            last_px=px,
            filled_qty=qty,
            fee=fee,
            fee_asset="USDT",
            liquidity_side=LiquiditySide.TAKER,
        )
        for number, (side, qty, px, fee) in enumerate(story, start=1)
    ]


@given(trades, st.randoms(use_true_random=False), st.integers(1, 3))
def test_positions_shuffled_and_repeated_fills_add_up_to_the_same(
    story: list[Trade], random: object, copies: int
) -> None:
    fills = fills_of(story)
    delivered = fills * copies
    random.shuffle(delivered)  # type: ignore[attr-defined]
    positions, book = Positions(), SymbolBook(SYMBOL)
    opening = AccountReported(
        id="a", ts_event=T0, ts_init=T0, wallet_usdt=Decimal(1_000), positions=(), orders=()
    )
    list(positions.handle(opening, T0))
    for fill in delivered:
        list(positions.handle(fill, fill.ts_event))
        book.fold(fill)

    total = sum((f.last_qty * f.side.sign for f in fills), Decimal(0))
    spent = sum((Fraction(f.last_qty * f.last_px * f.side.sign) for f in fills), Fraction(0))
    fees = sum((f.fee for f in fills), Decimal(0))
    ledger = positions._ledgers[SYMBOL]
    assert book.qty == ledger.qty == total
    assert book.entry_px == ledger.entry_px
    # Whatever the order: what was earned and what is held at cost is what was paid.
    value = Fraction(ledger.realised_pnl) - Fraction(ledger.qty) * Fraction(ledger.entry_px)
    assert abs(value + spent) <= Fraction(len(fills), 10**8)
    assert positions.wallet_usdt == Decimal(1_000) + ledger.realised_pnl - fees


money = st.lists(
    st.tuples(
        st.sampled_from(["funding", "transfer", "mark"]),
        st.integers(-10_000, 10_000).map(lambda n: Decimal(n) / 10**4),
    ),
    max_size=20,
)


@given(trades, money, st.randoms(use_true_random=False))
def test_wallet_is_opening_realised_fees_funding_and_transfers_at_every_moment(
    story: list[Trade], moved: list[tuple[str, Decimal]], random: object
) -> None:
    positions = Positions()
    opening = AccountReported(
        id="a", ts_event=T0, ts_init=T0, wallet_usdt=Decimal(1_000), positions=(), orders=()
    )
    list(positions.handle(opening, T0))
    facts: list[Event] = [*fills_of(story), *money_of(moved)]
    delivered = facts * 2
    random.shuffle(delivered)  # type: ignore[attr-defined]
    told: set[str] = set()
    transferred = Decimal(0)
    for fact in delivered:
        effects = positions.handle(fact, T0 + 1_000)
        if isinstance(fact, WalletTransferred) and fact.id not in told:
            transferred += fact.amount
        told.add(fact.id)

        ledger = positions._ledgers.get(SYMBOL, PositionLedger())
        parts = ledger.realised_pnl - ledger.fees + ledger.funding
        assert positions.wallet_usdt == Decimal(1_000) + parts + transferred
        for effect in effects:
            if isinstance(effect, Publish) and isinstance(effect.event, EquityMarked):
                assert effect.event.wallet_usdt == positions.wallet_usdt
                assert effect.event.transferred_usdt == transferred
    assert ledger.funding == sum((a for kind, a in moved if kind == "funding"), Decimal(0))


@given(trades, money, st.data())
def test_adoption_read_late_leaves_the_books_as_if_read_in_time(
    story: list[Trade], moved: list[tuple[str, Decimal]], data: st.DataObject
) -> None:
    facts: list[Event] = sorted(
        (*fills_of(story), *money_of(moved)), key=lambda fact: (fact.ts_event, fact.id)
    )
    heard = data.draw(st.integers(0, len(facts)))
    read = data.draw(st.integers(0, len(facts)))
    word = PositionAdopted(
        id="adopted",
        ts_event=facts[heard - 1].ts_event if heard else T0,
        ts_init=T0,
        symbol=SYMBOL,
        qty=Decimal(data.draw(st.integers(-9, 9))),
        entry_px=Decimal(100),
        wallet_usdt=Decimal(data.draw(st.integers(500, 1_500))),
    )
    books = []
    at = sum(fact.ts_event <= word.ts_event for fact in facts)
    for place in (at, read):
        positions = Positions()
        opening = AccountReported(
            id="a", ts_event=T0, ts_init=T0, wallet_usdt=Decimal(1_000), positions=(), orders=()
        )
        for fact in (opening, *facts[:place], word, *facts[place:]):
            list(positions.handle(fact, T0 + 1_000))
        books.append((positions._ledgers[SYMBOL].qty, positions.wallet_usdt))

    assert books[0] == books[1]


def money_of(moved: list[tuple[str, Decimal]]) -> list[Event]:
    """Return funding and transfers at moments of their own, and the mark price in between."""
    told: list[Event] = []
    for number, (kind, amount) in enumerate(moved, start=1):
        times = {"id": f"{kind}:{number}", "ts_event": T0 + number, "ts_init": T0 + number}
        if kind == "funding":
            told.append(FundingPaid(symbol=SYMBOL, amount=amount, asset="USDT", **times))  # type: ignore[arg-type]
        elif kind == "transfer":
            told.append(WalletTransferred(amount=amount, asset="USDT", **times))  # type: ignore[arg-type]
        else:
            told.append(
                MarkPriceChanged(
                    symbol=SYMBOL,
                    mark_px=100.0 + number,
                    index_px=100.0,
                    funding_rate=0.0,
                    next_funding_time=0,
                    **times,  # type: ignore[arg-type]
                )
            )
    return told
