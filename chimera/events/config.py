"""Which bundle decides. The whole immutable bundle travels, so that a core needs no look-up."""

from chimera.bundles import Bundle
from chimera.events.base import Event


class BundleActivated(Event, frozen=True, kw_only=True, gc=False, tag="config.activated.v1"):
    """From the next event on, `bundle` decides. Generations only grow."""

    generation: int
    bundle_hash: str
    bundle: Bundle
    actor: str
    reason: str
