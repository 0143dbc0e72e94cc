"""What the strategy decided at a closed bar and why, and what it wants done about it."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from chimera.bundles import RuleAction
from chimera.events.base import Event
from chimera.instruments import Side
from chimera.lang import Explanation
from chimera.lang.types import Value


class Action(StrEnum):
    BUY = "BUY"
    SELL = "SELL"
    CLOSE = "CLOSE"
    HOLD = "HOLD"


class HoldReason(StrEnum):
    """Why a bar led to nothing. One name for each reason."""

    NO_RULE_MATCHED = "no_rule_matched"
    GUARD_REFUSED = "guard_refused"
    ORDER_PENDING = "order_pending"
    STOP_UNKNOWN = "stop_unknown"
    STOP_OUT_OF_BOUNDS = "stop_out_of_bounds"
    TRADING_HALTED = "trading_halted"
    LEARNED_LATE = "learned_late"


class PositionView(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The strategy's own fold of `pos:events`: what it knew about the position when it decided.

    `pending` is an order that must end before the next: in a position an exit, else any.
    `late` says that a whole bar had passed by then, wherever it was lost.
    """

    qty: Decimal = Decimal(0)
    entry_px: Decimal = Decimal(0)
    opened_at: int = 0
    pending: bool = False
    halted: bool = False
    late: bool = False


class GuardTrace(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one guard said. `reason` is why the bundle has it, in its author's words."""

    name: str
    reason: str = ""
    refused: bool
    explanation: Explanation


class RuleTrace(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    name: str
    do: RuleAction
    explanation: Explanation


class DecisionMade(Event, frozen=True, kw_only=True, gc=False, tag="decision.made.v1"):
    """The outcome at one closed bar, taken or skipped, with the trace that led there.

    `signal_id` names the `signals` document whose features went in; with `position` and the bundle
    they are all a replay needs. `values` are what guards and rules could read, None if unknown.
    The same struct is the `decisions` document.
    """

    symbol: str
    signal_id: str
    generation: int
    bundle_hash: str
    action: Action
    rule: str | None = None
    reason: HoldReason | None = None
    stop_distance: float | None = None
    position: PositionView
    values: dict[str, Value] = {}
    guards: tuple[GuardTrace, ...] = ()
    rules: tuple[RuleTrace, ...] = ()


class IntentIssued(Event, frozen=True, kw_only=True, gc=False, tag="intent.issued.v1"):
    """A decision that wants a position opened or closed. The same struct is the `intents` document.

    `reference_px` is the bar's close: what the decision believed the price to be.
    """

    symbol: str
    decision_id: str
    generation: int
    bundle_hash: str
    action: Action
    side: Side
    reference_px: float
    stop_distance: float | None = None
