"""A TCP relay between a connector and its venue, which can go deaf without hanging up."""

import asyncio
from contextlib import suppress


class Relay:
    """Passes bytes both ways; `mute` swallows what the venue says on the connections of that moment."""

    def __init__(self, port: int) -> None:
        self._venue_port = port
        self._server: asyncio.Server | None = None
        self._muted: list[asyncio.Event] = []
        self._work: set[asyncio.Task[None]] = set()
        self.accepted = 0

    async def start(self) -> "Relay":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    @property
    def ws_url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def mute(self) -> None:
        for muted in self._muted:
            muted.set()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        muted = asyncio.Event()
        self._muted.append(muted)
        from_venue, to_venue = await asyncio.open_connection("127.0.0.1", self._venue_port)
        for source, sink, deaf in ((reader, to_venue, None), (from_venue, writer, muted)):
            task = asyncio.create_task(_pass_on(source, sink, deaf))
            self._work.add(task)
            task.add_done_callback(self._work.discard)


async def _pass_on(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, muted: asyncio.Event | None
) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            if muted is None or not muted.is_set():
                sink.write(data)
                await sink.drain()
    sink.close()
