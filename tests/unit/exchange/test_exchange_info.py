"""Recorded exchangeInfo payloads: found beside the data, and gone by before the venue's own filters."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.exchange.adapters.exchange_info import (
    find_exchange_info,
    list_recorded,
    read_exchange_info,
)
from apps.exchange.adapters.recordings import find_recordings, read_klines
from apps.exchange.core.venue.default_brackets import OTHERS
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.core.venue.instruments import VenueInstrument
from chimera.errors import InvalidInput
from chimera.instruments import Market

UM, SPOT = Market.USDM, Market.SPOT


def entry(symbol: str, tick: str, **more: Any) -> dict[str, Any]:
    lot = {"minQty": "0.1", "maxQty": "100", "stepSize": "0.1"}
    return {
        "symbol": symbol,
        "baseAsset": symbol[:-4],
        "quoteAsset": symbol[-4:],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "1", "maxPrice": "9", "tickSize": tick},
            {"filterType": "LOT_SIZE", **lot, "notional": ""},
        ],
        **more,
    }


def written(path: Path, ts: int, *entries: dict[str, Any]) -> Path:
    raw = json.dumps({"serverTime": ts, "symbols": entries}).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def perpetual(symbol: str, tick: str, **more: Any) -> dict[str, Any]:
    return entry(symbol, tick, **{"contractType": "PERPETUAL", "marginAsset": "USDT", **more})


def one(market: Market, symbol: str, *paths: Path) -> VenueInstrument:
    return list_recorded({market: [symbol]}, paths)[market][symbol]


def test_payloads_lie_in_a_folder_inside_or_beside_that_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "klines").mkdir()
    (tmp_path / "klines" / "um-BTCUSDT-1m-x.parquet").touch()
    beside = written(tmp_path / "exchange_info" / "um.json.gz", 1)
    inside = written(tmp_path / "klines" / "exchange_info" / "spot.json", 1)
    (tmp_path / "exchange_info" / "README.md").touch()

    assert find_exchange_info(find_recordings([tmp_path])) == (beside, inside)
    assert find_exchange_info([]) == ()


def test_what_lies_beside_the_data_and_is_not_meant_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "um-BTCUSDT-1m-x.parquet").touch()
    folder = tmp_path / "exchange_info"
    own = written(folder / "um.json", 1, perpetual("BTCUSDT", "0.5"))
    own.write_text(own.read_text().replace("{", weight_limit(2_400), 1))
    testnet = written(folder / "um-testnet.json", 2, perpetual("BTCUSDT", "1"))
    testnet.write_text(testnet.read_text().replace("{", weight_limit(6_000), 1))
    (folder / "um.json.gz.part").write_bytes(b"half of it")

    assert find_exchange_info(find_recordings([tmp_path])) == (own,)
    assert str(one(UM, "BTCUSDT", testnet).filters.tick_size) == "1", "whoever names it gets it"


def weight_limit(limit: int) -> str:
    return f'{{"rateLimits": [{{"rateLimitType": "REQUEST_WEIGHT", "limit": {limit}}}], '


def test_recorded_filters_go_before_the_venues_own(tmp_path: Path) -> None:
    path = written(
        tmp_path / "um.json", 1, perpetual("BTCUSDT", "0.5"), perpetual("NEWUSDT", "0.25")
    )

    assert str(one(UM, "BTCUSDT", path).filters.tick_size) == "0.5"
    assert str(one(UM, "NEWUSDT", path).filters.tick_size) == "0.25"
    assert one(UM, "NEWUSDT", path).brackets == OTHERS
    assert one(UM, "ETHUSDT", path) == list_symbols(UM, ["ETHUSDT"])["ETHUSDT"]


def test_of_several_payloads_the_newest_counts_for_each_symbol(tmp_path: Path) -> None:
    newer = written(tmp_path / "a.json", 2, entry("BTCUSDT", "0.2"))
    older = written(tmp_path / "b.json", 1, entry("BTCUSDT", "0.1"), entry("ETHUSDT", "0.1"))

    assert str(one(SPOT, "BTCUSDT", newer, older).filters.tick_size) == "0.2"
    assert str(one(SPOT, "ETHUSDT", newer, older).filters.tick_size) == "0.1"


def test_what_is_played_trades_whatever_became_of_it(tmp_path: Path) -> None:
    gone = perpetual("GONEUSDT", "0.1", status="SETTLING", contractType="")
    path = written(tmp_path / "um.json", 1, perpetual("BTCUSDT", "0.1"), gone)

    listed = one(UM, "GONEUSDT", path)

    assert listed.filters.trading
    assert (listed.info["status"], listed.info["contractType"]) == ("TRADING", "PERPETUAL")


def test_recorded_spot_symbols_advertise_only_what_the_venue_does(tmp_path: Path) -> None:
    more = {
        "icebergAllowed": True,
        "allowTrailingStop": True,
        "otoAllowed": True,
        "ocoAllowed": True,
    }
    path = written(
        tmp_path / "spot.json", 1, entry("BTCUSDT", "0.1", **more, permissions=["MARGIN"])
    )

    info = one(SPOT, "BTCUSDT", path).info

    allowed = {name for name in more if info[name]}
    assert allowed == {"ocoAllowed"}
    assert info["permissionSets"] == [["SPOT"]]


def test_contract_of_another_margin_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "um.json", 1, perpetual("BTCUSDC", "0.1", marginAsset="USDC"))
    with pytest.raises(InvalidInput, match="BTCUSDC is margined in USDC"):
        one(UM, "BTCUSDC", path)


def test_symbol_that_nothing_names_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "um.json", 1, perpetual("BTCUSDT", "0.1"))
    with pytest.raises(InvalidInput, match="NOPEUSDT is not one the venue lists"):
        one(UM, "NOPEUSDT", path)


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]",
        "{",
        '{"symbols": []}',
        '{"serverTime": 1, "symbols": [{"symbol": "A", "filters": [1]}]}',
    ],
)
def test_something_else_is_no_exchange_information(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"x\.json: .*exchangeInfo payload is expected"):
        read_exchange_info(path)


def test_everything_recorded_can_be_listed(data_dir: Path) -> None:
    paths = sorted((data_dir / "exchange_info").glob("*.json*"))
    recorded = [read_exchange_info(path) for path in paths]

    for info in recorded:
        names = [
            name
            for name, row in info.symbols.items()
            if info.market is SPOT or row["marginAsset"] == "USDT"
        ]
        assert len(list_recorded({info.market: names}, paths)[info.market]) == len(names)
    assert {info.market for info in recorded} == set(Market)
    assert str(one(UM, "BTCUSDT", *paths).filters.tick_size) == "0.10"
    assert one(UM, "BTCUSDT", *paths).info["liquidationFee"] == "0.020000"
    assert str(one(SPOT, "BTCUSDT", *paths).filters.step_size) == "0.00001000"
    assert one(SPOT, "BTCUSDT", *paths).max_orders == 200


def test_recorded_prices_lie_on_the_ticks_of_what_is_found_beside_them(data_dir: Path) -> None:
    recordings = find_recordings([data_dir / "klines"])
    found = find_exchange_info(recordings)
    for recording in recordings:
        tick = one(recording.market, recording.symbol, *found).filters.tick_size
        closes = read_klines(recording.path).close[:2_000]
        assert all(Decimal(repr(float(close))) % tick == 0 for close in closes), recording.path.name
