"""Whatever happened unseen, and whatever of it is told late and in whatever order: no day looks better."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.positions.core.service import Positions
from chimera.clock import DAY
from chimera.events import (
    AccountReported,
    EquityMarked,
    FundingPaid,
    PositionAdopted,
    WalletTransferred,
)
from chimera.events.base import Event
from chimera.runtime.contract import Publish

SYMBOL = "BTCUSDT-PERP"
T0 = 20_000 * DAY
AT = T0 + 1_000
amounts = st.integers(-200, 200).filter(bool).map(Decimal)
hidden = st.lists(st.tuples(st.sampled_from([FundingPaid, WalletTransferred]), amounts), max_size=8)


def fact(number: int, kind: type, amount: Decimal) -> Event:
    times = {"ts_event": T0 + number, "ts_init": T0 + number}
    if kind is FundingPaid:
        return FundingPaid(id=f"f{number}", symbol=SYMBOL, amount=amount, asset="USDT", **times)
    return WalletTransferred(id=f"t{number}", amount=amount, asset="USDT", **times)


@given(hidden, st.data())
def test_day_counts_what_was_earned_and_of_the_unexplained_only_a_loss(
    unseen: list[tuple[type, Decimal]], data: st.DataObject
) -> None:
    facts = [fact(number, kind, amount) for number, (kind, amount) in enumerate(unseen, start=1)]
    wallet = Decimal(1_000) + sum(amount for _, amount in unseen)
    opening = AccountReported(
        id="a", ts_event=T0, ts_init=T0, wallet_usdt=Decimal(1_000), positions=(), orders=()
    )
    word = PositionAdopted(
        id="w",
        ts_event=AT,
        ts_init=AT,
        symbol=SYMBOL,
        qty=Decimal(0),
        entry_px=Decimal(0),
        wallet_usdt=wallet,
    )
    positions = Positions()
    list(positions.handle(opening, T0))
    untold, earned = wallet - 1_000, Decimal(0)

    for event in (word, *data.draw(st.permutations(facts))):
        effects = positions.handle(event, AT + 1)
        if isinstance(event, FundingPaid | WalletTransferred):
            untold -= event.amount
        if isinstance(event, FundingPaid):
            earned += event.amount
        (marked,) = [
            effect.event
            for effect in effects
            if isinstance(effect, Publish) and isinstance(effect.event, EquityMarked)
        ]
        assert marked.wallet_usdt == positions.wallet_usdt == wallet
        assert marked.day_pnl_usdt == earned + min(untold, Decimal(0))
