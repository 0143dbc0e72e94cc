"""Which address opens which store."""

import pytest

from chimera.errors import ConfigInvalid
from chimera.store import open_store


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("memory://", "MemoryStore"),
        ("embedded://", "EmbeddedStore"),
        ("arangodb://u:p@db:8529/chimera", "ArangoStore"),
        ("arangodbs://u:p@db/chimera", "ArangoStore"),
    ],
)
def test_open_store_knows_its_schemes(url: str, kind: str) -> None:
    assert type(open_store(url)).__name__ == kind


@pytest.mark.parametrize(
    "url",
    ["", "redis://x", "arangodb://db:8529/chimera", "arangodb://u:hidden@db", "arangodb://"],
)
def test_open_store_refuses_other_addresses_without_telling_the_password(url: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        open_store(url)
    assert "hidden" not in str(raised.value) + str(raised.value.details)
