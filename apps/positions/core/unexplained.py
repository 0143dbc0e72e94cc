"""What the venue's word added to the equity though no fact says why: perhaps money moved by hand.

A gain that nobody explains is booked like a transfer and never into the day's result; a loss counts in full.
Facts that come late explain it, and take as much out again.
"""

from decimal import Decimal

from chimera.clock import Millis
from chimera.events import WalletTransferred
from chimera.events.health import AlertRaised, ServiceState
from chimera.money import SETTLEMENT_ASSET, ZERO

PREFIX = "unexplained"


class Unexplained:
    """The gain of all adoptions of one moment."""

    def __init__(self) -> None:
        self._at: Millis = 0
        self._gain: Decimal | None = None  # None: how much an earlier life lost there is not known

    def restore(self, at: Millis, transfers: list[WalletTransferred]) -> None:
        """Take up what is booked for the adoptions of `at`."""
        booked = [moved.amount for moved in transfers if moved.id.startswith(f"{PREFIX}:{at}:")]
        self._at, self._gain = at, sum(booked, ZERO) or None

    def add(self, at: Millis, gain: Decimal) -> Decimal:
        """Count what an adoption of `at` added to the equity; return how much more is to be booked."""
        if at != self._at:
            self._at, self._gain = at, ZERO
        return self._count(gain)

    def explain(self, net: Decimal) -> Decimal:
        """Count a late fact that added `net`; return how much more is to be booked, mostly below 0."""
        return self._count(-net)

    def _count(self, gain: Decimal) -> Decimal:
        if self._gain is None:
            return ZERO
        before, self._gain = self._gain, self._gain + gain
        return max(self._gain, ZERO) - max(before, ZERO)


def booking(at: Millis, now: Millis, amount: Decimal, *, cause: str) -> WalletTransferred:
    """Return the document that books `amount` more, or less, as unexplained; `cause` names why."""
    return WalletTransferred(
        id=f"{PREFIX}:{at}:{cause}",
        cause=cause,
        ts_event=at,
        ts_init=now,
        asset=SETTLEMENT_ASSET,
        amount=amount,
    )


def alert_of(booked: WalletTransferred, service: str) -> AlertRaised:
    """Return the alert that tells people of a booking."""
    return AlertRaised(
        id=booked.id,
        cause=booked.cause,
        ts_event=booked.ts_event,
        ts_init=booked.ts_init,
        service=service,
        severity=ServiceState.DEGRADED,
        detail=f"the venue's word adds {booked.amount:.2f} {booked.asset} to the account that no fact "
        "explains; the day's result leaves it out",
    )
