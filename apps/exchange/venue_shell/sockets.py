"""One client's websocket with its bounded send queue. A consumer that cannot keep up is cut off."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Literal

from starlette.websockets import WebSocket, WebSocketDisconnect

from chimera.clock import Millis
from chimera.instruments import Market

log = logging.getLogger(__name__)

QUEUE_MAX = 5_000
POLICY_VIOLATION = 1008
NORMAL_CLOSURE = 1000

Kind = Literal["market", "user", "api"]


class Socket:
    """Texts offered by anyone in the loop leave in order; the queue's length is bounded.

    `wraps` is true on ``/stream`` paths, whose events travel as ``{"stream": …, "data": …}``; `opened` is
    the venue's wall time.
    """

    def __init__(
        self,
        websocket: WebSocket,
        kind: Kind,
        *,
        market: Market,
        opened: Millis,
        wraps: bool = False,
        queue_max: int = QUEUE_MAX,
    ) -> None:
        self.kind = kind
        self.market = market
        self.opened = opened
        self.wraps = wraps
        self._websocket = websocket
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queue_max = queue_max
        self._close_code = NORMAL_CLOSURE
        self._closing = False

    def offer(self, text: str) -> None:
        """Queue `text`; on overflow the backlog is dropped and the socket closed."""
        if self._closing:
            return
        if self._queue.qsize() >= self._queue_max:
            log.warning("slow consumer on %s cut off", self._websocket.url.path)
            self._drop_backlog()
            self.close(POLICY_VIOLATION)
            return
        self._queue.put_nowait(text)

    def offer_event(self, stream: str, text: str) -> None:
        self.offer(f'{{"stream":"{stream}","data":{text}}}' if self.wraps else text)

    def close(self, code: int = NORMAL_CLOSURE) -> None:
        """Close after what is queued has left."""
        if not self._closing:
            self._closing = True
            self._close_code = code
            self._queue.put_nowait(None)

    async def messages(self) -> AsyncIterator[str]:
        """Yield what the client sends until either side closes; sends the queue meanwhile."""
        await self._websocket.accept()
        writer = asyncio.create_task(self._write())
        try:
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text")
                yield text if text is not None else message["bytes"].decode("utf-8", "replace")
        except WebSocketDisconnect:
            return
        finally:
            self._closing = True
            writer.cancel()

    async def _write(self) -> None:
        try:
            while (text := await self._queue.get()) is not None:
                await self._websocket.send({"type": "websocket.send", "text": text})
            await self._websocket.close(self._close_code)
        except (WebSocketDisconnect, RuntimeError):
            log.debug("client left while %d messages waited", self._queue.qsize())

    def _drop_backlog(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()
