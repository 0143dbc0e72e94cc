import pytest

from chimera.bus import ConsumeOptions, open_bus
from chimera.bus.streams import dead_letters, hash_tag, max_length
from chimera.errors import ConfigInvalid


@pytest.mark.parametrize(
    ("stream", "tag"),
    [
        ("mkt:{BTCUSDT-PERP}", "BTCUSDT-PERP"),
        ("signals:new", "signals:new"),
        ("odd:{}", "odd:{}"),
        ("odd:{open", "odd:{open"),
        ("two:{a}{b}", "a"),
    ],
)
def test_hash_tag_is_what_redis_cluster_hashes(stream: str, tag: str) -> None:
    assert hash_tag(stream) == tag


def test_dead_letters_of_a_tagged_stream_share_its_slot() -> None:
    assert dead_letters("ord:cmd:{BTCUSDT-PERP}") == "dead:{BTCUSDT-PERP}"
    assert hash_tag(dead_letters("signals:new")) == hash_tag("signals:new")


@pytest.mark.parametrize("stream", ["mkt:{BTCUSDT}", "pos:events", "unheard:of", "dead:{x}"])
def test_max_length_of_any_stream_is_bounded(stream: str) -> None:
    assert 1_000 <= max_length(stream) <= 100_000


@pytest.mark.parametrize("url", ["", "redis", "http://localhost", "redis://host:port", "memory:"])
def test_open_bus_with_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigInvalid):
        open_bus(url, producer="tests")


@pytest.mark.parametrize(
    "bad", [{"batch": 0}, {"max_deliveries": 0}, {"block_ms": 60_000}, {"claim_idle_ms": -1}]
)
def test_consume_options_out_of_range_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at least|at most"):
        ConsumeOptions(**bad)
