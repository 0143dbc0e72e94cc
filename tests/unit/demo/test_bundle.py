"""The demo trades what the data has, by the same rules, or says why it cannot."""

import pytest

from apps.config.services import bundle_check
from chimera.demo.bundle import Played, bundle_fitted
from chimera.demo.stack import ROOT
from chimera.errors import ConfigInvalid
from chimera.instruments import Market

TEXT = (ROOT / "bundles" / "demo.yaml").read_text()
OWN = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def played(*futures: str, interval: str | None = "1m", spot: tuple[str, ...] = ()) -> Played:
    bars = {symbol: interval for symbol in futures if interval is not None}
    return Played({Market.USDM: futures, Market.SPOT: spot}, {Market.USDM: bars})


def test_bundle_stays_to_the_byte_where_all_its_symbols_are_played() -> None:
    assert bundle_fitted(TEXT, played(*OWN, "XRPUSDT")) == TEXT
    assert bundle_fitted(TEXT, played(*OWN, interval=None)) == TEXT


def test_other_symbols_are_traded_by_the_same_rules_and_pass_the_same_checks() -> None:
    ours, theirs = (
        bundle_check(text).bundle
        for text in (TEXT, bundle_fitted(TEXT, played("XRPUSDT", "BTCUSDT")))
    )
    assert theirs.symbols == ("BTCUSDT-PERP", "XRPUSDT-PERP")
    assert (theirs.interval, theirs.rules, theirs.guards, theirs.factors, theirs.risk) == (
        *(ours.interval, ours.rules, ours.guards, ours.factors, ours.risk),
    )


@pytest.mark.parametrize(
    ("recorded", "wanted"), [("1m", "1m"), ("5m", "5m"), ("1h", "1h"), (None, "1m")]
)
def test_interval_is_the_next_that_the_recorded_bars_make(
    recorded: str | None, wanted: str
) -> None:
    fitted = bundle_fitted(TEXT, played("LTCUSDT", interval=recorded))
    assert bundle_check(fitted).bundle.interval == wanted


def test_bars_of_two_widths_are_decided_on_together() -> None:
    both = Played(
        {Market.USDM: ("LTCUSDT", "BTCUSDT")}, {Market.USDM: {"LTCUSDT": "5m", "BTCUSDT": "3m"}}
    )
    assert bundle_check(bundle_fitted(TEXT, both)).bundle.interval == "15m"


def test_data_of_the_spot_market_alone_is_refused_by_name() -> None:
    with pytest.raises(ConfigInvalid, match=r"BTCUSDT of the spot market only.*BTCUSDT-PERP"):
        bundle_fitted(TEXT, played(spot=("BTCUSDT",)))


def test_what_is_no_bundle_is_refused() -> None:
    for text in ("symbols: [", "just words", "interval: 1m"):
        with pytest.raises(ConfigInvalid, match="names no symbols"):
            bundle_fitted(text, played("BTCUSDT"))
