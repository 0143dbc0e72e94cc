"""Documents of the store as the structs they were written from."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from chimera.clock import Millis
from chimera.errors import InvariantBroken, NotFound
from chimera.store import Collection, Document
from chimera.store.interface import Scalar
from chimera.store.shared import shared_store

T = TypeVar("T")


class Kept(msgspec.Struct, Generic[T], frozen=True):
    """One stored struct under its key."""

    key: str
    revision: int
    body: T


class KeptPage(msgspec.Struct, Generic[T], frozen=True):
    """Stored structs, newest first; `next_cursor` is None where nothing older follows."""

    items: tuple[Kept[T], ...]
    next_cursor: str | None


def document_page(
    collection: Collection,
    kind: type[T],
    *,
    equal: Mapping[str, Scalar | None] | None = None,
    ts_from: Millis | None = None,
    ts_to: Millis | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> KeptPage[T]:
    """Return one page, newest first. Filters whose value is None are left out."""
    chosen = {name: value for name, value in (equal or {}).items() if value is not None}
    page = shared_store().query(
        collection,
        equal=chosen,
        ts_from=ts_from,
        ts_to=ts_to,
        order="desc",
        limit=limit,
        cursor=cursor,
    )
    items = tuple(kept(collection, document, kind) for document in page.documents)
    return KeptPage(items, page.next_cursor)


def document_get(collection: Collection, key: str, kind: type[T]) -> Kept[T]:
    """Return one stored struct; raises `NotFound`."""
    found = document_find(collection, key, kind)
    if found is None:
        raise NotFound(f"there is no document {key!r} in {collection}", collection=collection)
    return found


def document_find(collection: Collection, key: str, kind: type[T]) -> Kept[T] | None:
    document = shared_store().get(collection, key)
    return None if document is None else kept(collection, document, kind)


def kept(collection: str, document: Document, kind: type[T]) -> Kept[T]:
    try:
        body = msgspec.convert(document.body, kind)
    except msgspec.ValidationError as error:
        raise InvariantBroken(
            f"{collection}/{document.key} cannot be read: {error}", collection=collection
        ) from error
    return Kept(document.key, document.revision, body)
