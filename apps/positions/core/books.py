"""All ledgers of the account and what they add up to: the wallet."""

from dataclasses import dataclass, field
from decimal import Decimal

from chimera.clock import Millis
from chimera.instruments import is_settled_in_usdt
from chimera.money import ZERO

from .ledger import PositionLedger


@dataclass(slots=True)
class Books:
    """Wallet = opening balance + realised - fees + funding + transfers, at every moment, USDT."""

    opening_usdt: Decimal | None = None  # None: nobody told it yet
    opened_at: Millis = 0
    transferred_usdt: Decimal = ZERO
    ledgers: dict[str, PositionLedger] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)  # symbols that are held, and worth USDT
    _net: Decimal = ZERO  # of all ledgers: what trading added to the wallet

    @property
    def wallet_usdt(self) -> Decimal:
        opening = self.opening_usdt if self.opening_usdt is not None else ZERO
        return opening + self._net + self.transferred_usdt

    def keep(self, symbol: str, ledger: PositionLedger) -> None:
        before = self.ledgers.get(symbol)
        self._net += ledger.net if before is None else ledger.net - before.net
        self.ledgers[symbol] = ledger
        if ledger.qty and is_settled_in_usdt(symbol):
            self.open.add(symbol)
        else:
            self.open.discard(symbol)
