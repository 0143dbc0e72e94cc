"""What we hold, what it earned, and what the account says."""

from decimal import Decimal

import msgspec

from chimera.clock import HOUR, SECOND, Millis
from chimera.events.base import Event
from chimera.instruments import Side
from chimera.money import ZERO

# How often equity is told at least, whatever else happens; whoever relies on it counts on no more.
EQUITY_WHEN_FLAT_EVERY = HOUR
EQUITY_WHEN_OPEN_EVERY = 5 * SECOND  # where prices come between bars, else at each bar


class PositionChanged(Event, frozen=True, kw_only=True, gc=False, tag="position.changed.v1"):
    """The fold of all fills and funding of one symbol so far; also a `positions_snapshots` document.

    `sequence` counts the changes of the symbol; `cause` is the fill or funding that made this one.
    `qty` is signed (short is negative); money is USDT. `realised_pnl`, `fees` and `funding` count
    from the account's opening balance and only grow by what happened.
    """

    symbol: str
    sequence: int
    qty: Decimal
    entry_px: Decimal
    opened_at: Millis
    realised_pnl: Decimal
    fees: Decimal
    funding: Decimal


class StopChanged(Event, frozen=True, kw_only=True, gc=False, tag="position.stop.v1"):
    """What protects a symbol's position at the venue now; `acknowledged_qty` of 0 is unprotected."""

    symbol: str
    position_qty: Decimal
    acknowledged_qty: Decimal
    trigger_px: Decimal | None
    unprotected_since: Millis | None


class FundingPaid(Event, frozen=True, kw_only=True, gc=False, tag="position.funding.v1"):
    """Funding was settled; `amount` is positive when we received. Also a `funding_records` document."""

    symbol: str
    amount: Decimal
    asset: str


class FeeCharged(Event, frozen=True, kw_only=True, gc=False, tag="position.fee.v1"):
    """The venue took a fee that belongs to no fill, such as a liquidation's; below 0 it gave.

    Also a `funding_records` document. `reason` is the venue's own word for it.
    """

    symbol: str
    amount: Decimal
    asset: str
    reason: str


class HeldPosition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A position as the venue reports it."""

    symbol: str
    qty: Decimal
    entry_px: Decimal
    mark_px: Decimal
    unrealised_pnl: Decimal
    leverage: int
    isolated: bool


class RestingOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An open order as the venue reports it, from either book."""

    symbol: str
    client_order_id: str
    venue_order_id: str
    conditional: bool
    side: Side
    qty: Decimal
    filled_qty: Decimal
    trigger_px: Decimal | None


class AccountReported(Event, frozen=True, kw_only=True, gc=False, tag="account.reported.v1"):
    """Answer to `QueryAccount`, and the opening balance at start. A missing position is flat."""

    wallet_usdt: Decimal
    positions: tuple[HeldPosition, ...]
    orders: tuple[RestingOrder, ...]


class WalletTransferred(Event, frozen=True, kw_only=True, gc=False, tag="account.transfer.v1"):
    """Money was moved into (positive) or out of the wallet by hand: no gain and no loss.

    Also a `funding_records` document. One named `unexplained:` is our own booking of what an adoption
    added to the account and no fact explains.
    """

    asset: str
    amount: Decimal


class PositionAdopted(Event, frozen=True, kw_only=True, gc=False, tag="position.adopted.v1"):
    """The venue's word replaced ours: something happened to `symbol` that we were never told.

    The router says so at the end of a reconciliation. Fills up to `ts_event` are part of it;
    `wallet_usdt` is what the wallet then held. Also a `positions_snapshots` document.
    """

    symbol: str
    qty: Decimal
    entry_px: Decimal
    wallet_usdt: Decimal


class EquityMarked(Event, frozen=True, kw_only=True, gc=False, tag="account.equity.v1"):
    """Our own books at one moment: opening + realised - fees + funding + transfers, and unrealised.

    `transferred_usdt` is the sum of all transfers since the opening; the day's PnL leaves them out.
    Told at every change, every few seconds while something is held, and hourly when flat.
    """

    wallet_usdt: Decimal
    unrealised_usdt: Decimal
    open_positions: int
    day_pnl_usdt: Decimal = ZERO
    transferred_usdt: Decimal = ZERO


TRADED = "traded"  # the key of the one document of all symbols ever traded


class TradedSymbols(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    tag_field="type",
    tag="account.symbols.v1",
):
    """Every symbol that ever had a position, in the order of the first; a `positions_snapshots` document."""

    symbols: tuple[str, ...]
