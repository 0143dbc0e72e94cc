"""What can go wrong between a core and the exchange, drawn from one seed so that it can be repeated."""

from dataclasses import dataclass
from enum import Enum, auto
from random import Random

from chimera.clock import Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """Probabilities of each fault, per message, and the longest delays in milliseconds."""

    ask_lost: float = 0.0  # the request never arrives
    answer_lost: float = 0.0  # it arrives, and its answer does not
    report_repeated: float = 0.0
    report_lost: float = 0.0  # one of many, and nothing shows that it is missing
    unasked_lost: float = 0.0  # likewise, of orders that rested: filled, fired, or taken away
    stream_lost: float = 0.0  # the user stream breaks, and with it what it would have told
    crash: float = 0.0  # while an event is handled
    ask_delay_max: Millis = 0
    report_delay_max: Millis = 0
    stream_lost_max: Millis = 10_000


@dataclass(frozen=True, slots=True)
class AskFate:
    delay: Millis
    arrives: bool
    answered: bool


class CrashMoment(Enum):
    """How far a process gets with the effects of an event before it dies."""

    BEFORE_RECORDS = auto()
    BEFORE_ASKS = auto()
    AFTER_ASKS = auto()


_CRASH_MOMENTS = tuple(CrashMoment)


class Faults:
    """Draws each message's fate. With the default rates nothing ever goes wrong."""

    def __init__(self, rates: FaultRates, seed: int) -> None:
        self.rates = rates
        self.healthy = rates == FaultRates()
        self._random = Random(seed)

    def end(self) -> None:
        """Let nothing go wrong from now on."""
        self.rates = FaultRates()
        self.healthy = True

    def ask(self) -> AskFate:
        lost = self._happens(self.rates.ask_lost)
        silent = lost or self._happens(self.rates.answer_lost)
        return AskFate(self._delay(self.rates.ask_delay_max), not lost, not silent)

    def report_delays(self, *, unasked: bool = False) -> tuple[Millis, ...]:
        """Return after how long a report is delivered; twice when it is repeated, () when it is lost.

        `unasked` is what the venue says of an order by itself, not in answer to a command.
        """
        if self._happens(self.rates.report_lost):
            return ()
        if unasked and self._happens(self.rates.unasked_lost):
            return ()
        first = self._delay(self.rates.report_delay_max)
        if self._happens(self.rates.report_repeated):
            return first, first + self._delay(self.rates.report_delay_max)
        return (first,)

    def stream_lost_for(self) -> Millis:
        """Return for how long the stream breaks at this message; 0 if it does not."""
        if not self._happens(self.rates.stream_lost):
            return 0
        return self._random.randint(1, self.rates.stream_lost_max)

    def crash(self) -> CrashMoment | None:
        if not self._happens(self.rates.crash):
            return None
        return self._random.choice(_CRASH_MOMENTS)

    def even(self) -> bool:
        """Toss a fair coin."""
        return self._random.random() < 0.5

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    def _delay(self, longest: Millis) -> Millis:
        return self._random.randint(0, longest) if longest else 0
