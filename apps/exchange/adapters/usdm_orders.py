"""Orders and account of USDT-M futures.

Calls go through ccxt's endpoint methods with exact strings, because its unified ones take floats and
rewrite conditional orders.
"""

import asyncio
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from chimera.clock import Clock
from chimera.errors import ChimeraError, Rejected
from chimera.events import CancelOrder, PrepareSymbol, QueryOrder, SubmitOrder
from chimera.instruments import Market, venue_symbol

from .calls import Calls, Endpoint, Raw
from .desk import (
    UNKNOWN_ORDER,
    AccountState,
    FoundOrder,
    Listed,
    MarginSettings,
    OrderDesk,
    Request,
    by_client_id,
)
from .shared_read import SharedRead
from .wire_user import (
    CONDITIONAL_STATES,
    NO_CHILD,
    Children,
    funding_of_income,
    held_position,
    resting_conditional,
    resting_plain,
)

SETTINGS_KEPT_S = 5.0  # read again at once where they change, or may have
FEE_BURN_KEPT_S = 10.0  # nothing announces a change of it, and asking weighs 30
FUNDINGS = 100  # the latest payments told with the account, should the stream have missed some
MULTI_ASSETS = "multi-assets mode is on: switch the futures account to single-asset mode"
FEES_IN_BNB = "fees are paid in BNB: switch that off for the futures account, the books count USDT"
ALREADY_SO = ("-4046", "-4059")  # margin type and position mode that need no change


