"""What S11 says, to whom, and with which status."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import msgspec
import pytest
from django.core.cache import cache
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from apps.config.core.loading import load_bundle
from apps.health import probes
from apps.health.catalogue import SERVICE_NAMES, WORKERS
from apps.health.selectors.overview import CELERY_SILENT_AFTER_MS, WORKER_SILENT_AFTER_MS
from apps.health.tasks import beat
from chimera.bus import DeadLetter, Message
from chimera.bus.wire import dead_letter_fields
from chimera.clock import WallClock
from chimera.events import (
    BundleActivated,
    StreamDisconnected,
    TradingHalted,
    TradingResumed,
    encode,
)
from chimera.events.health import ServiceState
from tests.support.builders import Story, alert_raised, service_reported
from tests.support.bundles import GOOD_BUNDLE

pytestmark = pytest.mark.django_db


@pytest.fixture
def redis(settings, redis_url) -> Iterator[Redis]:
    """The real Redis, empty, named in the settings."""
    settings.REDIS_URL = redis_url
    with Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture
def venue(settings) -> Iterator[None]:
    """A venue that answers its ping, and has no more doors than the real one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if self.path.startswith("/venue") else 200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    settings.EXCHANGE_URL = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


def say(redis: Redis, event, entry_id: str = "*") -> None:
    redis.xadd("health:events", {"p": "test@1", "s": 1, "d": encode(event)}, id=entry_id)
    cache.clear()


def all_report(redis: Redis, state: ServiceState = ServiceState.OK) -> None:
    for service in WORKERS:
        say(redis, service_reported(service, state, WallClock().now()))


def component(client, name: str) -> dict:
    body = client.get("/health").json()
    return next(found for found in body["components"] if found["name"] == name)


def test_health_to_strangers_says_the_state_alone(client):
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {"service": "chimera", "state": "ERROR"}


def test_health_to_people_names_every_component(viewer):
    body = viewer.get("/health").json()
    assert body["colour"] == "RED"
    assert component(viewer, "redis")["state"] == "ERROR"
    assert component(viewer, "database")["state"] == "OK"
    assert [service["service"] for service in body["services"]] == list(SERVICE_NAMES)


def test_health_with_everything_up_is_green(viewer, redis, venue):
    all_report(redis)
    beat()
    answer = viewer.get("/health")
    assert answer.status_code == 200, answer.json()
    assert (answer.json()["colour"], answer.json()["state"]) == ("GREEN", "OK")
    assert viewer.get("/ready").status_code == 200


def test_market_without_bars_is_yellow_and_names_the_symbol(viewer, redis, venue, monkeypatch):
    all_report(redis)
    beat()
    active = BundleActivated(
        id="cfg:g1",
        ts_event=1,
        ts_init=1,
        generation=1,
        bundle_hash="",
        bundle=load_bundle(GOOD_BUNDLE),
        actor="",
        reason="",
    )
    monkeypatch.setattr(probes, "activation_active", lambda: active)
    assert viewer.get("/health").json()["colour"] == "YELLOW"
    assert component(viewer, "market") == {
        "name": "market",
        "state": "DEGRADED",
        "critical": False,
        "detail": "warming up: BTCUSDT-PERP has no bar yet",
        "latency_ms": None,
    }
    assert viewer.get("/api/v1/features/health").json()["state"] == "DEGRADED"
    assert viewer.get("/api/v1/features/ready").status_code == 200


def test_health_without_celery_is_degraded_and_stays_ready(viewer, redis, venue):
    all_report(redis)
    body = viewer.get("/health").json()
    assert (body["colour"], body["state"]) == ("YELLOW", "DEGRADED")
    assert viewer.get("/api/v1/experiments/ready").status_code == 200


def test_worker_that_fell_silent_is_an_error_of_its_service(viewer, redis, venue):
    long_ago = WallClock().now() - WORKER_SILENT_AFTER_MS - 1_000
    say(redis, service_reported("features", ServiceState.OK, 1), entry_id=f"{long_ago}-0")
    all_but = [service for service in WORKERS if service != "features"]
    for service in all_but:
        say(redis, service_reported(service, ServiceState.OK, WallClock().now()))
    assert "silent for" in component(viewer, "features worker")["detail"]
    assert viewer.get("/api/v1/features/health").status_code == 503
    assert viewer.get("/api/v1/strategy/health").status_code == 200


