"""Documents and the lineage between them, on one of three backends with one contract.

The runtimes carry out `Record` effects here; services and selectors read. Which backend is the
setting `CHIMERA_STORE_URL`'s to say.
"""

from urllib.parse import unquote, urlsplit

from chimera.errors import ConfigInvalid
from chimera.store.interface import (
    QUERY_LIMIT_MAX,
    TRACE_DEPTH_MAX,
    WRITE_BATCH_MAX,
    Collection,
    Document,
    Edge,
    Lineage,
    Page,
    Store,
    Write,
    WriteConflict,
    WriteFailure,
)

__all__ = [
    "QUERY_LIMIT_MAX",
    "TRACE_DEPTH_MAX",
    "WRITE_BATCH_MAX",
    "Collection",
    "Document",
    "Edge",
    "Lineage",
    "Page",
    "Store",
    "Write",
    "WriteConflict",
    "WriteFailure",
    "open_store",
]


def open_store(url: str) -> Store:
    """Return the store that `url` names; nothing is connected or made yet.

    Parameters
    ----------
    url : ``embedded://`` (Django's database), ``memory://``, or
        ``arangodb://user:password@host:port/database`` (``arangodbs`` for TLS)

    Raises
    ------
    ConfigInvalid
        If the address is none of these. The message leaves the password out.
    """
    # Backends are imported when chosen: embedded needs Django's apps loaded, memory needs neither.
    parts = urlsplit(url)
    if parts.scheme == "embedded":
        from chimera.store.embedded import EmbeddedStore

        return EmbeddedStore()
    if parts.scheme == "memory":
        from chimera.store.memory import MemoryStore

        return MemoryStore()
    if parts.scheme in ("arangodb", "arangodbs"):
        from chimera.store.arango import ArangoStore

        database = parts.path.strip("/")
        if not (parts.hostname and parts.username and database):
            raise ConfigInvalid(
                "CHIMERA_STORE_URL must read arangodb://user:password@host:port/database",
                host=parts.hostname,
                database=database,
            )
        protocol = "https" if parts.scheme == "arangodbs" else "http"
        return ArangoStore(
            address=f"{protocol}://{parts.hostname}:{parts.port or 8529}",
            database=database,
            username=unquote(parts.username),
            password=unquote(parts.password or ""),
        )
    raise ConfigInvalid(
        f"CHIMERA_STORE_URL names no store we have: {parts.scheme!r}",
        known=["embedded", "arangodb", "arangodbs", "memory"],
    )