class UsdmOrders(OrderDesk):
    """The order desk of futures: plain orders go to the book, those with a trigger to the Algo service."""

    market = Market.USDM

    def __init__(
        self, client: Any, calls: Calls, children: Children, listed: Listed, clock: Clock
    ) -> None:
        super().__init__(calls, listed, clock)
        self._client = client
        self._children = children
        read = partial(calls.read, params={}, optional=True)
        self._symbol_config = SharedRead[list[Raw]](
            lambda: read(client.fapiPrivateGetSymbolConfig), kept_s=SETTINGS_KEPT_S
        )
        self._account_config = SharedRead[Raw](
            lambda: read(client.fapiPrivateGetAccountConfig), kept_s=SETTINGS_KEPT_S
        )
        self._fee_burn = SharedRead[Raw](
            lambda: read(client.fapiPrivateGetFeeBurn), kept_s=FEE_BURN_KEPT_S
        )

    def submit_request(self, command: SubmitOrder) -> Request:
        if command.trigger_px is None:
            return Request(endpoint=self._client.fapiPrivatePostOrder, body=plain_body(command))
        return Request(
            endpoint=self._client.fapiPrivatePostAlgoOrder, body=conditional_body(command)
        )

    def accepted_id(self, command: SubmitOrder, answer: Raw) -> str:
        return str(answer["orderId" if command.trigger_px is None else "algoId"])

    def cancel_request(self, command: CancelOrder) -> Request:
        if command.conditional:
            body = {"clientAlgoId": command.client_order_id}
            return Request(endpoint=self._client.fapiPrivateDeleteAlgoOrder, body=body)
        return Request(endpoint=self._client.fapiPrivateDeleteOrder, body=by_client_id(command))

    # --- questions ------------------------------------------------------------------------------------

    async def find(self, command: QueryOrder) -> FoundOrder:
        if command.conditional:
            return await self._find_conditional(command)
        order = await self._calls.read(self._client.fapiPrivateGetOrder, by_client_id(command))
        return await self.found(command, order, self._client.fapiPrivateGetUserTrades)

    async def _find_conditional(self, command: QueryOrder) -> FoundOrder:
        algo = await self._algo(command)
        child = str(algo.get("actualOrderId") or "")
        if child in NO_CHILD:
            return FoundOrder(
                venue_order_id=str(algo["algoId"]),
                status=algo["algoStatus"],
                state=CONDITIONAL_STATES.get(algo["algoStatus"]),
                raw=algo,
                filled_qty=Decimal(0),
                fills=(),
            )
        self._children.learn(child, command.client_order_id)
        by_child = {"symbol": venue_symbol(command.symbol), "orderId": child}
        order = await self._calls.read(self._client.fapiPrivateGetOrder, by_child)
        found = await self.found(command, order, self._client.fapiPrivateGetUserTrades)
        return replace(found, fired=True)

    async def _algo(self, command: QueryOrder) -> Raw:
        """Return a conditional order; one that ended may be found in the history alone."""
        try:
            algo: Raw = await self._calls.read(
                self._client.fapiPrivateGetAlgoOrder, {"clientAlgoId": command.client_order_id}
            )
        except Rejected as error:
            if error.details.get("venue_code") not in UNKNOWN_ORDER:
                raise
            listed = await self._calls.read(
                self._client.fapiPrivateGetAllAlgoOrders, {"symbol": venue_symbol(command.symbol)}
            )
            for row in listed:
                if row["clientAlgoId"] == command.client_order_id:
                    return dict(row)
            raise
        return algo

    async def account(self) -> AccountState:
        """Read wallet, positions, both books of open orders and the latest funding, all at once."""
        client, read = self._client, partial(self._calls.read, optional=True)
        self._symbol_config.forget()  # a comparison finds what nothing announced
        account, positions, plain, conditional, settings, income = await asyncio.gather(
            read(client.fapiPrivateV3GetAccount, {}),
            read(client.fapiPrivateV3GetPositionRisk, {}),
            read(client.fapiPrivateGetOpenOrders, {}),
            read(client.fapiPrivateGetOpenAlgoOrders, {}),
            self._symbol_config.ask(),
            read(client.fapiPrivateGetIncome, {"incomeType": "FUNDING_FEE", "limit": FUNDINGS}),
        )
        setting_of = {row["symbol"]: row for row in settings}
        return AccountState(
            wallet_usdt=Decimal(_row(account["assets"], "asset", "USDT")["walletBalance"]),
            positions=tuple(
                held_position(row, setting_of[row["symbol"]])
                for row in positions
                if Decimal(row["positionAmt"])
            ),
            orders=(*map(resting_plain, plain), *map(resting_conditional, conditional)),
            funding=tuple(funding_of_income(income, self._clock.now())),
        )

    # --- margin settings ------------------------------------------------------------------------------

    def forget_settings(self) -> None:
        """Have the margin settings read again: they changed, or may have."""
        self._symbol_config.forget()
        self._account_config.forget()

    async def prepare(self, command: PrepareSymbol) -> MarginSettings:
        found = await self._settings(command)
        if found.problem is None:
            return found
        name = venue_symbol(command.symbol)
        wishes: list[tuple[bool, Endpoint, Raw]] = [
            (
                found.one_way,
                self._client.fapiPrivatePostPositionSideDual,
                {"dualSidePosition": "false"},
            ),
            (
                found.isolated,
                self._client.fapiPrivatePostMarginType,
                {"symbol": name, "marginType": "ISOLATED"},
            ),
            (
                found.leverage == command.leverage,
                self._client.fapiPrivatePostLeverage,
                {"symbol": name, "leverage": command.leverage},
            ),
        ]
        refusals = []
        for is_so, endpoint, body in wishes:
            try:
                if not is_so:
                    await self._calls.change(endpoint, body)
            except ChimeraError as error:
                if error.details.get("venue_code") not in ALREADY_SO:
                    refusals.append(error.message)
        self.forget_settings()
        settings = await self._settings(command)
        if settings.problem is None or not refusals:
            return settings
        problem = f"{settings.problem}; the venue refused to change it: {'; '.join(refusals)}"
        return MarginSettings(
            leverage=settings.leverage,
            isolated=settings.isolated,
            one_way=settings.one_way,
            problem=problem,
        )

    async def _settings(self, command: PrepareSymbol) -> MarginSettings:
        symbols, account, fee_burn = await asyncio.gather(
            self._symbol_config.ask(), self._account_config.ask(), self._fee_burn.ask()
        )
        symbol = _row(symbols, "symbol", venue_symbol(command.symbol))
        leverage = int(symbol["leverage"])
        isolated = str(symbol["marginType"]).upper() == "ISOLATED"
        one_way = not _is_true(account["dualSidePosition"])
        problems = [
            problem
            for is_so, problem in (
                (one_way, "the account is in hedge mode, not one-way"),
                (not _is_true(account["multiAssetsMargin"]), MULTI_ASSETS),
                (not _is_true(fee_burn["feeBurn"]), FEES_IN_BNB),
                (isolated, "margin is crossed, not isolated"),
                (leverage == command.leverage, f"leverage is {leverage}, not {command.leverage}"),
            )
            if not is_so
        ]
        return MarginSettings(
            leverage=leverage,
            isolated=isolated,
            one_way=one_way,
            problem="; ".join(problems) or None,
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
        "triggerPrice": f"{command.trigger_px:f}",
    }
    if command.reduce_only:
        body["reduceOnly"] = "true"
    return body


def _row(rows: list[Raw], key: str, name: str) -> Raw:
    """Return the row of `name`; raises `LookupError` if the venue told of none."""
    for row in rows:
        if row[key] == name:
            return row
    raise LookupError(f"the venue told nothing of {name}")


def _is_true(flag: object) -> bool:
    """Read a flag that the venue tells as a word or as a boolean."""
    return str(flag).lower() == "true"
