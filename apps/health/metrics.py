"""What Prometheus reads: the state of services, streams and market data, collected when asked."""

from collections.abc import Iterator
from contextlib import suppress

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.health.families import all_streams
from apps.health.feed import VENUE_FAILURES, Feed, venue_feed
from apps.health.selectors.overview import health_overview
from apps.health.selectors.protection import symbols_known
from apps.health.states import Colour, HealthOverview
from apps.health.streams import (
    DecisionTold,
    GroupLag,
    StreamLevel,
    dead_letter_counts,
    decisions_newest,
    stream_levels,
)
from chimera.clock import SECOND, Millis, WallClock
from chimera.errors import ChimeraError, Unavailable
from chimera.events import ACCOUNT
from chimera.events.health import ServiceState
from chimera.store.shared import shared_store

_STATE_VALUE = {ServiceState.OK: 0, ServiceState.DEGRADED: 1, ServiceState.ERROR: 2}


def exposition() -> bytes:
    """Return the metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_PlatformCollector())
    return generate_latest(registry)


class _PlatformCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from _health_metrics(health_overview())
        try:
            names = all_streams([*_symbols(), ACCOUNT])
            levels, lags = stream_levels(names)
            dead = dead_letter_counts(names)
            decisions = decisions_newest()
        except Unavailable:
            return  # said already by chimera_component_state
        yield from _stream_metrics(levels, lags, WallClock().now())
        yield _dead_letters(dead)
        with suppress(*VENUE_FAILURES):  # said already, too
            yield _decision_lags(decisions, venue_feed(), WallClock().now())


def _health_metrics(overview: HealthOverview) -> Iterator[Metric]:
    colour = GaugeMetricFamily(
        "chimera_health_colour", "Worst component: 0 GREEN, 1 YELLOW, 2 ORANGE, 3 RED"
    )
    colour.add_metric([], list(Colour).index(overview.colour))
    yield colour
    component_state = GaugeMetricFamily(
        "chimera_component_state", "0 OK, 1 DEGRADED, 2 ERROR", labels=["component"]
    )
    latency = GaugeMetricFamily(
        "chimera_component_latency_seconds", "How long the probe took", labels=["component"]
    )
    for component in overview.components:
        component_state.add_metric([component.name], _STATE_VALUE[component.state])
        if component.latency_ms is not None:
            latency.add_metric([component.name], component.latency_ms / SECOND)
    yield component_state
    yield latency
    service_state = GaugeMetricFamily(
        "chimera_service_state", "0 OK, 1 DEGRADED, 2 ERROR", labels=["service"]
    )
    for service in overview.services:
        service_state.add_metric([service.name], _STATE_VALUE[service.state])
    yield service_state


def _dead_letters(counts: dict[str, int]) -> Metric:
    letters = GaugeMetricFamily(
        "chimera_dead_letters", "Entries given up and kept to be looked at", labels=["family"]
    )
    for family, count in counts.items():
        letters.add_metric([family], count)
    return letters


def _decision_lags(decisions: list[DecisionTold], feed: Feed, now: Millis) -> Metric:
    lags = GaugeMetricFamily(
        "chimera_decision_lag_seconds",
        "Market time from the newest decided bar's close to its decision",
        labels=["symbol"],
    )
    for told in decisions:
        decided_at = feed.now - (now - told.told_at) * feed.speed
        lags.add_metric([told.symbol], max(0.0, decided_at - told.closed_at) / SECOND)
    return lags


def _stream_metrics(
    levels: list[StreamLevel], lags: list[GroupLag], now: Millis
) -> Iterator[Metric]:
    length = GaugeMetricFamily("chimera_stream_entries", "Entries kept", labels=["stream"])
    age = GaugeMetricFamily(
        "chimera_stream_newest_age_seconds",
        "Wall time since the newest entry; of feat:events, since the last closed bar",
        labels=["stream"],
    )
    for level in levels:
        length.add_metric([level.stream], level.length)
        if level.newest_at is not None:
            age.add_metric([level.stream], max(0, now - level.newest_at) / SECOND)
    yield length
    yield age
    undelivered = GaugeMetricFamily(
        "chimera_stream_lag_entries", "Entries not yet delivered", labels=["stream", "group"]
    )
    pending = GaugeMetricFamily(
        "chimera_stream_pending_entries", "Delivered, unacknowledged", labels=["stream", "group"]
    )
    for lag in lags:
        if lag.undelivered is not None:
            undelivered.add_metric([lag.stream, lag.group], lag.undelivered)
        pending.add_metric([lag.stream, lag.group], lag.pending)
    yield undelivered
    yield pending


def _symbols() -> list[str]:
    try:
        return symbols_known(shared_store())
    except ChimeraError:
        return []
