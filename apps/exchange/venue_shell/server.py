"""Runs a host behind uvicorn: in the foreground for the command, in a thread for tests."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

import uvicorn
import uvloop

from apps.exchange.venue_shell.app import build_app, clock_json
from apps.exchange.venue_shell.driver import Driver
from apps.exchange.venue_shell.host import Host
from apps.exchange.venue_shell.signing import Credential
from apps.exchange.venue_shell.transport import PacedWebSocket, ResettableHttp

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 10.0
KEEP_ALIVE_S = 75  # longer than clients keep a connection, so that no order meets one just closed
MESSAGE_MAX = 256 * 1024  # bytes a websocket client may send at once; more closes it with 1009

Result = TypeVar("Result")


class _Server(uvicorn.Server):
    """Uvicorn without its signal handling, which re-raises the signal after a clean stop."""

    def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]
        return nullcontext()


class VenueServer:
    """One venue on one port.

    Parameters
    ----------
    driver : plays the market into `host`
    port : 0 picks a free one; read `port` after construction
    """

    def __init__(
        self,
        host: Host,
        driver: Driver,
        *,
        credential: Credential,
        port: int = 0,
        bind: str = LOOPBACK,
    ) -> None:
        self.host = host
        self.credential = credential
        self.driver = driver
        self._listener = socket.create_server((bind, port), backlog=256)
        # asyncio leaves Nagle's algorithm on for sockets it did not make: 40 ms an answer.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bind = bind
        self.port: int = self._listener.getsockname()[1]
        self._uvicorn = _Server(
            uvicorn.Config(
                build_app(host),
                http=ResettableHttp,
                ws=PacedWebSocket,
                ws_max_size=MESSAGE_MAX,
                ws_per_message_deflate=False,
                lifespan="off",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                log_config=None,
                log_level="warning",  # its connection lines would show listen keys
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=2,
            )
        )
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def rest_url(self) -> str:
        return f"http://{self.bind}:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.bind}:{self.port}"

    def card(self) -> dict[str, Any]:
        """Return what a client needs to trade here: addresses, demo key, clock."""
        return {
            "rest": self.rest_url,
            "ws": self.ws_url,
            "key": self.credential.key,
            "secret": self.credential.secret,
            "clock": clock_json(self.host),
        }

    async def serve(self) -> None:
        """Serve until a signal or `stop`; a driver that fails ends the server and is raised."""
        self._loop = asyncio.get_running_loop()
        driver = asyncio.create_task(self.driver.run())
        driver.add_done_callback(self._on_driver_done)
        try:
            await self._uvicorn.serve(sockets=[self._listener])
        finally:
            driver.cancel()
        if self._failure is not None:
            raise self._failure
        if self.host.journal is not None:
            self.driver.save()
            self.host.journal.close()

    def run(self, announce: Callable[[dict[str, Any]], None]) -> None:
        """Serve in the foreground until SIGTERM or SIGINT; `announce` gets the card at the start."""

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._exit)
            log.info("serving %s", self.rest_url)
            announce(self.card())
            await self.serve()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    def start(self) -> "VenueServer":
        """Serve in a thread of its own and return when requests are answered."""
        self._thread = threading.Thread(target=self._run, name="venue", daemon=True)
        self._thread.start()
        deadline = START_TIMEOUT_S
        waited = threading.Event()
        while not self._uvicorn.started and deadline > 0 and self._thread.is_alive():
            waited.wait(0.01)
            deadline -= 0.01
        if not self._uvicorn.started:
            raise RuntimeError("the venue did not start") from self._failure
        return self

    def call(self, act: Callable[[Host], Result]) -> Result:
        """Run `act` between two requests of a started server and publish what it caused."""

        async def run() -> Result:
            result = act(self.host)
            self.host.publish()
            return result

        assert self._loop is not None, "start the server first"
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(CALL_TIMEOUT_S)

    def stop(self) -> None:
        """Stop a started server and wait until it is gone."""
        self._exit()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)

    def __enter__(self) -> "VenueServer":
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self.serve())
        except Exception as e:
            self._failure = e

    def _exit(self) -> None:
        self._uvicorn.should_exit = True

    def _on_driver_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._exit()
