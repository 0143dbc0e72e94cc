"""Who listens to which account: futures listen keys, spot subscriptions, and the way of its events."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from apps.exchange.core.venue.outbound import (
    AccountChanged,
    AlgoUpdated,
    LeverageChanged,
    ListUpdated,
    MarginCalled,
    OrderUpdated,
    PrivateEvent,
)
from apps.exchange.core.venue.types import Execution, VenueError
from apps.exchange.venue_shell import refusals, wire_spot, wire_um_events
from apps.exchange.venue_shell.faults import (
    DelayEvents,
    DropEvents,
    DuplicateEvents,
    FaultPlan,
    ReorderEvents,
)
from apps.exchange.venue_shell.sockets import Socket
from apps.exchange.venue_shell.wire import Json, dumps
from chimera.clock import MINUTE, Millis
from chimera.instruments import Market

LISTEN_KEY_LIFE = 60 * MINUTE
FILLS = (Execution.TRADE, Execution.CALCULATED)


@dataclass(slots=True)
class ListenKey:
    """A futures user stream: valid for an hour after its last POST or PUT."""

    key: str
    account_id: str
    expires: Millis
    sockets: set[Socket] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class SpotSubscription:
    subscription_id: int
    account_id: str
    socket: Socket

    def tell(self, text: str) -> None:
        self.socket.offer(f'{{"subscriptionId":{self.subscription_id},"event":{text}}}')


class UserHub:
    """Encodes private events and sends them to their account's streams, faults applied."""

    def __init__(self, faults: FaultPlan) -> None:
        self._faults = faults
        self._listen_keys: dict[str, ListenKey] = {}
        self._spot: list[SpotSubscription] = []
        self._issued = 0
        self.reports = 0  # execution reports numbered so far, heard or not
        self._cancel_ids: dict[int, str] = {}
        self._held: list[Callable[[], None]] = []  # to be told in reverse

    # --- listen keys (futures) ----------------------------------------------------------------------

    def open_listen_key(self, account_id: str, now: Millis) -> str:
        """Return the account's active key with its life extended, or a new one."""
        self.expire(now)
        for active in self._listen_keys.values():
            if active.account_id == account_id:
                active.expires = now + LISTEN_KEY_LIFE
                return active.key
        self._issued += 1
        key = hashlib.sha256(f"{account_id}:{now}:{self._issued}".encode()).hexdigest()
        self._listen_keys[key] = ListenKey(key, account_id, now + LISTEN_KEY_LIFE)
        return key

    def extend_listen_key(self, account_id: str, now: Millis) -> str:
        self.expire(now)
        for active in self._listen_keys.values():
            if active.account_id == account_id:
                active.expires = now + LISTEN_KEY_LIFE
                return active.key
        raise refusals.unknown_listen_key()

    def close_listen_key(self, account_id: str) -> None:
        for key, active in list(self._listen_keys.items()):
            if active.account_id == account_id:
                del self._listen_keys[key]

    def expire(self, now: Millis, *, everything: bool = False) -> None:
        """Send `listenKeyExpired` on keys past their time, then nothing more."""
        for key, active in list(self._listen_keys.items()):
            if everything or active.expires <= now:
                del self._listen_keys[key]
                notice = dumps(wire_um_events.listen_key_expired(key, now))
                for socket in active.sockets:
                    socket.offer_event(key, notice)

    def join(self, listen_key: str, socket: Socket) -> bool:
        """Attach a socket to a listen key; an unknown key stays silent, as at Binance."""
        active = self._listen_keys.get(listen_key)
        if active is not None:
            active.sockets.add(socket)
        return active is not None

    # --- subscriptions (spot) -----------------------------------------------------------------------

    def subscribe_spot(self, account_id: str, socket: Socket) -> int:
        if any(s.account_id == account_id and s.socket is socket for s in self._spot):
            raise VenueError(-2035, "Subscription already active.")
        mine = [s.subscription_id for s in self._spot if s.socket is socket]
        number = max(mine, default=-1) + 1
        self._spot.append(SpotSubscription(number, account_id, socket))
        return number

    def unsubscribe_spot(self, socket: Socket, subscription_id: int | None, now: Millis) -> None:
        gone = [
            s
            for s in self._spot
            if s.socket is socket and subscription_id in (None, s.subscription_id)
        ]
        if not gone:
            raise VenueError(-2036, "Subscription not active.")
        self._terminate(gone, now)

    def terminate_spot(self, now: Millis) -> None:
        """End every spot subscription: one event, then silence."""
        self._terminate(self._spot, now)

    def _terminate(self, gone: list[SpotSubscription], now: Millis) -> None:
        notice = dumps(wire_spot.event_stream_terminated(now))
        for subscription in gone:
            subscription.tell(notice)
        self._spot = [s for s in self._spot if s not in gone]

    def leave(self, socket: Socket) -> None:
        """Forget a socket that is gone."""
        self._spot = [s for s in self._spot if s.socket is not socket]
        for active in self._listen_keys.values():
            active.sockets.discard(socket)

    # --- events -------------------------------------------------------------------------------------

    def name_cancel(self, order_id: int, cancel_id: str) -> None:
        """Say which id the report of this spot order's cancel shall carry."""
        self._cancel_ids[order_id] = cancel_id

    def publish(self, event: PrivateEvent) -> None:
        if isinstance(event, OrderUpdated) and event.order.market is Market.SPOT:
            self.reports += 1
        if not self.has_listeners():
            self._cancel_ids.clear()
            return
        for market, message in self._encode(event):
            self._send(market, event.account_id, message)

    def has_listeners(self) -> bool:
        return bool(self._spot) or any(active.sockets for active in self._listen_keys.values())

    def _encode(self, event: PrivateEvent) -> list[tuple[Market, Json]]:
        match event:
            case OrderUpdated() if event.order.market is Market.SPOT:
                return [(Market.SPOT, self._execution_report(event))]
            case OrderUpdated():
                messages = [(Market.USDM, wire_um_events.order_trade_update(event))]
                if event.execution_type in FILLS and event.fill is not None:
                    messages.append((Market.USDM, wire_um_events.trade_lite(event)))
                return messages
            case AccountChanged() if event.market is Market.SPOT:
                return [(Market.SPOT, message) for message in wire_spot.account_events(event)]
            case AccountChanged():
                return [(Market.USDM, wire_um_events.account_update(event))]
            case AlgoUpdated():
                return [(Market.USDM, wire_um_events.algo_update(event))]
            case LeverageChanged():
                return [(Market.USDM, wire_um_events.leverage_update(event))]
            case MarginCalled():
                return [(Market.USDM, wire_um_events.margin_call(event))]
            case ListUpdated():
                return [(Market.SPOT, wire_spot.list_status(event))]
            case _:
                return []

    def _execution_report(self, event: OrderUpdated) -> Json:
        canceled = event.execution_type is Execution.CANCELED
        cancel_id = self._cancel_ids.pop(event.order.order_id, None) if canceled else None
        return wire_spot.execution_report(event, self.reports, cancel_id)

    def _send(self, market: Market, account_id: str, message: Json) -> None:
        deliver = self._futures_delivery if market is Market.USDM else self._spot_delivery
        send = deliver(account_id, dumps(message))
        match self._faults.for_event(message):
            case DropEvents():
                return
            case DuplicateEvents():
                send()
                send()
            case ReorderEvents(n=n):
                self._held.append(send)
                if len(self._held) >= n:
                    held, self._held = self._held, []
                    for late in reversed(held):
                        late()
            case DelayEvents(ms=ms):
                asyncio.get_running_loop().call_later(ms / 1_000, send)
            case _:
                send()

    def _futures_delivery(self, account_id: str, text: str) -> Callable[[], None]:
        def send() -> None:
            for active in self._listen_keys.values():
                if active.account_id == account_id:
                    for socket in active.sockets:
                        socket.offer_event(active.key, text)

        return send

    def _spot_delivery(self, account_id: str, text: str) -> Callable[[], None]:
        def send() -> None:
            for subscription in self._spot:
                if subscription.account_id == account_id:
                    subscription.tell(text)

        return send
