"""A venue socket's bounded queue: order kept, slow consumers cut off."""

import asyncio
from typing import Any

from starlette.websockets import WebSocket

from apps.exchange.venue_shell.sockets import POLICY_VIOLATION, Socket
from chimera.instruments import Market


class Peer:
    """The far end of an ASGI websocket that reads only when told to."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.received: list[dict[str, Any]] = []
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> dict[str, Any]:
        return await self._incoming.get()

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] != "websocket.accept":
            await self.reads.wait()
            self.received.append(message)
        if message["type"] == "websocket.close":
            self._incoming.put_nowait({"type": "websocket.disconnect", "code": message["code"]})

    def socket(self, **options: Any) -> Socket:
        scope = {"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}
        scope |= {"server": ("127.0.0.1", 1), "scheme": "ws"}
        websocket = WebSocket(scope, self.receive, self.send)
        return Socket(websocket, "market", market=Market.USDM, opened=0, **options)


async def serve(socket: Socket) -> None:
    async for _ in socket.messages():
        pass


async def test_socket_sends_in_order_and_wraps_on_stream_paths() -> None:
    peer = Peer()
    peer.reads.set()
    socket = peer.socket(wraps=True)
    task = asyncio.create_task(serve(socket))
    socket.offer("first")
    socket.offer_event("btcusdt@trade", "{}")
    socket.close()
    async with asyncio.timeout(2):
        await task

    texts = [message["text"] for message in peer.received if "text" in message]
    assert texts == ["first", '{"stream":"btcusdt@trade","data":{}}']


async def test_socket_slow_consumer_is_closed_and_its_backlog_dropped() -> None:
    peer = Peer()
    socket = peer.socket(queue_max=10)
    task = asyncio.create_task(serve(socket))
    await asyncio.sleep(0)  # the writer takes the first text and waits for the peer
    for number in range(50):
        socket.offer(str(number))
        await asyncio.sleep(0)
    peer.reads.set()
    async with asyncio.timeout(2):
        await task

    assert peer.received[-1]["code"] == POLICY_VIOLATION
    assert len(peer.received) <= 3