def test_worker_that_never_reported_says_how_to_start_it(viewer, redis):
    assert "manage.py run orders" in component(viewer, "orders worker")["detail"]


def test_halt_shows_until_its_own_source_resumes(viewer, redis, venue):
    all_report(redis)
    beat()
    halted = TradingHalted(id="h", ts_event=1, ts_init=1, source="clock", reason="skew of 3 s")
    say(redis, halted)
    assert component(viewer, "trading")["detail"] == "no new risk (clock: skew of 3 s)"
    assert viewer.get("/health").json()["colour"] == "ORANGE"
    say(redis, TradingResumed(id="r1", ts_event=2, ts_init=2, source="other"))
    assert component(viewer, "trading")["state"] == "ERROR"
    say(redis, TradingResumed(id="r2", ts_event=3, ts_init=3, source="clock"))
    assert component(viewer, "trading")["state"] == "OK"


def test_halt_shows_however_many_heartbeats_follow(viewer, redis, venue):
    halted = TradingHalted(id="h", ts_event=1, ts_init=1, source="orders:reconcile", reason="books")
    say(redis, halted)
    beat_of_orders = encode(service_reported("orders", ServiceState.OK, WallClock().now()))
    with redis.pipeline(transaction=False) as pipe:
        for _ in range(3_000):
            pipe.xadd("health:events", {"p": "test@1", "s": 1, "d": beat_of_orders})
        pipe.execute()
    cache.clear()
    assert component(viewer, "trading")["detail"] == "no new risk (orders:reconcile: books)"


def test_halt_of_a_runtime_ends_with_its_next_good_heartbeat(viewer, redis, venue):
    bus = "runtime:bus:orders+positions"
    say(redis, TradingHalted(id="h1", ts_event=1, ts_init=1, source=bus, reason="gone"))
    say(redis, TradingHalted(id="h2", ts_event=1, ts_init=1, source="clock", reason="skew"))
    now = WallClock().now()
    say(redis, service_reported("orders", ServiceState.DEGRADED, now))
    say(redis, service_reported("features", ServiceState.OK, now))  # of another worker
    assert component(viewer, "trading")["detail"] == f"no new risk (clock: skew; {bus}: gone)"
    say(redis, service_reported("orders", ServiceState.OK, now))
    assert component(viewer, "trading")["detail"] == "no new risk (clock: skew)"


def test_alert_of_a_service_says_nothing_of_its_state(viewer, redis, venue):
    all_report(redis)
    beat()
    say(redis, alert_raised("an event was given up", 1, "exchange"))
    assert component(viewer, "exchange worker")["state"] == "OK"
    assert viewer.get("/health").json()["colour"] == "GREEN"


def test_entry_that_cannot_be_read_hides_nothing(viewer, redis):
    redis.xadd("health:events", {"p": "x@1", "s": 1, "d": b'{"type":"health.later.v9"}'})
    say(redis, service_reported("orders", ServiceState.OK, WallClock().now()))
    assert component(viewer, "orders worker")["state"] == "OK"


def test_unprotected_position_is_red_by_itself(viewer, redis, venue, desk_store):
    all_report(redis)
    beat()
    story = Story(with_stops=False)
    while not story.position.qty:
        story.step()
    desk_store.write(story.writes)
    body = viewer.get("/health").json()
    assert body["colour"] == "RED"
    assert "BTCUSDT-PERP" in component(viewer, "protection")["detail"]


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_every_service_answers_health_and_ready(viewer, redis, venue, service):
    all_report(redis)
    beat()
    health = viewer.get(f"/api/v1/{service}/health")
    assert health.status_code == 200, health.json()
    assert health.json()["service"] == service
    assert health.json()["dependencies"]
    ready = viewer.get(f"/api/v1/{service}/ready")
    assert ready.json() == {"service": service, "ready": True, "missing": []}


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_every_service_hides_its_reasons_from_strangers(client, service):
    assert set(client.get(f"/api/v1/{service}/health").json()) == {"service", "state"}
    assert set(client.get(f"/api/v1/{service}/ready").json()) == {"service", "ready"}


