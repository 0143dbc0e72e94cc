"""The console's pages. Each reads by a selector and renders a template; none changes anything."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.gateway.api.queries import (
    AlertListQuery,
    DecisionListQuery,
    OrderListQuery,
    OverviewQuery,
    PositionListQuery,
    checked,
    list_request,
)
from apps.gateway.permissions import VIEW_DESK, full_name
from apps.gateway.presenters import because
from apps.gateway.selectors import lists
from apps.gateway.selectors.lists import ListRequest
from apps.gateway.selectors.overview import overview_choice, overview_symbols
from apps.gateway.selectors.trace import decision_trace, document_trace, order_trace
from apps.gateway.words import WORDS
from apps.health.selectors.overview import health_overview
from chimera.errors import ChimeraError
from chimera.events.decisions import Action
from chimera.events.health import SEVERITIES
from chimera.events.orders import OrderState, Purpose
from chimera.instruments import Side

FILTER_LABELS = {
    "action": _("Action"),
    "state": _("State"),
    "severity": _("Severity"),
    "purpose": _("For"),
    "side": _("Side"),
}
Page = Callable[..., HttpResponse]


def desk_page(view: Page) -> Page:
    """Ask for sign-in and the right to see the desk; show errors of the taxonomy as a page."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(full_name(VIEW_DESK)):
            raise PermissionDenied
        try:
            return view(request, *args, **kwargs)
        except ChimeraError as error:
            if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.http_status != 503:
                raise
            return render(
                request, "console/problem.html", {"problem": error}, status=error.http_status
            )

    return require_safe(never_cache(login_required(guarded)))


@desk_page
def overview(request: HttpRequest) -> HttpResponse:
    symbol = checked(OverviewQuery, request.GET.dict()).get("symbol")
    chosen, symbols = overview_choice(symbol)
    context = {
        "symbol": chosen or "",
        "symbols": symbols,
        "health": health_overview(),
        "words": {key: str(word) for key, word in WORDS.items()},
    }
    return render(request, "console/overview.html", context)


@desk_page
def decisions(request: HttpRequest) -> HttpResponse:
    asked = list_request(DecisionListQuery, request.GET.dict())
    page = lists.decision_list(asked)
    rows = [(found.key, found.body, because(found.body)) for found in page.items]
    filters = {"action": [action.value for action in Action]}
    context = _list_context(asked, filters) | {"rows": rows}
    return render(request, "console/decisions.html", context | _next(request, page.next_cursor))


@desk_page
def decision(request: HttpRequest, key: str) -> HttpResponse:
    trace = decision_trace(key)
    ts = trace.decision.body.ts_event
    context = {"trace": trace, "replay_from": ts, "replay_to": ts + 1}
    return render(request, "console/decision.html", context)


@desk_page
def orders(request: HttpRequest) -> HttpResponse:
    asked = list_request(OrderListQuery, request.GET.dict())
    page = lists.order_list(asked)
    filters = {
        "state": [state.value for state in OrderState],
        "purpose": [purpose.value for purpose in Purpose],
        "side": [side.value for side in Side],
    }
    context = _list_context(asked, filters) | {"rows": page.items}
    return render(request, "console/orders.html", context | _next(request, page.next_cursor))


@desk_page
def order(request: HttpRequest, key: str) -> HttpResponse:
    return render(request, "console/order.html", {"trace": order_trace(key)})


@desk_page
def positions(request: HttpRequest) -> HttpResponse:
    asked = list_request(PositionListQuery, request.GET.dict())
    page = lists.position_list(asked)
    context = _list_context(asked, {}) | {
        "rows": page.items,
        "open": lists.positions_open(),
    }
    return render(
        request,
        "console/positions.html",
        context | _next(request, page.next_cursor),
    )


@desk_page
def alerts(request: HttpRequest) -> HttpResponse:
    asked = list_request(AlertListQuery, request.GET.dict())
    page = lists.alert_list(asked)
    filters = {"severity": [severity.value for severity in SEVERITIES]}
    context = _list_context(asked, filters) | {"rows": page.items}
    return render(request, "console/alerts.html", context | _next(request, page.next_cursor))


@desk_page
def document(request: HttpRequest, collection: str, key: str) -> HttpResponse:
    found, lineage = document_trace(collection, key)
    body = msgspec.json.format(msgspec.json.encode(found.body), indent=2).decode()
    context = {"collection": collection, "document": found, "body": body, "lineage": lineage}
    return render(request, "console/document.html", context)


def _list_context(asked: ListRequest, filters: Mapping[str, list[str]]) -> dict[str, Any]:
    return {
        "symbols": overview_symbols(),
        "chosen": asked.equal,
        "filters": [
            (name, FILTER_LABELS[name], values, asked.equal.get(name))
            for name, values in filters.items()
        ],
        "is_filtered": any(asked.equal.values()),
    }


def _next(request: HttpRequest, cursor: str | None) -> dict[str, Any]:
    """Return the query string of the next page, None on the last."""
    if cursor is None:
        return {"next_query": None, "is_first": "cursor" not in request.GET}
    parameters = request.GET.copy()
    parameters["cursor"] = cursor
    return {"next_query": parameters.urlencode(), "is_first": "cursor" not in request.GET}
