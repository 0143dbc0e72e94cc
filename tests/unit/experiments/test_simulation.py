"""Opening a simulation: it reads files as the venue does, so that backtest and paper agree."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from apps.config.core.loading import load_bundle
from apps.exchange.venue_shell.build import VenueOptions, build_server
from apps.experiments.simulation import open_simulation
from chimera.clock import MINUTE
from chimera.instruments import Market
from tests.support.bundles import GOOD_BUNDLE

T0 = 1_700_000_000_000 - 1_700_000_000_000 % MINUTE
LOT = {"filterType": "LOT_SIZE", "minQty": "0.2", "maxQty": "500", "stepSize": "0.2"}
PRICE = {"filterType": "PRICE_FILTER", "minPrice": "1", "maxPrice": "900", "tickSize": "0.25"}


def bars(folder: Path, symbol: str, count: int = 30) -> Path:
    times = [T0 + i * MINUTE for i in range(count)]
    folder.mkdir(exist_ok=True)
    path = folder / f"um-{symbol}-1m-x.parquet"
    prices = dict.fromkeys(("open", "high", "low", "close"), [100.0] * count)
    pq.write_table(pa.table({"open_time": times, **prices, "volume": [1.0] * count}), path)
    return path


def exchange_info(path: Path, symbol: str) -> Path:
    entry = {
        "symbol": symbol,
        "baseAsset": symbol[:-4],
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
    }
    entry |= {"contractType": "PERPETUAL", "filters": [PRICE, LOT]}
    path.parent.mkdir()
    path.write_text(json.dumps({"serverTime": T0, "symbols": [entry]}))
    return path


def test_simulation_and_venue_list_the_same_symbol_alike(tmp_path: Path) -> None:
    exchange_info(tmp_path / "exchange_info" / "um.json", "NEWUSDT")
    path = bars(tmp_path, "NEWUSDT")
    bundle = load_bundle(GOOD_BUNDLE.replace("BTCUSDT", "NEWUSDT"))

    simulated = open_simulation([path], bundle=bundle).desk.venue
    served = build_server(VenueOptions(data=(path,))).host.venue

    listed = simulated.listing(Market.USDM, "NEWUSDT").instrument
    assert str(listed.filters.tick_size) == "0.25"
    assert listed == served.listing(Market.USDM, "NEWUSDT").instrument


def test_bars_that_two_files_hold_are_traded_once(tmp_path: Path) -> None:
    bundle = load_bundle(GOOD_BUNDLE)
    both = [bars(tmp_path, "BTCUSDT"), bars(tmp_path / "more", "BTCUSDT", 40)]

    simulation = open_simulation(both, bundle=bundle)

    assert simulation.total_bars == 40
    simulation.run()
    assert simulation.result()["decisions"] == 40
