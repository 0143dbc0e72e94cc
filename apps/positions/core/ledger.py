"""The arithmetic of a position: pure folds of fills and funding, exact to the venue's last decimal."""

from decimal import Decimal

import msgspec

from chimera.clock import Millis
from chimera.instruments import Side
from chimera.money import ZERO, usdt


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

    The entry price is the quantity-weighted average of what is held, at full precision. What a fill
    closes realises (exit - entry) * closed quantity * side, rounded half to even to eight decimals,
    as the venue does fill by fill. A fill larger than the opposite position closes it and opens the
    rest at its own price.
    """
    signed = qty * side.sign
    before, after = ledger.qty, ledger.qty + signed
    adds = before * signed >= 0
    realised = ZERO
    if adds:
        entry_px = (before * ledger.entry_px + signed * px) / after
    else:
        closed = min(abs(signed), abs(before))
        direction = 1 if before > 0 else -1
        realised = usdt((px - ledger.entry_px) * closed * direction)
        turned = before * after < 0
        entry_px = px if turned else (ledger.entry_px if after else ZERO)
    opened = before == 0 or before * after < 0
    return msgspec.structs.replace(
        ledger,
        sequence=ledger.sequence + 1,
        qty=after,
        entry_px=entry_px,
        opened_at=ts if opened else (ledger.opened_at if after else 0),
        realised_pnl=ledger.realised_pnl + realised,
        fees=ledger.fees + fee,
    )


def fold_funding(ledger: PositionLedger, amount: Decimal) -> PositionLedger:
    """Add one funding payment; positive is received."""
    return msgspec.structs.replace(
        ledger, sequence=ledger.sequence + 1, funding=ledger.funding + amount
    )


def take_back(ledger: PositionLedger, *, realised_pnl: Decimal, fees: Decimal) -> PositionLedger:
    """Undo the money of fills that are going to be folded again."""
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
