"""`manage.py warmup` ends when what can be decided about is ready."""

from collections.abc import Iterator

import msgspec
import pytest
from django.core.management import call_command

from apps.config.core.loading import load_bundle
from apps.health.management.commands import warmup
from chimera.events import BundleActivated
from chimera.events.health import UNLISTED
from chimera.store import Store, Write
from chimera.store.shared import opened, shared_store
from tests.support.builders import BUNDLE_HASH, START, SYMBOL, alert_raised, bar, signal
from tests.support.bundles import GOOD_BUNDLE

FOREIGN = "FOOUSDT-PERP"


@pytest.fixture
def store(settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A record in which nothing has happened, under a bundle that trades a symbol too many."""
    settings.STORE_URL = "memory://"
    settings.EXCHANGE_URL = "http://127.0.0.1:9"  # nobody listens there
    opened.cache_clear()
    bundle = msgspec.structs.replace(load_bundle(GOOD_BUNDLE), symbols=(SYMBOL, FOREIGN))
    active = BundleActivated(
        id="cfg:g3",
        ts_event=1,
        ts_init=1,
        generation=3,
        bundle_hash=BUNDLE_HASH,
        bundle=bundle,
        actor="test",
        reason="test",
    )
    monkeypatch.setattr(warmup, "activation_active", lambda: active)
    yield shared_store()
    opened.cache_clear()


def test_symbol_the_venue_does_not_list_is_named_and_not_waited_for(store: Store, capsys) -> None:
    told = msgspec.structs.replace(alert_raised("", START, "exchange"), symbol=FOREIGN)
    store.write([Write("alerts", f"{UNLISTED}:{FOREIGN}:{START}", told, FOREIGN, START)])
    said = signal(bar(9.0, 9.5, 8.5, 9.0, START), {"ema_5": 9.1})
    store.write([Write("signals", said.id, said, SYMBOL, said.ts_event)])

    call_command("warmup", patience=20)

    out = capsys.readouterr().out
    assert f"The venue does not list {FOREIGN}." in out
    assert "The desk is ready to decide." in out


def test_symbol_without_bars_is_waited_for_as_long_as_patience_lasts(store: Store, capsys) -> None:
    call_command("warmup", patience=0.1)

    assert f"Still warming up: {SYMBOL}, {FOREIGN}." in capsys.readouterr().out
