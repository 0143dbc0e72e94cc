"""What is wrong, or odd, about a bundle: for whoever wrote it."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from chimera.errors import ConfigInvalid


class Level(StrEnum):
    """An error refuses the bundle; a warning is for the author to think about."""

    ERROR = "error"
    WARNING = "warning"


class BundleRule(StrEnum):
    """What a bundle has to keep to. One name for each rule."""

    # of the text
    SIZE = "size"
    SYNTAX = "syntax"
    PLAIN_YAML = "plain_yaml"
    DEPTH = "depth"
    NUMBER = "number"
    SCHEMA = "schema"
    # of the meaning
    NAME_UNIQUE = "name_unique"
    NAME_RESERVED = "name_reserved"
    SYMBOL_UNIQUE = "symbol_unique"
    SYMBOL_QUOTE = "symbol_quote"
    SPOT_SHORT = "spot_short"
    FACTOR_LENGTH = "factor_length"
    FACTOR_WARM_UP = "factor_warm_up"
    FACTOR_REPEATED = "factor_repeated"
    FACTOR_UNUSED = "factor_unused"
    FACTOR_WITHOUT_DATA = "factor_without_data"
    EXPRESSION = "expression"
    STOP_REQUIRED = "stop_required"
    STOP_UNEXPECTED = "stop_unexpected"
    STOP_OUT_OF_BOUNDS = "stop_out_of_bounds"
    STOP_BOUNDS_ORDER = "stop_bounds_order"
    STOP_BEYOND_LIQUIDATION = "stop_beyond_liquidation"
    NOTIONAL_LIMIT = "notional_limit"
    NEVER_OPENS = "never_opens"
    NEVER_CLOSES = "never_closes"
    SETTING_UNUSED = "setting_unused"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One remark. `path` leads to the place in the bundle, such as ``rules[2].when``; "" is all of it."""

    level: Level
    path: str
    rule: BundleRule
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.path or 'bundle'}: {self.message} [{self.rule}]"


def error(path: str, rule: BundleRule, message: str) -> Finding:
    return Finding(level=Level.ERROR, path=path, rule=rule, message=message)


def warning(path: str, rule: BundleRule, message: str) -> Finding:
    return Finding(level=Level.WARNING, path=path, rule=rule, message=message)


class BundleInvalid(ConfigInvalid):
    """A bundle cannot be used; `findings` say why. Nothing was stored, what is active stays so."""

    code = "bundle_invalid"

    def __init__(self, findings: Sequence[Finding]) -> None:
        errors = [finding for finding in findings if finding.level is Level.ERROR]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(
            f"{errors[0].path or 'bundle'}: {errors[0].message}{more}",
            findings=[msgspec.to_builtins(finding) for finding in findings],
        )
        self.findings = tuple(findings)
