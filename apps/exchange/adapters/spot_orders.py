"""Orders and account of spot. There is no margin to prepare, and stops rest in the book like the others."""

from typing import Any

from chimera.clock import Clock
from chimera.events import CancelOrder, PrepareSymbol, QueryOrder, SubmitOrder
from chimera.events.orders import OrderType, TimeInForce
from chimera.instruments import Market, venue_symbol
from chimera.money import ZERO

from .calls import Calls, Raw
from .desk import (
    AccountState,
    FoundOrder,
    Listed,
    MarginSettings,
    OrderDesk,
    Request,
    by_client_id,
)
from .wire_spot import resting_spot

_CONDITIONAL = {
    OrderType.STOP_MARKET: "STOP_LOSS",
    OrderType.TAKE_PROFIT_MARKET: "TAKE_PROFIT",
}


class SpotOrders(OrderDesk):
    market = Market.SPOT

    def __init__(self, client: Any, calls: Calls, listed: Listed, clock: Clock) -> None:
        super().__init__(calls, listed, clock)
        self._client = client

    def submit_request(self, command: SubmitOrder) -> Request:
        return Request(endpoint=self._client.privatePostOrder, body=order_body(command))

    def accepted_id(self, command: SubmitOrder, answer: Raw) -> str:
        return str(answer["orderId"])

    def cancel_request(self, command: CancelOrder) -> Request:
        return Request(endpoint=self._client.privateDeleteOrder, body=by_client_id(command))

    async def find(self, command: QueryOrder) -> FoundOrder:
        order = await self._calls.read(self._client.privateGetOrder, by_client_id(command))
        return await self.found(command, order, self._client.privateGetMyTrades)

    async def account(self) -> AccountState:
        """Read the open orders; coins and money on spot are no part of the futures account's books."""
        orders = await self._calls.read(self._client.privateGetOpenOrders, {}, optional=True)
        return AccountState(wallet_usdt=ZERO, positions=(), orders=tuple(map(resting_spot, orders)))

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
