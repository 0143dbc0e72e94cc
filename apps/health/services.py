"""The sign of life that Celery leaves for the health overview."""

from apps.health.streams import heartbeat_write
from chimera.clock import WallClock


def celery_beat() -> None:
    """Record that beat scheduled and a worker ran a task just now; raises `Unavailable`."""
    heartbeat_write(WallClock().now())
