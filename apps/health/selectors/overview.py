"""How everything is right now. Used by the API, the console's health strip and the metrics."""

from collections.abc import Iterable

from django.core.cache import cache

from apps.health.catalogue import CELERY, REDIS, SERVICES, TRADING, WORKERS, ServiceEntry, worker_of
from apps.health.probes import (
    Probe,
    probe_database,
    probe_market,
    probe_protection,
    probe_store,
    probe_venue,
    run_probes,
)
from apps.health.states import (
    Component,
    HealthOverview,
    ServiceHealth,
    is_ready,
    state_of,
    worst_colour,
)
from apps.health.streams import LiveSigns, WorkerReport, live_signs
from chimera.clock import SECOND, Millis, WallClock
from chimera.errors import ChimeraError, NotFound
from chimera.events.health import ServiceState

WORKER_SILENT_AFTER_MS = 10 * SECOND  # five heartbeats
CELERY_SILENT_AFTER_MS = 90 * SECOND
_CACHE_KEY = "health:overview"
_CACHE_S = 2  # so that many askers, some of them anonymous, cost one look

PROBES: tuple[tuple[str, Probe], ...] = (
    ("database", probe_database),
    ("store", probe_store),
    ("venue", probe_venue),
    ("protection", probe_protection),
    ("market", probe_market),
)


def health_overview(*, fresh: bool = False) -> HealthOverview:
    """Return the state of every dependency and service, at most two seconds old unless `fresh`."""
    found = None if fresh else cache.get(_CACHE_KEY)
    if not isinstance(found, HealthOverview):
        found = _look()
        cache.set(_CACHE_KEY, found, _CACHE_S)
    return found


def service_health(name: str) -> ServiceHealth:
    """Return one service's state by its name; raises `NotFound`."""
    for service in health_overview().services:
        if service.name == name:
            return service
    raise NotFound(f"there is no service {name!r}", service=name)


def _look() -> HealthOverview:
    now = WallClock().now()
    components = (*run_probes(PROBES), *_live_components(now))
    by_name = {component.name: component for component in components}
    services = tuple(_service(entry, by_name) for entry in SERVICES)
    own = next(service for service in services if service.name == "gateway")
    return HealthOverview(
        colour=worst_colour(components),
        state=state_of(components),
        ready=own.ready,
        checked_at=now,
        components=components,
        services=services,
    )


def _service(entry: ServiceEntry, by_name: dict[str, Component]) -> ServiceHealth:
    dependencies = tuple(by_name[name] for name in entry.dependencies)
    return ServiceHealth(
        id=entry.id,
        name=entry.name,
        state=state_of(dependencies),
        ready=is_ready(dependencies),
        dependencies=dependencies,
    )


def _live_components(now: Millis) -> Iterable[Component]:
    try:
        signs = live_signs()
    except ChimeraError as error:
        yield Component(name=REDIS, state=ServiceState.ERROR, detail=error.message)
        unknown = "cannot tell: Redis does not answer"
        for service in WORKERS:
            yield Component(name=worker_of(service), state=ServiceState.ERROR, detail=unknown)
        yield Component(name=CELERY, state=ServiceState.ERROR, critical=False, detail=unknown)
        yield Component(name=TRADING, state=ServiceState.ERROR, critical=False, detail=unknown)
        return
    yield Component(name=REDIS, state=ServiceState.OK)
    for service in WORKERS:
        yield _worker(service, signs.reports.get(service), now)
    yield _celery(signs.celery_beat_at, now)
    yield _trading(signs)


def _worker(service: str, report: WorkerReport | None, now: Millis) -> Component:
    name = worker_of(service)
    if report is None:
        detail = f"has not reported: start it with manage.py run {service}"
        return Component(name=name, state=ServiceState.ERROR, detail=detail)
    silent_ms = now - report.at
    if silent_ms > WORKER_SILENT_AFTER_MS:
        detail = f"silent for {silent_ms // SECOND} s"
        return Component(name=name, state=ServiceState.ERROR, detail=detail)
    return Component(name=name, state=report.state, detail=report.detail)


def _celery(beat_at: Millis | None, now: Millis) -> Component:
    state, detail = ServiceState.OK, ""
    if beat_at is None:
        state, detail = ServiceState.DEGRADED, "no heartbeat: start a Celery worker and beat"
    elif now - beat_at > CELERY_SILENT_AFTER_MS:
        state = ServiceState.DEGRADED
        detail = f"no heartbeat for {(now - beat_at) // SECOND} s"
    return Component(name=CELERY, state=state, critical=False, detail=detail)


def _trading(signs: LiveSigns) -> Component:
    if not signs.halts:
        return Component(name=TRADING, state=ServiceState.OK, critical=False)
    reasons = "; ".join(f"{source}: {reason}" for source, reason in sorted(signs.halts.items()))
    return Component(
        name=TRADING,
        state=ServiceState.ERROR,
        critical=False,
        detail=f"no new risk ({reasons})",
    )
