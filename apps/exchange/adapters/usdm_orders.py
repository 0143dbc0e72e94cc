"""Carries commands out at USDT-M futures and reports what the venue answers.

Calls go through ccxt's endpoint methods with exact strings, because its unified ones take floats and
rewrite conditional orders. What changes something is asked once; an unclear answer is `SubmitUnknown`.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt

from chimera.clock import Clock
from chimera.errors import ChimeraError, OutcomeUnknown
from chimera.events import (
    ACCOUNT,
    AccountReported,
    CancelOrder,
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderNotFound,
    OrderRejected,
    OrderStatus,
    PrepareSymbol,
    QueryAccount,
    QueryFailed,
    QueryOrder,
    SubmitOrder,
    SubmitUnknown,
    SymbolPrepared,
)
from chimera.events.base import Command
from chimera.events.orders import OrderState
from chimera.instruments import venue_symbol

from .streams import Sink
from .tapped import TappedUsdm
from .vendor_errors import CLOCK_AHEAD_OR_BEHIND, of_change, of_read
from .wire_user import (
    CONDITIONAL_STATES,
    PLAIN_STATES,
    Children,
    Raw,
    fills_of_trades,
    funding_of_income,
    held_position,
    resting_conditional,
    resting_plain,
)

UNKNOWN_ORDER = ("-2011", "-2013")
ALREADY_SO = ("-4046", "-4059")  # margin type and position mode that need no change

Endpoint = Callable[[Raw], Awaitable[Any]]


class UsdmOrders:
    def __init__(self, client: TappedUsdm, children: Children, clock: Clock) -> None:
        self._client = client
        self._children = children
        self._clock = clock

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
                await self._prepare(command, sink)

    # --- changes -----------------------------------------------------------------------------------------

    async def _submit(self, command: SubmitOrder, sink: Sink) -> None:
        conditional = command.trigger_px is not None
        endpoint = (
            self._client.fapiPrivatePostAlgoOrder
            if conditional
            else self._client.fapiPrivatePostOrder
        )
        try:
            answer = await self._change(
                endpoint, conditional_body(command) if conditional else plain_body(command)
            )
        except OutcomeUnknown as error:
            sink(self._unknown(command, error))
            return
        except ChimeraError as error:
            sink(
                OrderRejected(
                    id=f"rejected:{command.client_order_id}",
                    code=str(error.details.get("venue_code", error.code)),
                    message=error.message,
                    **self._about(command),
                )
            )
            return
        venue_id = str(answer["algoId" if conditional else "orderId"])
        sink(
            OrderAccepted(
                id=f"accepted:{command.client_order_id}:{venue_id}",
                venue_order_id=venue_id,
                **self._about(command),
            )
        )

    async def _cancel(self, command: CancelOrder, sink: Sink) -> None:
        if command.conditional:
            endpoint = self._client.fapiPrivateDeleteAlgoOrder
            body = {"clientAlgoId": command.client_order_id}
        else:
            endpoint = self._client.fapiPrivateDeleteOrder
            body = {
                "symbol": venue_symbol(command.symbol),
                "origClientOrderId": command.client_order_id,
            }
        try:
            answer = await self._change(endpoint, body)
        except OutcomeUnknown as error:
            sink(self._unknown(command, error))
        except ChimeraError as error:
            sink(
                CancelRejected(
                    id=f"cancel-rejected:{command.id}",
                    code=str(error.details.get("venue_code", error.code)),
                    message=error.message,
                    **self._about(command),
                )
            )
        else:
            sink(
                OrderCanceled(
                    id=f"canceled:{command.client_order_id}",
                    filled_qty=Decimal(answer.get("executedQty") or 0),
                    **self._about(command),
                )
            )

    async def _prepare(self, command: PrepareSymbol, sink: Sink) -> None:
        """Set what an entry relies on, then report what the venue says, not what was asked."""
        name = venue_symbol(command.symbol)
        wishes: tuple[tuple[Endpoint, Raw], ...] = (
            (self._client.fapiPrivatePostPositionSideDual, {"dualSidePosition": "false"}),
            (self._client.fapiPrivatePostMarginType, {"symbol": name, "marginType": "ISOLATED"}),
            (
                self._client.fapiPrivatePostLeverage,
                {"symbol": name, "leverage": command.leverage},
            ),
        )
        problems = []
        for endpoint, body in wishes:
            try:
                await self._change(endpoint, body)
            except ChimeraError as error:
                if error.details.get("venue_code") not in ALREADY_SO:
                    problems.append(error.message)
        try:
            settings = await self._read(self._client.fapiPrivateGetSymbolConfig, {"symbol": name})
            mode = await self._read(self._client.fapiPrivateGetPositionSideDual, {})
        except ChimeraError as error:
            sink(self._prepared(command, 0, False, False, f"not read back: {error.message}"))
            return
        leverage = int(settings[0]["leverage"])
        isolated = str(settings[0]["marginType"]).upper() == "ISOLATED"
        one_way = str(mode["dualSidePosition"]).lower() == "false"
        if leverage == command.leverage and isolated and one_way:
            problems = []
        elif not problems:
            problems = [f"leverage {leverage}, isolated {isolated}, one-way {one_way}"]
        sink(self._prepared(command, leverage, isolated, one_way, "; ".join(problems) or None))

    # --- questions ---------------------------------------------------------------------------------------

    async def _query(self, command: QueryOrder, sink: Sink) -> None:
        try:
            if command.conditional:
                await self._query_conditional(command, sink)
            else:
                await self._query_plain(command, sink)
        except ChimeraError as error:
            if error.details.get("venue_code") in UNKNOWN_ORDER:
                sink(OrderNotFound(id=f"not-found:{command.id}", **self._about(command)))
            else:
                sink(
                    QueryFailed(
                        id=f"failed:{command.id}", message=error.message, **self._about(command)
                    )
                )

    async def _query_plain(self, command: QueryOrder, sink: Sink) -> None:
        order = await self._read(
            self._client.fapiPrivateGetOrder,
            {
                "symbol": venue_symbol(command.symbol),
                "origClientOrderId": command.client_order_id,
            },
        )
        await self._report_fills(command, order["orderId"], order["executedQty"], sink)
        sink(
            self._status(
                command,
                str(order["orderId"]),
                PLAIN_STATES.get(order["status"]),
                order["executedQty"],
            )
        )

    async def _query_conditional(self, command: QueryOrder, sink: Sink) -> None:
        algo = await self._read(
            self._client.fapiPrivateGetAlgoOrder, {"clientAlgoId": command.client_order_id}
        )
        state = CONDITIONAL_STATES.get(algo["algoStatus"])
        child, filled = str(algo.get("actualOrderId") or ""), "0"
        if child not in ("", "0"):
            self._children.learn(child, command.client_order_id)
            order = await self._read(
                self._client.fapiPrivateGetOrder,
                {"symbol": venue_symbol(command.symbol), "orderId": child},
            )
            filled = order["executedQty"]
            state = PLAIN_STATES.get(order["status"])
            await self._report_fills(command, child, filled, sink)
        sink(self._status(command, child or str(algo["algoId"]), state, filled))

    async def _report_fills(
        self, command: QueryOrder, order_id: object, executed_qty: str, sink: Sink
    ) -> None:
        if not Decimal(executed_qty):
            return
        trades = await self._read(
            self._client.fapiPrivateGetUserTrades,
            {"symbol": venue_symbol(command.symbol), "orderId": order_id, "limit": 1_000},
        )
        for fill in fills_of_trades(trades, command.client_order_id, self._clock.now()):
            sink(fill)

    async def _report_account(self, command: QueryAccount, sink: Sink) -> None:
        """Read wallet, positions and both books of open orders; a failed read is asked again."""
        client = self._client
        try:
            account = await self._read(client.fapiPrivateV3GetAccount, {})
            positions = await self._read(client.fapiPrivateV3GetPositionRisk, {})
            plain = await self._read(client.fapiPrivateGetOpenOrders, {})
            conditional = await self._read(client.fapiPrivateGetOpenAlgoOrders, {})
            funding = await self._read(
                client.fapiPrivateGetIncome, {"incomeType": "FUNDING_FEE", "limit": 100}
            )
            settings = {
                row["symbol"]: row
                for row in await self._read(client.fapiPrivateGetSymbolConfig, {})
            }
        except ChimeraError as error:
            now = self._clock.now()
            sink(
                QueryFailed(
                    id=f"failed:{command.id}",
                    cause=command.id,
                    ts_event=now,
                    ts_init=now,
                    symbol=ACCOUNT,
                    client_order_id="",
                    message=error.message,
                )
            )
            return
        now = self._clock.now()
        for paid in funding_of_income(funding, now):  # what the stream may have missed
            sink(paid)
        wallet = next(
            (row["walletBalance"] for row in account["assets"] if row["asset"] == "USDT"), "0"
        )
        held = tuple(
            held_position(row, int(setting["leverage"]), setting["marginType"] == "ISOLATED")
            for row in positions
            if Decimal(row["positionAmt"]) and (setting := settings.get(row["symbol"]))
        )
        sink(
            AccountReported(
                id=f"account:{command.id}",
                cause=command.id,
                ts_event=now,
                ts_init=now,
                wallet_usdt=Decimal(wallet),
                positions=held,
                orders=(*map(resting_plain, plain), *map(resting_conditional, conditional)),
            )
        )

    # --- calls -------------------------------------------------------------------------------------------

    async def _change(self, endpoint: Endpoint, body: Raw) -> Any:
        """Call once. A refusal for the clock alone is definite: resync and call a second time."""
        try:
            return await endpoint(body)
        except ccxt.BaseError as error:
            mapped = of_change(error)
            if mapped.details.get("venue_code") != CLOCK_AHEAD_OR_BEHIND:
                raise mapped from error
        try:
            await self._client.load_time_difference()
            return await endpoint(body)
        except ccxt.BaseError as error:
            raise of_change(error) from error

    async def _read(self, endpoint: Endpoint, params: Raw) -> Any:
        try:
            return await endpoint(params)
        except ccxt.BaseError as error:
            raise of_read(error) from error

    # --- reports -----------------------------------------------------------------------------------------

    def _about(self, command: SubmitOrder | CancelOrder | QueryOrder) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "cause": command.id,
            "ts_event": now,
            "ts_init": now,
            "symbol": command.symbol,
            "client_order_id": command.client_order_id,
        }

    def _unknown(self, command: SubmitOrder | CancelOrder, error: ChimeraError) -> SubmitUnknown:
        return SubmitUnknown(
            id=f"unknown:{command.id}", message=error.message, **self._about(command)
        )

    def _status(
        self, command: QueryOrder, venue_id: str, state: OrderState | None, filled: str
    ) -> OrderStatus | QueryFailed:
        if state is None:  # a word we do not know: the question stays open
            message = "the venue answered with an unknown status"
            return QueryFailed(id=f"failed:{command.id}", message=message, **self._about(command))
        return OrderStatus(
            id=f"status:{command.id}",
            venue_order_id=venue_id,
            state=state,
            filled_qty=Decimal(filled),
            **self._about(command),
        )

    def _prepared(
        self,
        command: PrepareSymbol,
        leverage: int,
        isolated: bool,
        one_way: bool,
        problem: str | None,
    ) -> SymbolPrepared:
        now = self._clock.now()
        return SymbolPrepared(
            id=f"prepared:{command.id}",
            cause=command.id,
            ts_event=now,
            ts_init=now,
            symbol=command.symbol,
            leverage=leverage,
            isolated=isolated,
            one_way=one_way,
            problem=problem,
        )


def plain_body(command: SubmitOrder) -> Raw:
    """Return the request of an order that goes straight to the book."""
    body = {
        "symbol": venue_symbol(command.symbol),
        "side": command.side.value,
        "type": command.order_type.value,
        "quantity": f"{command.qty:f}",
        "newClientOrderId": command.client_order_id,
        "newOrderRespType": "RESULT",
    }
    if command.px is not None:
        body |= {"price": f"{command.px:f}", "timeInForce": command.time_in_force.value}
    if command.reduce_only:
        body["reduceOnly"] = "true"
    return body


def conditional_body(command: SubmitOrder) -> Raw:
    """Return the request of an order that waits in the Algo service for its trigger."""
    body = {
        "algoType": "CONDITIONAL",
        "symbol": venue_symbol(command.symbol),
        "side": command.side.value,
        "type": command.order_type.value,
        "quantity": f"{command.qty:f}",
        "clientAlgoId": command.client_order_id,
    }
    if command.trigger_px is not None:
        body["triggerPrice"] = f"{command.trigger_px:f}"
    if command.reduce_only:
        body["reduceOnly"] = "true"
    return body
