"""ccxt.pro clients that also hand on every message as received.

ccxt keeps connections, subscriptions and books; its unified values leave out what we need (whether a
bar is closed, what realised, which child a conditional order became), so we read the originals.
"""

from collections.abc import Callable
from typing import Any

import ccxt.pro

Tap = Callable[[dict[str, Any]], None]


class TappedUsdm(ccxt.pro.binanceusdm):  # type: ignore[misc]
    def handle_message(self, client: Any, message: Any) -> None:
        _hand_on(self.options.get("tap"), message)
        super().handle_message(client, message)


class TappedSpot(ccxt.pro.binance):  # type: ignore[misc]
    def handle_message(self, client: Any, message: Any) -> None:
        _hand_on(self.options.get("tap"), message)
        super().handle_message(client, message)


def _hand_on(tap: Tap | None, message: Any) -> None:
    if tap is None or not isinstance(message, dict):
        return
    payload = message.get("data") or message.get("event") or message
    if isinstance(payload, dict):
        tap(payload)
