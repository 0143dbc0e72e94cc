"""Asks the paper venue about its account directly, past everything of ours."""

import hashlib
import hmac
import json
import time
import urllib.parse
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any


class VenueAccount:
    """The futures account of a running venue; `card` is the line it printed when it started."""

    def __init__(self, card: Path) -> None:
        told = json.loads(card.read_text())
        self._rest, self._key, self._secret = told["rest"], told["key"], told["secret"]

    def get(self, path: str, **params: Any) -> Any:
        return self._ask("GET", path, params)

    def buy(self, symbol: str, quantity: str) -> None:
        """Buy at market, as a person would."""
        order = {"symbol": symbol, "side": "BUY", "type": "MARKET", "quantity": quantity}
        self._ask("POST", "/fapi/v1/order", order)

    def _ask(self, method: str, path: str, params: dict[str, Any]) -> Any:
        query = urllib.parse.urlencode({**params, "timestamp": int(time.time() * 1_000)})
        signature = hmac.new(self._secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        request = urllib.request.Request(
            f"{self._rest}{path}?{query}&signature={signature}",
            headers={"X-MBX-APIKEY": self._key},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def positions(self) -> dict[str, dict[str, Any]]:
        """Return the open positions by the venue's symbol."""
        rows = self.get("/fapi/v3/positionRisk")
        return {row["symbol"]: row for row in rows if Decimal(row["positionAmt"])}

    def wallet_usdt(self) -> Decimal:
        assets = self.get("/fapi/v3/account")["assets"]
        return next(Decimal(row["walletBalance"]) for row in assets if row["asset"] == "USDT")

    def unprotected(self) -> set[str]:
        """Return the symbols whose position no resting stop covers whole."""
        return {
            symbol
            for symbol, row in self.positions().items()
            if not any(
                _covers(stop, Decimal(row["positionAmt"]))
                for stop in self.get("/fapi/v1/openAlgoOrders", symbol=symbol)
            )
        }

    def client_ids(self, symbol: str) -> list[str]:
        """Return the client id of every order of a symbol, those of conditional orders included."""
        plain = self.get("/fapi/v1/allOrders", symbol=symbol, limit=1_000)
        conditional = self.get("/fapi/v1/allAlgoOrders", symbol=symbol, limit=1_000)
        ids = [row["clientAlgoId"] for row in conditional]
        # A triggered conditional order trades as a child under its own id.
        return ids + [row["clientOrderId"] for row in plain if row["clientOrderId"] not in ids]


def _covers(stop: dict[str, Any], held: Decimal) -> bool:
    side = "SELL" if held > 0 else "BUY"
    return stop["side"] == side and Decimal(stop["quantity"]) >= abs(held)
