"""What can go wrong between a core and the exchange, drawn from one seed so that it can be repeated."""

from dataclasses import dataclass
from random import Random

from chimera.clock import Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """Probabilities of each fault, per message, and the longest delays in milliseconds."""

    ask_lost: float = 0.0  # the request never arrives
    answer_lost: float = 0.0  # it arrives, and we are told nothing
    report_repeated: float = 0.0
    ask_delay_max: Millis = 0
    report_delay_max: Millis = 0
    crash: float = 0.0  # after an event was handled: before its effects, or after its records


@dataclass(frozen=True, slots=True)
class AskFate:
    delay: Millis
    arrives: bool
    answered: bool


class Faults:
    """Draws each message's fate. With the default rates nothing ever goes wrong."""

    def __init__(self, rates: FaultRates, seed: int) -> None:
        self.rates = rates
        self._random = Random(seed)
        self.healthy = rates == FaultRates()

    def ask(self) -> AskFate:
        lost = self._happens(self.rates.ask_lost)
        silent = lost or self._happens(self.rates.answer_lost)
        return AskFate(self._delay(self.rates.ask_delay_max), not lost, not silent)

    def report_delays(self) -> tuple[Millis, ...]:
        """Return after how long a report is delivered; twice when it is repeated."""
        first = self._delay(self.rates.report_delay_max)
        if self._happens(self.rates.report_repeated):
            return first, first + self._delay(self.rates.report_delay_max)
        return (first,)

    def crashes(self) -> bool:
        return self._happens(self.rates.crash)

    def even(self) -> bool:
        """Toss a fair coin."""
        return self._random.random() < 0.5

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    def _delay(self, longest: Millis) -> Millis:
        return self._random.randint(0, longest) if longest else 0
