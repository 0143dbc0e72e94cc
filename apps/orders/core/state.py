"""What the router's parts share: the books, the orders, the live bundle, and what stops new risk."""

from dataclasses import dataclass, field

from chimera.bundles import Execution
from chimera.events import BundleActivated

from .book import SymbolBook
from .deadlines import Deadlines
from .lifecycle import SERVICE, Lifecycle

RECONCILE = f"{SERVICE}:reconcile"  # our own halt, until our books equal the venue's


@dataclass(slots=True)
class RouterState:
    """What all parts of the router read and change, one event at a time."""

    deadlines: Deadlines
    books: dict[str, SymbolBook] = field(default_factory=dict)
    active: BundleActivated | None = None
    halted_by: set[str] = field(default_factory=set)
    lifecycle: Lifecycle = field(init=False)

    def __post_init__(self) -> None:
        self.lifecycle = Lifecycle(deadlines=self.deadlines, books=self.books)

    @property
    def generation(self) -> int:
        return self.active.generation if self.active is not None else 0

    @property
    def is_halted(self) -> bool:
        """Whether somebody stopped new risk; our own comparison with the venue is no danger sign."""
        return bool(self.halted_by - {RECONCILE})

    @property
    def execution(self) -> Execution:
        return self.active.bundle.execution if self.active is not None else Execution()

    def book(self, symbol: str) -> SymbolBook:
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = SymbolBook(symbol)
        return book
