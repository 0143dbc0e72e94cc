"""Accounts: wallets, positions, settings, orders, and the ledger that explains every change of money.

Only the two clearings change balances, and only through `Account.post`, which writes the ledger row in
the same breath: the sum of the rows, with those forgotten since (`retention.py`), is the balance, always.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import msgspec

from apps.exchange.core.venue.outbound import PositionView
from apps.exchange.core.venue.types import (
    AlgoOrder,
    Fill,
    MarginType,
    Order,
    OrderList,
    PositionSide,
    PreventedMatch,
)
from chimera.clock import Millis
from chimera.instruments import Market
from chimera.money import ZERO

SETTLEMENT_ASSET = "USDT"

Ended = Order | AlgoOrder | OrderList


class IncomeKind(StrEnum):
    """Why money changed. The first five are Binance's `incomeType`; TRADE is the swap of a spot fill."""

    TRANSFER = "TRANSFER"
    REALIZED_PNL = "REALIZED_PNL"
    FUNDING_FEE = "FUNDING_FEE"
    COMMISSION = "COMMISSION"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"
    TRADE = "TRADE"


class IncomeRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of the ledger; `amount` is signed as the wallet felt it."""

    tran_id: int
    ts: Millis
    market: Market
    asset: str
    amount: Decimal
    kind: IncomeKind
    symbol: str = ""
    trade_id: int | None = None
    info: str = ""


class AccountView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The futures account page, in USDT."""

    wallet_balance: Decimal
    cross_wallet: Decimal
    unrealized_pnl: Decimal
    cross_unrealized_pnl: Decimal
    margin_balance: Decimal
    initial_margin: Decimal
    position_initial_margin: Decimal
    open_order_initial_margin: Decimal
    maint_margin: Decimal
    available: Decimal
    max_withdraw: Decimal
    positions: tuple[PositionView, ...]


@dataclass(slots=True)
class Balance:
    """A spot asset; `locked` backs open orders."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(slots=True, eq=False)
class Position:
    """A futures position; `qty` is signed and `entry_price` the unrounded average."""

    symbol: str
    side: PositionSide
    qty: Decimal = ZERO
    entry_price: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees_since_flat: Decimal = ZERO
    margin_called: bool = False
    updated: Millis = 0

    @property
    def sign(self) -> int:
        return (self.qty > 0) - (self.qty < 0)

    def unrealized_pnl(self, mark: Decimal) -> Decimal:
        return (mark - self.entry_price) * self.qty


@dataclass(slots=True)
class SymbolSettings:
    leverage: int = 20
    margin_type: MarginType = MarginType.CROSSED


@dataclass(slots=True, eq=False)
class Account:
    """One trader. Open orders are indexed by market and symbol.

    Histories grow at the end, and lose at the front what is too old; `ended` names what of orders,
    algos and lists may go, with the time it ended, and what went of fills and income stays as sums.
    """

    account_id: str
    hedge: bool = False
    cross_wallet: Decimal = ZERO
    spot: dict[str, Balance] = field(default_factory=lambda: defaultdict(Balance))
    positions: dict[tuple[str, PositionSide], Position] = field(default_factory=dict)
    settings: dict[str, SymbolSettings] = field(default_factory=lambda: defaultdict(SymbolSettings))
    open: dict[tuple[Market, str], dict[int, Order]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    orders: dict[tuple[Market, str], dict[int, Order]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    by_client_id: dict[tuple[Market, str, str], Order] = field(default_factory=dict)
    fills: dict[tuple[Market, str], deque[Fill]] = field(default_factory=lambda: defaultdict(deque))
    algos: dict[int, AlgoOrder] = field(default_factory=dict)
    open_algos: dict[int, AlgoOrder] = field(default_factory=dict)
    lists: dict[int, OrderList] = field(default_factory=dict)
    countdowns: dict[str, Millis] = field(default_factory=dict)
    income: deque[IncomeRow] = field(default_factory=deque)
    prevented: deque[PreventedMatch] = field(default_factory=deque)
    ended: deque[tuple[Millis, Ended]] = field(default_factory=deque)
    ended_unfilled: deque[tuple[Millis, Ended]] = field(default_factory=deque)  # of futures only
    income_forgotten: dict[tuple[Market, str], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    qty_forgotten: dict[tuple[str, PositionSide], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )

    @property
    def wallet_balance(self) -> Decimal:
        """Futures: the cross wallet and what isolated positions hold."""
        return self.cross_wallet + sum(
            (position.isolated_wallet for position in self.positions.values()), ZERO
        )

    def position(self, symbol: str, side: PositionSide) -> Position:
        key = symbol, side
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = Position(symbol, side)
        return position

    def positions_of(self, symbol: str) -> list[Position]:
        return [p for (of, _), p in self.positions.items() if of == symbol and p.qty]

    def is_isolated(self, symbol: str) -> bool:
        return self.settings[symbol].margin_type is MarginType.ISOLATED

    def end(self, ended: Ended, now: Millis) -> None:
        """Say that an order, algo or list is over: from now on it grows old."""
        if isinstance(ended, OrderList):
            filled = True
        elif isinstance(ended, AlgoOrder):
            filled = ended.child is not None and ended.child.executed > 0
        else:
            filled = ended.executed > 0 or ended.market is Market.SPOT
        (self.ended if filled else self.ended_unfilled).append((now, ended))

    def post(self, row: IncomeRow) -> None:
        """Change a wallet by a ledger row: the only way money moves in or out."""
        if row.market is Market.USDM:
            self.cross_wallet += row.amount
        else:
            self.spot[row.asset].free += row.amount
        self.income.append(row)
