"""A small ArangoDB behind python-arango's HTTPClient interface: what the store asks, it answers.

Documents, edges and indexes are kept; AQL is not parsed but known by its text, so a text that
`chimera.store.aql` does not hold is refused. `requests` records what was sent; `fail_next` scripts
the next answers instead.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from arango.http import HTTPClient
from arango.response import Response
from requests import Session

from chimera.store import aql


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    params: dict[str, Any]
    body: Any
    auth: tuple[str, str] | None


@dataclass
class ArangoServer(HTTPClient):
    database: str = "chimera"
    collections: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    indexes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    graphs: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    scripted: list[Exception | tuple[int, str]] = field(default_factory=list)
    before_next: list[Callable[[], None]] = field(default_factory=list)

    def fail_next(self, *answers: Exception | tuple[int, str]) -> None:
        """Answer the next requests with these: an exception to raise, or a status and a text."""
        self.scripted.extend(answers)

    def sent(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path.startswith(path)]

    def create_session(self, host: str) -> Session:
        return Session()

    def send_request(
        self,
        session: Session,
        method: str,
        url: str,
        headers: Any = None,
        params: Any = None,
        data: Any = None,
        auth: Any = None,
    ) -> Response:
        path = urlsplit(url).path
        prefix = f"/_db/{self.database}"
        body = None if data is None else json.loads(data)
        known = path.startswith(prefix + "/")
        path = path.removeprefix(prefix)
        self.requests.append(Request(method, path, dict(params or {}), body, auth))
        if self.before_next:
            self.before_next.pop(0)()
        if self.scripted:
            answer = self.scripted.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return _response(method, url, *answer)
        status, content = (
            self._answer(method, path, dict(params or {}), body)
            if known
            else _error(404, 1228, "database not found")
        )
        return _response(method, url, status, json.dumps(content))

    def _answer(self, method: str, path: str, params: dict[str, Any], body: Any) -> Any:
        match method, path.removeprefix("/_api/").split("/"):
            case "get", ["version"]:
                return 200, {"server": "arango", "version": "3.12.0", "license": "community"}
            case "get", ["collection"]:
                return 200, {"result": [self._described(name) for name in self.collections]}
            case "post", ["collection"]:
                return self._create_collection(body)
            case "post", ["index"]:
                self.indexes.setdefault(params["collection"], []).append(body)
                return 201, {
                    "id": f"{params['collection']}/{body['name']}",
                    **body,
                    "error": False,
                    "code": 201,
                }
            case "get", ["gharial", name]:
                if name not in self.graphs:
                    return _error(404, 1924, "graph not found")
                return 200, {"graph": self.graphs[name]}
            case "post", ["gharial"]:
                if body["name"] in self.graphs:
                    return _error(409, 1925, "graph already exists")
                self.graphs[body["name"]] = {"_key": body["name"], "_rev": "1", **body}
                return 201, {"graph": {"orphanCollections": [], **self.graphs[body["name"]]}}
            case "put", ["gharial", name, "edge", _]:
                self.graphs[name]["edgeDefinitions"] = [body]
                return 200, {"graph": self.graphs[name]}
            case "post", ["document", name]:
                if name not in self.collections:
                    return _error(404, 1203, f"collection or view not found: {name}")
                return 201, [self._insert(name, row, params) for row in body]
            case "post", ["cursor"]:
                result = self._run(body["query"], body.get("bindVars", {}))
                return 201, {"result": result, "hasMore": False, "cached": False, "extra": {}}
        return _error(404, 404, f"unknown path {method} {path}")

    def _described(self, name: str) -> dict[str, Any]:
        return {"id": name, "name": name, "isSystem": False, "type": self.kinds[name], "status": 3}

    def _create_collection(self, body: dict[str, Any]) -> Any:
        name = body["name"]
        if name in self.collections:
            return _error(409, 1207, "duplicate name")
        self.collections[name], self.kinds[name] = {}, body.get("type", 2)
        return 200, self._described(name)

    def _insert(self, name: str, row: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        rows = self.collections[name]
        key = row["_key"]
        if key in rows and str(params.get("overwriteMode")) != "ignore":
            return {"error": True, "errorNum": 1210, "errorMessage": "unique constraint violated"}
        if key not in rows:
            rows[key] = row
        return {"_id": f"{name}/{key}", "_key": key, "_rev": "1"}

    def _run(self, text: str, variables: dict[str, Any]) -> list[Any]:
        rows = self.collections.get(variables.get("@collection", ""), {})
        if text == aql.STORED:
            found = (rows[key] for key in variables["keys"] if key in rows)
            return [_returned(row, "key", "revision", "body") for row in found]
        if text == aql.REPLACE:
            return [
                row["_key"]
                for row in variables["writes"]
                if row["_key"] in rows
                and rows[row["_key"]]["revision"] == row["revision"] - 1
                and rows.update({row["_key"]: row}) is None
            ]
        if text in (aql.ANCESTORS, aql.DESCENDANTS):
            return self._reached(text, variables)[: variables["limit"]]
        if text == aql.EDGES_AMONG:
            nodes = set(variables["nodes"])
            return [
                {"parent": edge["_from"], "child": edge["_to"]}
                for edge in self.collections[aql.LINEAGE_EDGES].values()
                if edge["_from"] in nodes and edge["_to"] in nodes
            ][: variables["limit"]]
        (shape,) = (shape for shape, query in aql.QUERIES.items() if query == text)
        return _queried(list(rows.values()), shape, variables)

    def _reached(self, text: str, variables: dict[str, Any]) -> list[str]:
        here, there = ("_to", "_from") if text == aql.ANCESTORS else ("_from", "_to")
        edges = self.collections[aql.LINEAGE_EDGES].values()
        reached, outermost = [], {variables["start"]}
        for _ in range(variables["max_depth"]):
            outermost = {
                edge[there]
                for edge in edges
                if edge[here] in outermost and edge[there] not in (*reached, variables["start"])
            }
            reached += sorted(outermost)
        return reached


def _queried(
    rows: list[dict[str, Any]], shape: aql.Shape, variables: dict[str, Any]
) -> list[dict[str, Any]]:
    def selected(row: dict[str, Any]) -> bool:
        ts, key, body = row["ts"], row["_key"], row["body"]
        after_ts, after_key = variables["after_ts"], variables["after_key"]
        return (
            variables["ts_low"] <= ts < variables["ts_high"]
            and (not shape.symbol or row["symbol"] == variables["symbol"])
            and (not shape.state or body.get("state") == variables["state"])
            and (
                (ts > after_ts or key > after_key)
                if shape.order == "asc"
                else (ts < after_ts or key < after_key)
            )
            and all(_equal(body.get(name), value) for name, value in variables["equal"].items())
        )

    found = sorted(filter(selected, rows), key=lambda row: (row["ts"], row["_key"]))
    if shape.order == "desc":
        found.reverse()
    return [_returned(row, "key", "revision", "ts", "body") for row in found[: variables["limit"]]]


def _equal(found: Any, value: Any) -> bool:
    return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)


def _returned(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: row["_key" if name == "key" else name] for name in names}


def _error(status: int, number: int, message: str) -> tuple[int, dict[str, Any]]:
    return status, {
        "error": True,
        "code": status,
        "errorNum": number,
        "errorMessage": message,
    }


def _response(method: str, url: str, status: int, text: str) -> Response:
    return Response(
        method=method,
        url=url,
        headers={},
        status_code=status,
        status_text="",
        raw_body=text,
    )
