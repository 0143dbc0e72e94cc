"""ccxt.pro clients whose websocket messages come as received, and whose errors carry the venue's answer.

ccxt dials, signs, pings and keeps the sockets. Its unified values cost time and leave out what we need
(whether a bar is closed, what was realised, which child a conditional order became): we read the originals.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ccxt.pro

from .vendor_errors import note_answer

Raw = dict[str, Any]
Tap = Callable[[Raw], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One open websocket. `ended` fails with the reason once it is over."""

    url: str
    ended: asyncio.Future[Any]


class Tapped:
    """Added to a ccxt.pro client."""

    clients: dict[str, Any]

    def __init__(self, config: dict[str, Any]) -> None:
        self._taps: dict[str, Tap] = {}
        self._closing: set[asyncio.Task[None]] = set()
        super().__init__(config)  # type: ignore[call-arg]

    async def open_line(self, url: str, tap: Tap) -> Line:
        """Connect to `url` and hand every message from there to `tap`.

        Raises
        ------
        ccxt.NetworkError
            If nobody answers.
        """
        self._taps[url] = tap
        ended = self.watch(url, "line")  # type: ignore[attr-defined]
        line = Line(url, ended)
        connected = self.clients[url].connected
        try:
            await asyncio.wait({ended, connected}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                ended.result()
        except BaseException:
            self.close_line(line)
            raise
        return line

    async def ask_line(self, line: Line, method: str, params: Raw) -> Any:
        """Send a request of the websocket API and return its answer.

        Raises
        ------
        ccxt.BaseError
            If the venue refuses, or the line ends.
        """
        request_id = str(self.request_id(line.url))  # type: ignore[attr-defined]
        request = {"id": request_id, "method": method, "params": params}
        waiting = {"id": request_id, "method": _resolve}
        return await self.watch(line.url, request_id, request, request_id, waiting)  # type: ignore[attr-defined]

    def close_line(self, line: Line) -> None:
        """Forget the line now; the closing handshake, which a dead peer never ends, goes on behind."""
        self._taps.pop(line.url, None)
        socket = self.clients.pop(line.url, None)
        if socket is not None:
            task = asyncio.ensure_future(socket.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self, *args: Any) -> None:
        for task in self._closing:
            task.cancel()
        await super().close(*args)  # type: ignore[misc]

    # --- what ccxt calls ------------------------------------------------------------------------------

    def handle_message(self, client: Any, message: Any) -> None:
        tap = self._taps.get(client.url)
        if tap is None or not isinstance(message, dict) or "id" in message:
            super().handle_message(client, message)  # type: ignore[misc]
        else:
            tap(message)

    def ws_dial_delay(self, url: str) -> float:
        return 0.0  # our streams pause between two dials themselves

    def on_error(self, client: Any, error: Any) -> None:
        if self.clients.get(client.url) is client:  # a closed one must not take its successor along
            super().on_error(client, error)  # type: ignore[misc]

    def on_close(self, client: Any, error: Any) -> None:
        if self.clients.get(client.url) is client:
            super().on_close(client, error)  # type: ignore[misc]

    def handle_errors(self, code: int, *args: Any) -> Any:
        try:
            return super().handle_errors(code, *args)  # type: ignore[misc]
        except ccxt.BaseError as error:
            note_answer(error, status=code, headers=args[3], body=args[5])
            raise


class TappedUsdm(Tapped, ccxt.pro.binanceusdm):  # type: ignore[misc]
    pass


class TappedSpot(Tapped, ccxt.pro.binance):  # type: ignore[misc]
    pass


def _resolve(client: Any, answer: Raw) -> None:
    client.resolve(answer, str(answer["id"]))
