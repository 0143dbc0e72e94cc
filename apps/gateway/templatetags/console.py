"""How the console writes times, hashes, and outcomes of three-valued logic."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.gateway.words import WORDS
from chimera.lang import Explanation
from chimera.lang.types import Value

register = template.Library()

_ICONS = {True: "check_circle", False: "cancel", None: "help"}


@register.filter
def moment(ts: int | None) -> SafeString:
    """Write UTC ms as a time element; the page's script adds the reader's local time."""
    if ts is None:
        return format_html('<span class="muted">{}</span>', "–")
    try:
        utc = datetime.fromtimestamp(ts / 1_000, UTC)
    except (ValueError, OverflowError, OSError):  # such as microseconds that somebody took for ms
        return format_html("<code>{}</code>", ts)
    return format_html(
        '<time datetime="{}" data-ms="{}">{}</time>',
        utc.isoformat(timespec="milliseconds"),
        ts,
        utc.strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


@register.filter
def short_hash(value: str) -> SafeString:
    return format_html('<code title="{}">{}</code>', value, value[:10])


@register.filter
def outcome(value: bool | None) -> SafeString:
    """Write true, false or unknown as icon and word: colour alone tells nobody enough."""
    name = {True: "true", False: "false", None: "unknown"}[value]
    word = {True: _("true"), False: _("false"), None: _("unknown")}[value]
    return format_html(
        '<span class="outcome outcome-{}"><span class="icon" aria-hidden="true">{}</span>{}</span>',
        name,
        _ICONS[value],
        word,
    )


@register.filter
def known(value: Any) -> str | SafeString:
    """Write a factor's value; one that is missing is said to be unknown."""
    if value is None:
        return format_html('<span class="unknown">{}</span>', _("unknown"))
    if isinstance(value, bool):
        return _("true") if value else _("false")
    return f"{value:.8g}" if isinstance(value, float) else str(value)


@register.filter
def word(value: str | None) -> str:
    """Write one of the platform's own names in the reader's language."""
    return "" if value is None else str(WORDS.get(value, value))


@register.filter
def plain(value: Any) -> str:
    """Write a decimal without exponent and trailing zeros."""
    if value is None:
        return "–"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.filter
def rows(explanation: Explanation, values: Mapping[str, Value]) -> list[dict[str, Any]]:
    """Lay an explanation out by clause: text, outcome, values, and whether it decided."""
    return [
        {
            "text": clause.text,
            "outcome": found,
            "values": read,
            "decided": index in explanation.decided_by,
        }
        for index, (clause, found, read) in enumerate(explanation.by_clause(values))
    ]


@register.filter
def attribute(value: Any) -> str:
    """Turn an enum's value into a word fit for a class name."""
    return str(value).lower().replace("_", "-")
