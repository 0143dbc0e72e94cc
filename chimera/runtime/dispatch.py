"""What both runtimes share: an event goes to every local core that consumes it, and so on until quiet."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from chimera.clock import Millis
from chimera.errors import ChimeraError
from chimera.events.base import Command, Event
from chimera.events.health import TimerFired
from chimera.runtime.contract import Ask, Publish, Record, Service, Wake


class ServiceFailed(ChimeraError):
    """A core raised. The event is not acknowledged; the cores are built anew from the record."""

    code = "service_failed"


class Consequences(msgspec.Struct, frozen=True):
    """All effects of one event, by what is to be done with them; each kind in the order of causes."""

    records: list[Record]
    wakes: list[Wake]
    commands: list[Command]
    told: list[Event]


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

    def cascade(self, event: Event, now: Millis) -> Consequences:
        """Run `event` and everything published because of it through the local cores.

        Returns
        -------
        All effects. None of them has been carried out.

        Raises
        ------
        ServiceFailed
            If a core raises; then no effect of this event may be carried out.
        """
        records: list[Record] = []
        wakes: list[Wake] = []
        commands: list[Command] = []
        told: list[Event] = []
        routes = self._routes
        if type(event) is TimerFired:
            consumers = self._woken(event)
        else:
            consumers = routes.get(type(event), ())
        waiting = [(event, consumers)]
        for current, consumers in waiting:  # it grows on the way: breadth first
            for service in consumers:
                try:
                    effects = service.handle(current, now)
                except Exception as error:
                    raise ServiceFailed(
                        f"{service.name} failed on {type(current).__name__} {current.id}: {error}",
                        service=service.name,
                        event=current.id,
                    ) from error
                for effect in effects:
                    if type(effect) is Publish:
                        told.append(effect.event)
                        readers = routes.get(type(effect.event))
                        if readers is not None:
                            waiting.append((effect.event, readers))
                    elif type(effect) is Record:
                        records.append(effect)
                    elif type(effect) is Ask:
                        commands.append(effect.command)
                    elif type(effect) is Wake:
                        wakes.append(effect)
        return Consequences(records, wakes, commands, told)

    def _woken(self, timer: TimerFired) -> tuple[Service, ...]:
        service = self._by_name.get(timer.service)
        return () if service is None else (service,)
