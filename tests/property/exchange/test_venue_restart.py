"""A venue killed anywhere and started again is the venue that was never killed, to the bit."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.exchange.core.venue import retention
from apps.exchange.core.venue.types import VenueError
from apps.exchange.venue_shell import driver, journal
from apps.exchange.venue_shell.build import ACCOUNT_ID, VenueOptions, build_server
from apps.exchange.venue_shell.endpoint import Call
from apps.exchange.venue_shell.params import Params
from apps.exchange.venue_shell.refusals import Refusal
from apps.exchange.venue_shell.rest import invoke
from apps.exchange.venue_shell.routes import ENDPOINTS
from apps.exchange.venue_shell.server import VenueServer
from chimera.clock import ScaledClock
from chimera.instruments import Market
from tests.support.plain import plain

START = 1_746_374_400_000 - 5_000  # funding is settled soon
STANDING = 1e-9  # the clock moves only by hand
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
UM, SPOT = "/fapi/v1", "/api/v3"
OFFSETS = st.integers(min_value=-60, max_value=60)
SIDES = st.sampled_from(["BUY", "SELL"])

STEP = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([100, 700, 3_000, 20_000])),
    st.tuples(st.just("limit"), SIDES, OFFSETS, st.sampled_from(["GTC", "IOC", "GTX", "FOK"])),
    st.tuples(st.just("until"), SIDES, OFFSETS),
    st.tuples(st.just("market"), SIDES),
    st.tuples(st.just("stop"), SIDES, OFFSETS, st.booleans()),
    st.tuples(st.just("spot"), SIDES, OFFSETS),
    st.tuples(st.just("oco"), st.just("SELL")),
    st.tuples(st.just("cancel"), st.sampled_from([UM, SPOT])),
    st.tuples(st.just("countdown"), st.sampled_from([0, 1_500])),
    st.tuples(st.just("leverage"), st.integers(min_value=1, max_value=130)),
    st.tuples(st.just("read"), st.just(None)),
)


class Trader:
    """Sends requests through the venue's own door, and moves its clock."""

    def __init__(self, server: VenueServer) -> None:
        self.server = server
        self.host = server.host

    def do(self, step: tuple[Any, ...]) -> None:
        kind, *args = step
        getattr(self, kind)(*args)
        self.beat()

    def beat(self) -> None:
        self.server.driver.beat()

    def wait(self, ms: int) -> None:
        self.host.clock.origin += ms

    def limit(self, side: str, offset: int, tif: str) -> None:
        self.order(side, type="LIMIT", timeInForce=tif, price=self.price(offset))

    def until(self, side: str, offset: int) -> None:
        end = self.host.now() + 601_000
        price = self.price(offset)
        self.order(side, type="LIMIT", timeInForce="GTD", price=price, goodTillDate=end)

    def market(self, side: str) -> None:
        self.order(side, type="MARKET")

    def stop(self, side: str, offset: int, closes: bool) -> None:
        size = {"closePosition": "true"} if closes else {"quantity": "0.010"}
        self.ask(
            "POST",
            f"{UM}/algoOrder",
            symbol="BTCUSDT",
            algoType="CONDITIONAL",
            type="STOP_MARKET",
            side=side,
            triggerPrice=self.price(offset),
            **size,
        )

    def spot(self, side: str, offset: int) -> None:
        self.ask(
            "POST",
            f"{SPOT}/order",
            symbol="BTCUSDT",
            side=side,
            type="LIMIT",
            timeInForce="GTC",
            quantity="0.01",
            price=self.price(offset, Market.SPOT),
        )

    def oco(self, side: str) -> None:
        self.ask(
            "POST",
            f"{SPOT}/orderList/oco",
            symbol="BTCUSDT",
            side=side,
            quantity="0.005",
            aboveType="LIMIT_MAKER",
            abovePrice=self.price(30, Market.SPOT),
            belowType="STOP_LOSS",
            belowStopPrice=self.price(-30, Market.SPOT),
        )

    def cancel(self, root: str) -> None:
        self.ask(
            "DELETE", f"{root}/{'allOpenOrders' if root == UM else 'openOrders'}", symbol="BTCUSDT"
        )

    def countdown(self, ms: int) -> None:
        self.ask("POST", f"{UM}/countdownCancelAll", symbol="BTCUSDT", countdownTime=ms)

    def leverage(self, leverage: int) -> None:
        self.ask("POST", f"{UM}/leverage", symbol="BTCUSDT", leverage=leverage)

    def read(self, _: None) -> None:
        for path in ("depth", "allOrders", "userTrades", "openOrders", "ticker/24hr"):
            self.ask("GET", f"{UM}/{path}", symbol="BTCUSDT")
        for path in ("/fapi/v3/account", "/fapi/v3/positionRisk", "/api/v3/account"):
            self.ask("GET", path)

    def order(self, side: str, **params: Any) -> None:
        self.ask("POST", f"{UM}/order", symbol="BTCUSDT", side=side, quantity="0.010", **params)

    def price(self, offset: int, market: Market = Market.USDM) -> str:
        last = self.host.venue.listing(market, "BTCUSDT").last
        assert last is not None
        return str(last + offset)

    def ask(self, method: str, path: str, **params: Any) -> None:
        endpoint = BY_NAME[f"{method} {path}"]
        now = self.host.now()
        call = Call(
            host=self.host,
            market=endpoint.market,
            account_id=ACCOUNT_ID,
            params=Params({name: str(value) for name, value in params.items()}),
            now=now,
            wall=now,
        )
        with suppress(VenueError, Refusal):
            invoke(endpoint, call, {})
        self.host.publish()


