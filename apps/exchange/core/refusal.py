"""What a refusal means to whoever sent the order, by Binance's code; the code itself is for people."""

from chimera.events.orders import Refusal

_MEANINGS = {
    "-2021": Refusal.WOULD_TRIGGER,
    "-2022": Refusal.NOTHING_HELD,
}


def refusal_of(code: str) -> Refusal:
    return _MEANINGS.get(code, Refusal.OTHER)
