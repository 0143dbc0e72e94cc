"""From YAML text to a `Bundle`: plain data only, every key known, every value in its range.

Of YAML only mappings, sequences and plain scalars are taken. What makes a document mean something
else than it shows (anchors, aliases, merge keys, tags, directives) is refused.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
)

from chimera.bundles import Bundle

from .findings import BundleInvalid, BundleRule, error

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_PARTS = 10_000  # twice what the largest bundle needs; reading more takes half a minute

_MERGE_KEY = "<<"
_SURROGATE = re.compile("[\ud800-\udfff]")
_SCHEMA_ERROR = re.compile(r"(?P<message>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)


def load_bundle(text: str) -> Bundle:
    """Read a bundle.

    Raises
    ------
    BundleInvalid
        With one finding: the first thing that is wrong, and where.
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        _refuse(BundleRule.SIZE, f"the text is longer than {MAX_BYTES} bytes")
    data = _load_plain(text)
    _check_numbers(data, "")
    try:
        return msgspec.convert(data, Bundle)
    except msgspec.ValidationError as e:
        found = _SCHEMA_ERROR.fullmatch(str(e))
        path = (found["path"] or "") if found else ""
        _refuse(BundleRule.SCHEMA, found["message"] if found else str(e), path.lstrip("."), e)


def _load_plain(text: str) -> Any:
    try:
        # The events come first and one by one, since nesting is what makes YAML slow to read.
        _check_plain(_yaml().parse(text))
        return _yaml().load(text)
    except MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        _refuse(BundleRule.SYNTAX, f"{where}{e.problem or e.context}", cause=e)
    except YAMLError as e:
        _refuse(BundleRule.SYNTAX, str(e).splitlines()[0], cause=e)
    except (ValueError, OverflowError) as e:  # from Python's own reading of numbers and escapes
        _refuse(BundleRule.NUMBER, str(e).partition(";")[0], cause=e)


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


def _check_plain(events: Iterator[Event]) -> None:
    depth = 0
    for count, event in enumerate(events):
        if count > MAX_PARTS:
            _refuse(BundleRule.SIZE, f"the text has more than {MAX_PARTS:,} parts")
        if isinstance(event, CollectionEndEvent):
            depth -= 1
            continue
        if isinstance(event, CollectionStartEvent):
            depth += 1
        if depth > MAX_DEPTH:
            _refuse(BundleRule.DEPTH, f"{_line(event)} nests more than {MAX_DEPTH} levels deep")
        oddity = _oddity(event)
        if oddity:
            _refuse(BundleRule.PLAIN_YAML, f"{_line(event)} {oddity}")


def _oddity(event: Event) -> str | None:
    if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
        return "has an anchor or alias; write the value out"
    if isinstance(event, (ScalarEvent, CollectionStartEvent)) and event.tag is not None:
        return "has a tag; values speak for themselves"
    if isinstance(event, ScalarEvent) and event.value == _MERGE_KEY:
        return "has a merge key; write the values out"
    if isinstance(event, ScalarEvent) and _SURROGATE.search(event.value):
        return "has half of a character, which nothing can store"
    if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
        return "has a directive"
    return None


def _line(event: Event) -> str:
    return f"line {event.start_mark.line + 1}"


def _check_numbers(data: Any, path: str) -> None:
    match data:
        case dict():
            for key, value in data.items():
                _check_numbers(value, f"{path}.{key}" if path else str(key))
        case list():
            for index, value in enumerate(data):
                _check_numbers(value, f"{path}[{index}]")
        case float() if not math.isfinite(data):
            _refuse(BundleRule.NUMBER, f"{data} is not a number; leave the key out instead", path)


def _refuse(
    rule: BundleRule, message: str, path: str = "", cause: Exception | None = None
) -> NoReturn:
    raise BundleInvalid((error(path, rule, message),)) from cause
