"""An exchange that answers at once and lets no order live: every bar finds the desk flat again."""

from decimal import Decimal

from bench.market import SYMBOL, instruments
from chimera.bundles import Bundle, bundle_hash
from chimera.clock import Millis
from chimera.events import (
    AccountReported,
    BundleActivated,
    InstrumentListed,
    OrderNotFound,
    OrderRejected,
    PrepareSymbol,
    QueryAccount,
    QueryOrder,
    SubmitOrder,
    SymbolPrepared,
)
from chimera.events.base import Command, Event
from chimera.events.orders import Purpose
from chimera.instruments import Market, venue_symbol

WALLET_USDT = Decimal(10_000)


def activated(bundle: Bundle, now: Millis) -> BundleActivated:
    return BundleActivated(
        id="cfg:g1",
        ts_event=now,
        ts_init=now,
        generation=1,
        bundle_hash=bundle_hash(bundle),
        bundle=bundle,
        actor="bench",
        reason="bench",
    )


def listed(now: Millis) -> InstrumentListed:
    instrument = instruments()[Market.USDM][venue_symbol(SYMBOL)]
    return InstrumentListed(
        id=f"instrument:{SYMBOL}", ts_event=now, ts_init=now, instrument=instrument.filters
    )


def is_entry(command: Command) -> bool:
    return type(command) is SubmitOrder and command.purpose is Purpose.ENTRY


def answer(command: Command, now: Millis) -> Event | None:
    """Return what this exchange says to a command; nothing to a cancel, for nothing ever rests."""
    about = {"cause": command.id, "ts_event": now, "ts_init": now}
    match command:
        case PrepareSymbol():
            return SymbolPrepared(
                id=f"prepared:{command.id}",
                symbol=command.symbol,
                leverage=command.leverage,
                isolated=True,
                one_way=True,
                **about,
            )
        case QueryAccount():
            return AccountReported(
                id=f"account:{command.id}",
                wallet_usdt=WALLET_USDT,
                positions=(),
                orders=(),
                **about,
            )
        case SubmitOrder():
            return OrderRejected(
                id=f"rejected:{command.id}",
                symbol=command.symbol,
                client_order_id=command.client_order_id,
                code="-2019",
                message="Margin is insufficient.",
                **about,
            )
        case QueryOrder():
            return OrderNotFound(
                id=f"not_found:{command.id}",
                symbol=command.symbol,
                client_order_id=command.client_order_id,
                **about,
            )
        case _:
            return None
