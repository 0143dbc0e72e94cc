"""What services say to each other: typed, frozen, versioned events, encoded once as JSON.

`encode` and `decode` are the only way in and out; `stream_of` says on which stream an event travels.
"""

import msgspec

from chimera.events.base import Event
from chimera.events.config import BundleActivated
from chimera.events.decisions import DecisionMade, IntentIssued
from chimera.events.features import FeaturesComputed
from chimera.events.health import (
    AlertRaised,
    ServiceReported,
    StreamDisconnected,
    TimerFired,
    TradingHalted,
    TradingResumed,
)
from chimera.events.market import (
    BarClosed,
    DepthChanged,
    HistoryLoaded,
    InstrumentListed,
    MarkPriceChanged,
    QuoteChanged,
    TradePrinted,
)
from chimera.events.orders import (
    CancelOrder,
    CancelRejected,
    MarginSettingsChanged,
    OrderAccepted,
    OrderCanceled,
    OrderChanged,
    OrderExpired,
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
from chimera.events.positions import (
    AccountReported,
    EquityMarked,
    FeeCharged,
    FundingPaid,
    PositionAdopted,
    PositionChanged,
    StopChanged,
    WalletTransferred,
)

MARKET_EVENTS = (
    BarClosed,
    QuoteChanged,
    DepthChanged,
    TradePrinted,
    MarkPriceChanged,
    HistoryLoaded,
    InstrumentListed,
)
COMMANDS = (PrepareSymbol, SubmitOrder, CancelOrder, QueryOrder, QueryAccount)
REPORTS = (
    SymbolPrepared,
    MarginSettingsChanged,
    OrderAccepted,
    OrderRejected,
    OrderFilled,
    OrderTriggered,
    OrderCanceled,
    OrderExpired,
    CancelRejected,
    SubmitUnknown,
    OrderUnclear,
    OrderStatus,
    OrderNotFound,
    QueryFailed,
    AccountReported,
    WalletTransferred,
    FundingPaid,
    FeeCharged,
)
POSITION_EVENTS = (PositionChanged, PositionAdopted, StopChanged, OrderChanged, EquityMarked)
HEALTH_EVENTS = (
    ServiceReported,
    AlertRaised,
    TradingHalted,
    TradingResumed,
    StreamDisconnected,
    TimerFired,
)

AnyEvent = (
    BarClosed
    | QuoteChanged
    | DepthChanged
    | TradePrinted
    | MarkPriceChanged
    | HistoryLoaded
    | InstrumentListed
    | FeaturesComputed
    | DecisionMade
    | IntentIssued
    | PrepareSymbol
    | SubmitOrder
    | CancelOrder
    | QueryOrder
    | QueryAccount
    | SymbolPrepared
    | MarginSettingsChanged
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderTriggered
    | OrderCanceled
    | OrderExpired
    | CancelRejected
    | SubmitUnknown
    | OrderUnclear
    | OrderStatus
    | OrderNotFound
    | QueryFailed
    | OrderChanged
    | PositionChanged
    | PositionAdopted
    | StopChanged
    | FundingPaid
    | FeeCharged
    | AccountReported
    | WalletTransferred
    | EquityMarked
    | BundleActivated
    | ServiceReported
    | AlertRaised
    | TradingHalted
    | TradingResumed
    | StreamDisconnected
    | TimerFired
)

_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def type_of(kind: type[msgspec.Struct]) -> str:
    """Return what events and documents of `kind` say in their field `type`."""
    return str(kind.__struct_config__.tag)


def encode(body: msgspec.Struct) -> bytes:
    """Return the JSON of an event or document; equal values give equal bytes."""
    return _encoder.encode(body)


def decode(payload: bytes) -> Event:
    """Return the event that `payload` encodes.

    Raises
    ------
    msgspec.ValidationError
        If it is no event this version knows.
    """
    try:
        return _decoder.decode(payload)
    except RecursionError as error:
        raise msgspec.ValidationError("nested too deep") from error


_STREAM_OF_FAMILY: dict[type[Event], str] = {
    **dict.fromkeys(MARKET_EVENTS, "mkt:{{{symbol}}}"),
    TradePrinted: "trades:{{{symbol}}}",  # so many, and no service waits for them
    FeaturesComputed: "feat:events:{{{symbol}}}",
    DecisionMade: "signals:new",
    IntentIssued: "signals:new",
    **dict.fromkeys(COMMANDS, "ord:cmd:{{{symbol}}}"),
    **dict.fromkeys(REPORTS, "ord:result:{{{symbol}}}"),
    **dict.fromkeys(POSITION_EVENTS, "pos:events"),
    BundleActivated: "cfg:events",
    **dict.fromkeys(HEALTH_EVENTS, "health:events"),
}
ACCOUNT = "ACCOUNT"  # stands in for the symbol of what concerns the whole account


def stream_of(event: Event) -> str:
    """Return the name of the stream that carries `event`; a symbol in braces is the hash tag."""
    template = _STREAM_OF_FAMILY[type(event)]
    if "{" not in template:
        return template
    return template.format(symbol=symbol_of_event(event))


def symbol_of_event(event: Event) -> str:
    """Return the symbol that `event` is about, or `ACCOUNT`."""
    if isinstance(event, InstrumentListed):
        return event.instrument.symbol
    return getattr(event, "symbol", ACCOUNT)
