"""The arithmetic of a position: pure folds of fills and funding, exact to the venue's last decimal."""

from decimal import Decimal

import msgspec

from chimera.clock import Millis
from chimera.instruments import Side
from chimera.money import ZERO, usdt
from chimera.netting import net_fill


class PositionLedger(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One symbol's position and everything it ever earned or cost, USDT."""

    sequence: int = 0
    qty: Decimal = ZERO
    entry_px: Decimal = ZERO
    opened_at: Millis = 0
    realised_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        """What the symbol added to the wallet."""
        return self.realised_pnl - self.fees + self.funding

    def unrealised(self, mark_px: Decimal) -> Decimal:
        """Return the gain of what is held, marked at `mark_px`: (mark - entry) * signed quantity."""
        return usdt((mark_px - self.entry_px) * self.qty)


def fold_fill(
    ledger: PositionLedger, *, side: Side, qty: Decimal, px: Decimal, fee: Decimal, ts: Millis
) -> PositionLedger:
    """Add one fill.

    What it closes realises (exit - entry) * closed quantity * side, rounded half to even to eight
    decimals, as the venue does fill by fill.
    """
    netted = net_fill(ledger.qty, ledger.entry_px, side=side, last_qty=qty, last_px=px)
    realised = usdt((px - ledger.entry_px) * netted.closed_qty * -side.sign)
    return msgspec.structs.replace(
        ledger,
        sequence=ledger.sequence + 1,
        qty=netted.qty,
        entry_px=netted.entry_px,
        opened_at=ts if netted.begins else (ledger.opened_at if netted.qty else 0),
        realised_pnl=ledger.realised_pnl + realised,
        fees=ledger.fees + fee,
    )


def fold_funding(ledger: PositionLedger, amount: Decimal) -> PositionLedger:
    """Add one funding payment; positive is received."""
    return msgspec.structs.replace(
        ledger, sequence=ledger.sequence + 1, funding=ledger.funding + amount
    )


def take_back(ledger: PositionLedger, *, realised_pnl: Decimal, fees: Decimal) -> PositionLedger:
    """Return the ledger without this money (USDT), which is about to be booked again or elsewhere.

    What is held, its entry price and the sequence stay.
    """
    return msgspec.structs.replace(
        ledger, realised_pnl=ledger.realised_pnl - realised_pnl, fees=ledger.fees - fees
    )


def fold_fee(ledger: PositionLedger, amount: Decimal) -> PositionLedger:
    """Add one fee that belongs to no fill; positive is paid."""
    return msgspec.structs.replace(ledger, sequence=ledger.sequence + 1, fees=ledger.fees + amount)


def adopt_position(
    ledger: PositionLedger, *, qty: Decimal, entry_px: Decimal, earned: Decimal, ts: Millis
) -> PositionLedger:
    """Replace what is held by the venue's word; `earned` is what happened unseen added to the wallet."""
    same_side = ledger.qty * qty > 0
    return msgspec.structs.replace(
        ledger,
        sequence=ledger.sequence + 1,
        qty=qty,
        entry_px=entry_px,
        opened_at=ledger.opened_at if same_side else (ts if qty else 0),
        realised_pnl=ledger.realised_pnl + earned,
    )
