"""What both runtimes share: an event goes to every local core that consumes it, and so on until quiet."""

from collections import defaultdict
from collections.abc import Sequence

from chimera.clock import Millis
from chimera.errors import ChimeraError
from chimera.events.base import Event
from chimera.events.health import TimerFired
from chimera.runtime.contract import Effect, Publish, Service


class ServiceFailed(ChimeraError):
    """A core raised. The event is not acknowledged; the cores are built anew from the record."""

    code = "service_failed"


class Dispatcher:
    """Hands events to cores in a fixed order, so that equal inputs give equal effects."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.services = tuple(services)
        self._by_name = {service.name: service for service in services}
        routes: dict[type[Event], list[Service]] = defaultdict(list)
        for service in services:
            for kind in service.consumes:
                routes[kind].append(service)
        self._routes = {kind: tuple(consumers) for kind, consumers in routes.items()}

    def consumes(self, kind: type[Event]) -> bool:
        return kind in self._routes

    def cascade(self, event: Event, now: Millis) -> list[Effect]:
        """Run `event` and everything published because of it through the local cores.

        Returns
        -------
        All effects in causal order. None of them has been carried out.

        Raises
        ------
        ServiceFailed
            If a core raises; then no effect of this event may be carried out.
        """
        effects: list[Effect] = []
        routes = self._routes
        waiting = [(event, self._consumers(event))]
        for current, consumers in waiting:  # it grows on the way: breadth first
            for service in consumers:
                try:
                    told = service.handle(current, now)
                except Exception as error:
                    raise ServiceFailed(
                        f"{service.name} failed on {type(current).__name__} {current.id}: {error}",
                        service=service.name,
                        event=current.id,
                    ) from error
                if told:
                    effects += told
                    for effect in told:
                        if type(effect) is Publish:
                            readers = routes.get(type(effect.event))
                            if readers is not None:
                                waiting.append((effect.event, readers))
        return effects

    def _consumers(self, event: Event) -> tuple[Service, ...]:
        if type(event) is TimerFired:
            service = self._by_name.get(event.service)
            return () if service is None else (service,)
        return self._routes.get(type(event), ())
