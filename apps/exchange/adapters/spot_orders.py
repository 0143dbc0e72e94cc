"""Orders and account of spot. There is no margin to prepare, and stops rest in the book like the others."""

import asyncio
from decimal import Decimal
from typing import Any

from chimera.clock import Clock
from chimera.events import CancelOrder, PrepareSymbol, QueryOrder, SubmitOrder
from chimera.events.orders import OrderType, TimeInForce
from chimera.instruments import Market, venue_symbol
from chimera.money import ZERO

from .calls import Calls, Raw
from .desk import AccountState, FoundOrder, Listed, MarginSettings, OrderDesk, Request
from .wire_orders import ORDER_STATES, fills_of_trades
from .wire_spot import resting_spot

TRADES_MAX = 1_000
_CONDITIONAL = {
    OrderType.STOP_MARKET: "STOP_LOSS",
    OrderType.TAKE_PROFIT_MARKET: "TAKE_PROFIT",
}


class SpotOrders(OrderDesk):
    def __init__(self, client: Any, calls: Calls, listed: Listed, clock: Clock) -> None:
        super().__init__(calls, listed, clock)
        self._client = client

    def submit_request(self, command: SubmitOrder) -> Request:
        return Request(endpoint=self._client.privatePostOrder, body=order_body(command))

    def accepted_id(self, command: SubmitOrder, answer: Raw) -> str:
        return str(answer["orderId"])

    def cancel_request(self, command: CancelOrder) -> Request:
        return Request(endpoint=self._client.privateDeleteOrder, body=_by_client_id(command))

    async def find(self, command: QueryOrder) -> FoundOrder:
        order = await self._calls.read(self._client.privateGetOrder, _by_client_id(command))
        filled = Decimal(order["executedQty"])
        trades = []
        if filled:
            trades = await self._calls.read(
                self._client.privateGetMyTrades,
                {"symbol": order["symbol"], "orderId": order["orderId"], "limit": TRADES_MAX},
            )
        now = self._clock.now()
        return FoundOrder(
            venue_order_id=str(order["orderId"]),
            status=order["status"],
            state=ORDER_STATES.get(order["status"]),
            filled_qty=filled,
            fills=tuple(fills_of_trades(trades, Market.SPOT, command.client_order_id, now)),
        )

    async def account(self) -> AccountState:
        """Read the USDT balance and the open orders; coins that are held are no positions."""
        account, orders = await asyncio.gather(
            self._calls.read(self._client.privateGetAccount, {"omitZeroBalances": "true"}),
            self._calls.read(self._client.privateGetOpenOrders, {}),
        )
        wallet = sum(
            (
                Decimal(row["free"]) + Decimal(row["locked"])
                for row in account["balances"]
                if row["asset"] == "USDT"
            ),
            ZERO,
        )
        return AccountState(
            wallet_usdt=wallet, positions=(), orders=tuple(map(resting_spot, orders))
        )

    async def prepare(self, command: PrepareSymbol) -> MarginSettings:
        return MarginSettings(leverage=1, isolated=True, one_way=True, problem=None)


def order_body(command: SubmitOrder) -> Raw:
    """Return the request of an order."""
    limit = command.px is not None
    kind = command.order_type.value
    if command.order_type in _CONDITIONAL:
        kind = _CONDITIONAL[command.order_type] + ("_LIMIT" if limit else "")
    elif command.time_in_force is TimeInForce.GTX:
        kind = "LIMIT_MAKER"
    body = {
        "symbol": venue_symbol(command.symbol),
        "side": command.side.value,
        "type": kind,
        "quantity": f"{command.qty:f}",
        "newClientOrderId": command.client_order_id,
        "newOrderRespType": "RESULT",
    }
    if limit:
        body["price"] = f"{command.px:f}"
        if kind != "LIMIT_MAKER":
            body["timeInForce"] = command.time_in_force.value
    if command.trigger_px is not None:
        body["stopPrice"] = f"{command.trigger_px:f}"
    return body


def _by_client_id(command: CancelOrder | QueryOrder) -> Raw:
    return {"symbol": venue_symbol(command.symbol), "origClientOrderId": command.client_order_id}
