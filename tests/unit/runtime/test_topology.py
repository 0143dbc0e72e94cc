"""Which stream carries what, among workers that follow some symbols."""

from chimera.runtime.topology import stream_for, streams_to_read
from tests.support.routers import SYMBOL, RouterBench


def test_what_the_account_does_in_a_symbol_nobody_follows_is_heard_by_all() -> None:
    fill = RouterBench().filled(None)

    assert stream_for(fill, {SYMBOL}) == f"ord:result:{{{SYMBOL}}}"
    elsewhere = stream_for(fill, {"ETHUSDT-PERP"})
    assert elsewhere == "ord:result:{ACCOUNT}"
    for reader in ("orders", "positions"):
        assert elsewhere in streams_to_read([reader], ["ETHUSDT-PERP"])