@pytest.fixture(autouse=True, scope="module")
def steady() -> Iterator[None]:
    """Have a beat do everything that is due, however slow the machine is, and accounts forget soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "ADVANCE_S", 0.0)
        patch.setattr(driver, "SLICE_S", float("inf"))
        patch.setattr(retention, "UNFILLED_KEPT", 1_000)
        patch.setattr(retention, "KEPT", 4_000)
        yield


@contextmanager
def started(folder: Path, clock: ScaledClock | None = None) -> Iterator[Trader]:
    """Start a venue on `folder`; `clock` is the hand-moved one of the venue it goes on from."""
    server = build_server(
        VenueOptions(
            seed=3,
            start=START,
            speed=STANDING,
            symbols=("BTCUSDT",),
            unlimited=True,
            state=folder,
        )
    )
    if clock is not None:
        server.host.clock.follow(clock)
    trader = Trader(server)
    try:
        trader.beat()
        yield trader
    finally:
        assert server.host.journal is not None
        server.host.journal.close()
        server._listener.close()


def state_of(trader: Trader) -> Any:
    host, driver = trader.host, trader.server.driver
    return plain([host.venue, driver._feed, host.feed, host.user_hub.reports])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(STEP, min_size=2, max_size=30), st.sampled_from([2, 7, journal.WORK_MAX]), st.data()
)
def test_restart_anywhere_equals_never_killed(
    steps: list[Any], work_max: int, data: st.DataObject
) -> None:
    killed_at = data.draw(st.integers(min_value=0, max_value=len(steps)))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "WORK_MAX", work_max)
        patch.setattr(journal, "BYTES_PER_WORK", 1_000_000)
        with started(Path(folder) / "whole") as whole:
            for step in steps[:killed_at]:
                whole.do(step)
            left = Path(folder) / "killed"
            shutil.copytree(Path(folder) / "whole", left)
            before = state_of(whole)
            with started(left, whole.host.clock) as again:
                assert state_of(again) == before
                for step in steps[killed_at:]:
                    whole.do(step)
                    again.do(step)
                assert state_of(again) == state_of(whole)
                assert again.host.now() == whole.host.now()
