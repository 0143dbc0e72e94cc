"""The bus: typed events travel between services as entries of Redis Streams, or in memory.

Streams in and out: those named in `chimera.bus.streams`. It carries bytes and knows no event.
"""

from chimera.bus.connection import RedisLink
from chimera.bus.gaps import Gap, GapKind, GapTracker
from chimera.bus.interface import (
    Batch,
    Bus,
    ConsumeOptions,
    DeadLetter,
    Message,
    Outgoing,
    StartFrom,
    Subscription,
    Tail,
)
from chimera.bus.memory import MemoryBroker, MemoryBus
from chimera.bus.redis_streams import RedisBus
from chimera.clock import Millis, WallClock

__all__ = [
    "Batch",
    "Bus",
    "ConsumeOptions",
    "DeadLetter",
    "Gap",
    "GapKind",
    "GapTracker",
    "MemoryBroker",
    "MemoryBus",
    "Message",
    "Outgoing",
    "RedisBus",
    "StartFrom",
    "Subscription",
    "Tail",
    "open_bus",
]


def open_bus(url: str, *, producer: str, epoch: Millis | None = None) -> Bus:
    """Open one producer's door to the streams; connects when first used.

    Parameters
    ----------
    url : ``redis://host:port/db``, ``redis+cluster://host:port``, their ``rediss`` forms, or
        ``memory://`` for a broker of its own (several buses share one as `MemoryBus(broker, ...)`)
    producer : a name that no other running process publishes under
    epoch : must grow at each start; the present time when not given

    Raises
    ------
    ConfigInvalid
        The URL cannot be used.
    """
    epoch = WallClock().now() if epoch is None else epoch
    if url == "memory://":
        return MemoryBus(MemoryBroker(), producer=producer, epoch=epoch)
    return RedisBus(RedisLink(url), producer=producer, epoch=epoch)
