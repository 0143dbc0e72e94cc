"""Who sent an order, by the id it goes under: what the venue does of its own accord has ids of its own."""

from chimera.events.orders import Origin

OUR_PREFIX = "c-"  # of `chimera.ids.client_order_id`
_PREFIXES = (
    (OUR_PREFIX, Origin.OURS),
    ("autoclose-", Origin.LIQUIDATION),
    ("adl_autoclose", Origin.ADL),
    ("settlement_autoclose-", Origin.SETTLEMENT),
)


def origin_of(client_order_id: str) -> Origin:
    for prefix, origin in _PREFIXES:
        if client_order_id.startswith(prefix):
            return origin
    return Origin.EXTERNAL
