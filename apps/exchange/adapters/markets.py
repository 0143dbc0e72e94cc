"""One `ExchangePort` over the markets that a bundle names: each command goes to the market of its symbol."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from chimera.clock import Clock
from chimera.events import (
    AccountReported,
    CancelOrder,
    CancelRejected,
    FundingPaid,
    InstrumentListed,
    OrderRejected,
    QueryAccount,
    QueryFailed,
    QueryOrder,
    SubmitOrder,
    SymbolPrepared,
)
from chimera.events.base import Command, Event
from chimera.instruments import Market, market_of

from .connector import Connector
from .desk import AccountState, account_reported
from .streams import Sink

NOT_CONNECTED = "NOT_CONNECTED"


class Connectors:
    """The connectors of one account."""

    def __init__(self, by_market: Mapping[Market, Connector], clock: Clock) -> None:
        self._by_market = dict(by_market)
        self._clock = clock

    async def run(self, sink: Sink) -> None:
        """Bring what all markets say to `sink` until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for connector in self._by_market.values():
                tasks.create_task(connector.run(sink))

    def require_history(self, bars: int) -> None:
        """Bring a longer history of every symbol if `bars` are more than were loaded."""
        for connector in self._by_market.values():
            connector.require_history(bars)

    async def execute(self, command: Command, sink: Sink) -> None:
        """Carry `command` out in its market; the account is that of all markets together."""
        if isinstance(command, QueryAccount):
            await self._report_account(command, sink)
            return
        connector = self._by_market.get(market_of(command.symbol))
        if connector is not None:
            await connector.execute(command, sink)
        else:
            sink(self._not_connected(command))

    async def close(self) -> None:
        for connector in self._by_market.values():
            await connector.close()

    async def _report_account(self, command: QueryAccount, sink: Sink) -> None:
        answers: list[Event] = []
        await asyncio.gather(
            *(c.execute(command, answers.append) for c in self._by_market.values())
        )
        failed = [answer for answer in answers if isinstance(answer, QueryFailed)]
        if failed:
            sink(failed[0])
            return
        for answer in answers:
            if isinstance(answer, FundingPaid | InstrumentListed):
                sink(answer)
        parts = [answer for answer in answers if isinstance(answer, AccountReported)]
        whole = AccountState(
            wallet_usdt=sum((part.wallet_usdt for part in parts), Decimal(0)),
            positions=tuple(position for part in parts for position in part.positions),
            orders=tuple(order for part in parts for order in part.orders),
        )
        sink(account_reported(command, whole, self._clock))

    def _not_connected(self, command: Command) -> Event:
        """Answer a command for a market that the active bundle does not name."""
        now = self._clock.now()
        about: dict[str, Any] = {
            "id": f"not-connected:{command.id}",
            "cause": command.id,
            "ts_event": now,
            "ts_init": now,
            "symbol": command.symbol,
        }
        message = "this worker is not connected to the symbol's market"
        match command:
            case SubmitOrder(client_order_id=ours):
                return OrderRejected(
                    client_order_id=ours, code=NOT_CONNECTED, message=message, **about
                )
            case CancelOrder(client_order_id=ours):
                return CancelRejected(
                    client_order_id=ours, code=NOT_CONNECTED, message=message, **about
                )
            case QueryOrder(client_order_id=ours):
                return QueryFailed(client_order_id=ours, message=message, **about)
        return SymbolPrepared(leverage=0, isolated=False, one_way=False, problem=message, **about)
