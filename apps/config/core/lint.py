"""What a well-formed bundle must keep to before it may decide. Pure; called by `services`."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from apps.features.core.factors import FAMILIES, Input
from chimera.bundles import Bundle, RuleAction
from chimera.instruments import Market, market_of, venue_symbol
from chimera.lang import (
    BOOL,
    NUMBER,
    ExpressionInvalid,
    Names,
    Program,
    Type,
    compile_expression,
)
from chimera.lang.operators import FUNCTIONS
from chimera.vocabulary import RULE_NAMES, names_of

from .findings import BundleRule, Finding, error, warning

UNIT_OF_ACCOUNT = "USDT"
WARM_UP_BARS_MAX = 5_000  # what a factor may look back on: more is slow to load, and long forgotten
_LANGUAGE_WORDS = frozenset({"and", "or", "not", "in", "true", "false", *FUNCTIONS})


def lint_bundle(bundle: Bundle) -> tuple[Finding, ...]:
    """Return everything that is wrong or odd about `bundle`, in the order of its parts."""
    return tuple(
        chain(
            _symbols(bundle),
            _factors(bundle),
            _repeated("guards", [guard.name for guard in bundle.guards]),
            _repeated("rules", [rule.name for rule in bundle.rules]),
            _actions(bundle),
            _expressions(bundle),
            _risk(bundle),
            _execution(bundle),
        )
    )


def _symbols(bundle: Bundle) -> Iterator[Finding]:
    yield from _repeated("symbols", bundle.symbols, BundleRule.SYMBOL_UNIQUE, attribute="")
    shorts = any(rule.do is RuleAction.OPEN_SHORT for rule in bundle.rules)
    for i, symbol in enumerate(bundle.symbols):
        bare = venue_symbol(symbol)
        if not bare.endswith(UNIT_OF_ACCOUNT) or bare == UNIT_OF_ACCOUNT:
            yield error(
                f"symbols[{i}]",
                BundleRule.SYMBOL_QUOTE,
                f"{symbol} is not quoted in {UNIT_OF_ACCOUNT}",
            )
        if shorts and market_of(symbol) is Market.SPOT:
            yield error(
                f"symbols[{i}]",
                BundleRule.SPOT_SHORT,
                f"a rule sells short, which {symbol} on spot cannot; did you mean {symbol}-PERP?",
            )


def _factors(bundle: Bundle) -> Iterator[Finding]:
    yield from _repeated("factors", [factor.name for factor in bundle.factors])
    first_of: dict[tuple[str, int], str] = {}
    only_spot = all(market_of(symbol) is Market.SPOT for symbol in bundle.symbols)
    for i, spec in enumerate(bundle.factors):
        path, family = f"factors[{i}]", FAMILIES[spec.kind]
        if spec.name in RULE_NAMES or spec.name in _LANGUAGE_WORDS:
            yield error(
                f"{path}.name", BundleRule.NAME_RESERVED, f"{spec.name} already means something"
            )
        if spec.length < family.min_length:
            yield error(
                f"{path}.length",
                BundleRule.FACTOR_LENGTH,
                f"{spec.kind} needs a length of at least {family.min_length}, not {spec.length}",
            )
        elif (need := family.warm_up_bars(spec.length)) > WARM_UP_BARS_MAX:
            yield error(
                f"{path}.length",
                BundleRule.FACTOR_WARM_UP,
                f"{spec.name}, {spec.kind} of length {spec.length}, needs {need:,} bars of warm-up; "
                f"at most {WARM_UP_BARS_MAX:,} are loaded",
            )
        twin = first_of.setdefault((spec.kind, spec.length), spec.name)
        if twin != spec.name:
            yield warning(
                path, BundleRule.FACTOR_REPEATED, f"{spec.name} is the same factor as {twin}"
            )
        if only_spot and Input.MARK in family.inputs:
            yield warning(
                path, BundleRule.FACTOR_WITHOUT_DATA, f"spot has no {spec.kind}: always unknown"
            )


def _repeated(
    part: str,
    names: Sequence[str],
    rule: BundleRule = BundleRule.NAME_UNIQUE,
    attribute: str = ".name",
) -> Iterator[Finding]:
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            yield error(f"{part}[{i}]{attribute}", rule, f"{name} is there twice")
        seen.add(name)


def _actions(bundle: Bundle) -> Iterator[Finding]:
    closing = [rule.do is RuleAction.CLOSE for rule in bundle.rules]
    if all(closing):
        yield warning("rules", BundleRule.NEVER_OPENS, "no rule opens a position")
    if not any(closing):
        yield warning(
            "rules", BundleRule.NEVER_CLOSES, "no rule closes: positions end at their stop only"
        )


def _expressions(bundle: Bundle) -> Iterator[Finding]:
    names = names_of(bundle)
    programs: list[Program | None] = []
    for path, source, result in _sources(bundle):
        try:
            programs.append(compile_expression(source, names=names, result=result))
        except ExpressionInvalid as e:
            programs.append(None)
            yield error(path, BundleRule.EXPRESSION, e.message)
    yield from _stops(bundle, names)
    compiled = [program for program in programs if program is not None]
    if len(compiled) == len(programs):
        yield from _unused_factors(bundle, compiled)


def _sources(bundle: Bundle) -> Iterator[tuple[str, str, Type]]:
    for i, guard in enumerate(bundle.guards):
        yield f"guards[{i}].refuse_when", guard.refuse_when, BOOL
    for i, rule in enumerate(bundle.rules):
        yield f"rules[{i}].when", rule.when, BOOL
        if rule.stop_distance is not None:
            yield f"rules[{i}].stop_distance", rule.stop_distance, NUMBER


def _stops(bundle: Bundle, names: Names) -> Iterator[Finding]:
    low, high = bundle.risk.min_stop_distance, bundle.risk.max_stop_distance
    for i, rule in enumerate(bundle.rules):
        path, opens = f"rules[{i}].stop_distance", rule.do is not RuleAction.CLOSE
        if opens and rule.stop_distance is None:
            yield error(
                path, BundleRule.STOP_REQUIRED, f"{rule.name} opens a position without a stop"
            )
        if rule.stop_distance is None:
            continue
        if not opens:
            yield error(path, BundleRule.STOP_UNEXPECTED, f"{rule.name} closes: it needs no stop")
            continue
        constant = _constant(rule.stop_distance, names)
        if constant is not None and not low <= constant <= high:
            yield error(
                path,
                BundleRule.STOP_OUT_OF_BOUNDS,
                f"{constant:g} is outside {low:g} to {high:g}, the limits under risk",
            )


def _constant(source: str, names: Names) -> float | None:
    try:
        program = compile_expression(source, names=names, result=NUMBER)
    except ExpressionInvalid:
        return None  # `_expressions` has reported it
    value = program.evaluate({}) if not program.names else None
    return value if isinstance(value, float) else None


def _unused_factors(bundle: Bundle, programs: Iterable[Program]) -> Iterator[Finding]:
    read = {name for program in programs for name in program.names}
    for i, spec in enumerate(bundle.factors):
        if spec.name not in read:
            yield warning(
                f"factors[{i}]", BundleRule.FACTOR_UNUSED, f"no expression reads {spec.name}"
            )


def _risk(bundle: Bundle) -> Iterator[Finding]:
    risk = bundle.risk
    if risk.min_stop_distance >= risk.max_stop_distance:
        yield error(
            "risk.min_stop_distance",
            BundleRule.STOP_BOUNDS_ORDER,
            f"{risk.min_stop_distance:g} is not below max_stop_distance, "
            f"{risk.max_stop_distance:g}",
        )
    if risk.widest_stop < risk.max_stop_distance:
        yield error(
            "risk.max_stop_distance",
            BundleRule.STOP_BEYOND_LIQUIDATION,
            f"at {risk.leverage}x a position is liquidated {risk.liquidation_distance:.4f} from its "
            f"entry or nearer; a stop may be half as far, {risk.widest_stop:.4f}, and "
            f"{risk.max_stop_distance:g} is beyond that",
        )
    notional = risk.margin_usdt * risk.leverage
    if notional > risk.max_order_notional_usdt:
        yield error(
            "risk.max_order_notional_usdt",
            BundleRule.NOTIONAL_LIMIT,
            f"{risk.max_order_notional_usdt:g} would refuse every entry of {notional:g} USDT "
            "(margin_usdt x leverage)",
        )


def _execution(bundle: Bundle) -> Iterator[Finding]:
    if bundle.execution.entry == "market" and bundle.execution.limit_offset_bps:
        yield warning(
            "execution.limit_offset_bps", BundleRule.SETTING_UNUSED, "market entries have no limit"
        )