def test_beat_is_scheduled_oftener_than_its_silence_alarms(settings):
    [entry] = [e for e in settings.CELERY_BEAT_SCHEDULE.values() if e["task"] == beat.name]
    assert entry["schedule"] * 1_000 * 3 < CELERY_SILENT_AFTER_MS


def test_readiness_without_redis_names_what_is_missing(viewer):
    answer = viewer.get("/ready")
    assert answer.status_code == 503
    assert [missing["name"] for missing in answer.json()["missing"]] == ["redis"]


def test_service_that_does_not_exist_is_not_found(viewer):
    assert viewer.get("/api/v1/nonsense/health").status_code == 404


def test_metrics_show_components_streams_and_lag(viewer, redis, story):
    all_report(redis)
    redis.xgroup_create("health:events", "watchers", id="0")
    text = viewer.get("/api/v1/metrics").content.decode()
    assert 'chimera_component_state{component="redis"} 0.0' in text
    assert 'chimera_service_state{service="gateway"} 0.0' in text
    assert 'chimera_stream_entries{stream="health:events"} 5.0' in text
    assert 'chimera_stream_pending_entries{group="watchers",stream="health:events"} 0.0' in text
    assert 'chimera_stream_entries{stream="mkt:{BTCUSDT-PERP}"} 0.0' in text


def test_metrics_count_dead_letters_by_family(viewer, redis, story):
    letter = DeadLetter(
        message=Message("signals:new", "1-0", b"{}", "test", 1, 1),
        group="orders",
        consumer="orders",
        reason="not an event we know",
    )
    fields = dead_letter_fields(letter)
    redis.xadd("dead:{signals:new}", dict(zip(fields[::2], fields[1::2], strict=True)))
    text = viewer.get("/api/v1/metrics").content.decode()
    assert 'chimera_dead_letters{family="signals:new"} 1.0' in text
    assert 'chimera_dead_letters{family="ord:cmd"} 0.0' in text


def test_metrics_tell_how_long_after_its_close_the_newest_bar_was_decided(viewer, redis, venue):
    told_at = WallClock().now() - 600_000
    for number, closed_at in enumerate((told_at - 90_000, told_at - 12_000)):
        decided = msgspec.structs.replace(Story().step(), ts_event=closed_at)
        fields = {"p": "test@1", "s": 1, "d": encode(decided)}
        redis.xadd("signals:new", fields, id=f"{told_at}-{number}")
    text = viewer.get("/api/v1/metrics").content.decode()
    [lag] = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "chimera_decision_lag_seconds"
    ]
    assert lag == pytest.approx(12.0, abs=0.5)


def test_metrics_without_redis_still_say_so(viewer):
    text = viewer.get("/api/v1/metrics").content.decode()
    assert 'chimera_component_state{component="redis"} 2.0' in text


def test_metrics_are_not_for_strangers(client):
    assert client.get("/api/v1/metrics").status_code == 403


def stream_told(stream: str, *, connected: bool) -> StreamDisconnected:
    return StreamDisconnected(
        id=f"s:{connected}", ts_event=1_000, ts_init=1_000, stream=stream, connected=connected
    )


def test_lost_stream_is_a_halt_until_it_is_back(viewer, redis, venue):
    all_report(redis)
    beat()
    say(redis, stream_told("account", connected=False))
    assert component(viewer, "trading")["detail"] == (
        "no new risk (account: lost at 1970-01-01 00:00:01 UTC)"
    )
    assert viewer.get("/health").json()["colour"] == "ORANGE"
    assert 'chimera_component_state{component="trading"} 2.0' in (
        viewer.get("/api/v1/metrics").content.decode()
    )
    say(redis, stream_told("account", connected=True))
    assert viewer.get("/health").json()["colour"] == "GREEN"


def test_lost_stream_of_an_earlier_life_ends_with_a_good_heartbeat_of_the_exchange(
    viewer, redis, venue
):
    say(redis, stream_told("market", connected=False))
    now = WallClock().now()
    say(redis, service_reported("orders", ServiceState.OK, now))
    assert component(viewer, "trading")["state"] == "ERROR"
    say(redis, service_reported("exchange", ServiceState.OK, now))
    assert component(viewer, "trading")["state"] == "OK"
