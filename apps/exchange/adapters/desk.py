"""What the order desks of both markets share: one command in, every outcome out as a report.

`usdm_orders` and `spot_orders` say which requests a command becomes and how answers are read. What
changes something is asked once; an unclear answer is `SubmitUnknown`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from apps.exchange.core.refusal import refusal_of
from chimera.clock import Clock
from chimera.errors import ChimeraError, OutcomeUnknown
from chimera.events import (
    ACCOUNT,
    AccountReported,
    CancelOrder,
    CancelRejected,
    FundingPaid,
    InstrumentListed,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderStatus,
    OrderTriggered,
    OrderUnclear,
    PrepareSymbol,
    QueryAccount,
    QueryFailed,
    QueryOrder,
    SubmitOrder,
    SubmitUnknown,
    SymbolPrepared,
)
from chimera.events.base import Command
from chimera.events.orders import OrderState, Purpose
from chimera.events.positions import HeldPosition, RestingOrder
from chimera.instruments import Instrument, Market, venue_symbol
from chimera.money import ZERO

from .calls import UNREADABLE, Calls, Endpoint, Raw
from .streams import Sink
from .wire_orders import ORDER_STATES, cut, fills_of_trades

TRADES_MAX = 1_000
UNKNOWN_ORDER = ("-2011", "-2013")
Listed = Mapping[str, Instrument]  # what the venue listed last, by our symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    endpoint: Endpoint
    body: Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOrder:
    """What the venue says about an order that exists; `state` is None for a word we do not know."""

    venue_order_id: str
    status: str
    state: OrderState | None
    raw: Raw
    filled_qty: Decimal
    fills: Sequence[OrderFilled]
    fired: bool = False  # it was conditional, and its child trades or traded


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    wallet_usdt: Decimal
    positions: tuple[HeldPosition, ...]
    orders: tuple[RestingOrder, ...]
    funding: tuple[FundingPaid, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginSettings:
    leverage: int
    isolated: bool
    one_way: bool
    problem: str | None


class OrderDesk(ABC):
    """Carries out the commands for one market."""

    market: ClassVar[Market]

    def __init__(self, calls: Calls, listed: Listed, clock: Clock) -> None:
        self._calls = calls
        self._listed = listed
        self._clock = clock

    # --- what a market adds ---------------------------------------------------------------------------

    @abstractmethod
    def submit_request(self, command: SubmitOrder) -> Request: ...

    @abstractmethod
    def cancel_request(self, command: CancelOrder) -> Request: ...

    @abstractmethod
    def accepted_id(self, command: SubmitOrder, answer: Raw) -> str:
        """Return the venue's id out of the answer to a submit."""

    @abstractmethod
    async def find(self, command: QueryOrder) -> FoundOrder: ...

    @abstractmethod
    async def account(self) -> AccountState: ...

    @abstractmethod
    async def prepare(self, command: PrepareSymbol) -> MarginSettings:
        """Set what an entry relies on; say what the venue then says, not what was asked."""

    async def found(self, command: QueryOrder, order: Raw, trades: Endpoint) -> FoundOrder:
        """Read the fills of `order`, as the venue answered it, from its list of trades."""
        filled = Decimal(order["executedQty"])
        rows = []
        if filled:
            which = {"symbol": order["symbol"], "orderId": order["orderId"], "limit": TRADES_MAX}
            rows = await self._calls.read(trades, which)
        fills = fills_of_trades(rows, self.market, command.client_order_id, self._clock.now())
        return FoundOrder(
            venue_order_id=str(order["orderId"]),
            status=order["status"],
            state=ORDER_STATES.get(order["status"]),
            raw=order,
            filled_qty=filled,
            fills=tuple(fills),
        )

    # --- commands -------------------------------------------------------------------------------------

    async def execute(self, command: Command, sink: Sink) -> None:
        """Carry out one command; every outcome, good or bad, reaches `sink` as an event."""
        match command:
            case SubmitOrder():
                await self._submit(command, sink)
            case CancelOrder():
                await self._cancel(command, sink)
            case QueryOrder():
                await self._query(command, sink)
            case QueryAccount():
                await self._report_account(command, sink)
            case PrepareSymbol():
                await self._report_prepared(command, sink)

    async def _submit(self, command: SubmitOrder, sink: Sink) -> None:
        request = self.submit_request(command)
        entry = command.purpose is Purpose.ENTRY  # by the time limits are over it is stale
        try:
            answer = await self._calls.change(request.endpoint, request.body, may_wait=not entry)
            venue_id = self.accepted_id(command, answer)
        except OutcomeUnknown as error:
            sink(self._unknown(command, error.message))
        except UNREADABLE as error:
            sink(self._unknown(command, f"unreadable answer: {type(error).__name__} {error}"))
        except ChimeraError as error:
            told = _refusal(error)
            sink(
                OrderRejected(
                    id=f"rejected:{command.client_order_id}",
                    refusal=refusal_of(told["code"]),
                    **told,
                    **self._about(command),
                )
            )
        else:
            sink(
                OrderAccepted(
                    id=f"accepted:{command.client_order_id}:{venue_id}",
                    venue_order_id=venue_id,
                    **self._about(command),
                )
            )

    async def _cancel(self, command: CancelOrder, sink: Sink) -> None:
        request = self.cancel_request(command)
        try:
            answer = await self._calls.change(request.endpoint, request.body)
            filled = Decimal(answer.get("executedQty") or 0)
        except OutcomeUnknown as error:
            sink(self._unknown(command, error.message))
        except UNREADABLE as error:
            sink(self._unknown(command, f"unreadable answer: {type(error).__name__} {error}"))
        except ChimeraError as error:
            sink(
                CancelRejected(
                    id=f"cancel-rejected:{command.id}", **_refusal(error), **self._about(command)
                )
            )
        else:
            sink(
                OrderCanceled(
                    id=f"canceled:{command.client_order_id}",
                    filled_qty=filled,
                    **self._about(command),
                )
            )

    # --- questions ------------------------------------------------------------------------------------

    async def _query(self, command: QueryOrder, sink: Sink) -> None:
        try:
            found = await self.find(command)
        except UNREADABLE as error:
            sink(self._failed(command, f"unreadable answer: {type(error).__name__} {error}"))
            return
        except ChimeraError as error:
            if error.details.get("venue_code") in UNKNOWN_ORDER:
                sink(OrderNotFound(id=f"not-found:{command.id}", **self._about(command)))
            else:
                sink(self._failed(command, error.message))
            return
        if found.fired and (found.state is None or not found.state.is_terminal):
            sink(
                OrderTriggered(
                    id=f"triggered:{command.client_order_id}",
                    venue_order_id=found.venue_order_id,
                    **self._about(command),
                )
            )
        for fill in found.fills:
            sink(fill)
        listed = sum((fill.last_qty for fill in found.fills), ZERO)
        if found.state is None:
            message = f"the venue answered with the status {found.status}"
            sink(
                OrderUnclear(
                    id=f"unclear:{command.id}",
                    message=message,
                    raw=cut(found.raw),
                    **self._about(command),
                )
            )
            sink(self._failed(command, message))
        elif listed < found.filled_qty:  # the list of trades lags behind the order
            sink(self._failed(command, f"{listed} of {found.filled_qty} are in the list of trades"))
        else:
            sink(
                OrderStatus(
                    id=f"status:{command.id}",
                    venue_order_id=found.venue_order_id,
                    state=found.state,
                    filled_qty=found.filled_qty,
                    **self._about(command),
                )
            )

    async def _report_account(self, command: QueryAccount, sink: Sink) -> None:
        try:
            account = await self.account()
        except (ChimeraError, *UNREADABLE) as error:
            message = getattr(error, "message", f"unreadable: {type(error).__name__} {error}")
            sink(account_not_reported(command, message, self._clock))
            return
        for paid in account.funding:
            sink(paid)
        self._tell_listed({held.symbol for held in account.positions}, sink)
        sink(account_reported(command, account, self._clock))

    def _tell_listed(self, symbols: Iterable[str], sink: Sink) -> None:
        """Say what is listed of what is held: whoever asks for the account may have begun after it was said."""
        now = self._clock.now()
        for symbol in sorted(symbols):
            if (instrument := self._listed.get(symbol)) is not None:
                sink(
                    InstrumentListed(
                        id=f"instrument:{symbol}:{now}",
                        ts_event=now,
                        ts_init=now,
                        instrument=instrument,
                    )
                )

    async def _report_prepared(self, command: PrepareSymbol, sink: Sink) -> None:
        try:
            settings = await self.prepare(command)
        except (ChimeraError, *UNREADABLE) as error:
            problem = f"not read back: {getattr(error, 'message', error)}"
            settings = MarginSettings(leverage=0, isolated=False, one_way=False, problem=problem)
        now = self._clock.now()
        sink(
            SymbolPrepared(
                id=f"prepared:{command.id}",
                cause=command.id,
                ts_event=now,
                ts_init=now,
                symbol=command.symbol,
                leverage=settings.leverage,
                isolated=settings.isolated,
                one_way=settings.one_way,
                problem=settings.problem,
                instrument=self._listed.get(command.symbol),
            )
        )

    # --- reports --------------------------------------------------------------------------------------

    def _about(self, command: SubmitOrder | CancelOrder | QueryOrder) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "cause": command.id,
            "ts_event": now,
            "ts_init": now,
            "symbol": command.symbol,
            "client_order_id": command.client_order_id,
        }

    def _unknown(self, command: SubmitOrder | CancelOrder, message: str) -> SubmitUnknown:
        return SubmitUnknown(id=f"unknown:{command.id}", message=message, **self._about(command))

    def _failed(self, command: QueryOrder, message: str) -> QueryFailed:
        return QueryFailed(id=f"failed:{command.id}", message=message, **self._about(command))


def by_client_id(command: CancelOrder | QueryOrder) -> Raw:
    """Return the parameters that name an order of ours."""
    return {"symbol": venue_symbol(command.symbol), "origClientOrderId": command.client_order_id}


def account_reported(command: QueryAccount, state: AccountState, clock: Clock) -> AccountReported:
    """Return the event that answers `command` with what the venue said, money in USDT."""
    now = clock.now()
    return AccountReported(
        id=f"account:{command.id}",
        cause=command.id,
        ts_event=now,
        ts_init=now,
        wallet_usdt=state.wallet_usdt,
        positions=state.positions,
        orders=state.orders,
    )


def account_not_reported(command: QueryAccount, message: str, clock: Clock) -> QueryFailed:
    now = clock.now()
    return QueryFailed(
        id=f"failed:{command.id}",
        cause=command.id,
        ts_event=now,
        ts_init=now,
        symbol=ACCOUNT,
        client_order_id="",
        message=message,
    )


def _refusal(error: ChimeraError) -> dict[str, Any]:
    return {"code": error.details.get("venue_code") or error.code, "message": error.message}
