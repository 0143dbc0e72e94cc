"""Which services there are and what each needs. The one list that checks, paths and metrics share."""

from dataclasses import dataclass

DATABASE, STORE, REDIS, VENUE, CELERY = "database", "store", "redis", "venue", "celery"
TRADING, PROTECTION, MARKET = "trading", "protection", "market"
MINOR = frozenset({CELERY, TRADING, MARKET})  # their loss alone does not stop the platform


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """A service and its dependencies by name; one with a `worker` reports on `health:events`."""

    id: str
    name: str
    needs: tuple[str, ...]
    worker: bool

    @property
    def dependencies(self) -> tuple[str, ...]:
        return (*self.needs, worker_of(self.name)) if self.worker else self.needs


def worker_of(service: str) -> str:
    """Name the component that stands for a service's live worker."""
    return f"{service} worker"


SERVICES = (
    ServiceEntry("S1", "exchange", (REDIS, STORE, VENUE), worker=True),
    ServiceEntry("S2", "features", (REDIS, STORE, MARKET), worker=True),
    ServiceEntry("S3", "strategy", (REDIS, STORE), worker=True),
    ServiceEntry("S4", "orders", (REDIS, STORE, VENUE, TRADING), worker=True),
    ServiceEntry("S6", "positions", (REDIS, STORE), worker=True),
    ServiceEntry("S9", "experiments", (DATABASE, STORE, CELERY), worker=False),
    ServiceEntry("S10", "config", (DATABASE, STORE, REDIS), worker=False),
    ServiceEntry("S11", "health", (DATABASE, STORE, REDIS, CELERY), worker=False),
    ServiceEntry("S12", "gateway", (DATABASE, STORE, REDIS), worker=False),
)
SERVICE_NAMES = tuple(service.name for service in SERVICES)
WORKERS = tuple(service.name for service in SERVICES if service.worker)
