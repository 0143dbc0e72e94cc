"""The revision rule, case by case."""

import pytest

from chimera.store import WriteFailure
from chimera.store.revisions import Stored, same_json, settle
from tests.support.documents import write

NAME = ("orders", "o-1")


def stored(revision: int, **fields: object) -> dict[tuple[str, str], Stored]:
    return {NAME: Stored(revision, write(revision=revision, **fields).body)}


def test_next_revision_is_pending() -> None:
    batch = [write(revision=2, n=2), write(revision=3, n=3)]
    assert settle(batch, stored(1)) == (batch, [])


def test_stored_revision_with_the_same_content_is_passed_over() -> None:
    assert settle([write(revision=2, n=2)], stored(2, n=2)) == ([], [])


def test_older_revisions_are_passed_over_if_the_batch_brings_the_stored_one() -> None:
    batch = [write(revision=1, n=1), write(revision=2, n=2), write(revision=3, n=3)]
    assert settle(batch, stored(2, n=2)) == ([batch[2]], [])


def test_older_revision_alone_is_refused() -> None:
    assert settle([write(revision=1)], stored(2)).failures == [WriteFailure("orders/o-1", 1, 2)]


def test_write_behind_a_refused_one_is_refused() -> None:
    batch = [write(revision=1, n=9), write(revision=2, n=2)]
    pending, failures = settle(batch, stored(1, n=1))
    assert pending == []
    assert [failure.revision for failure in failures] == [1, 2]


def test_pending_write_before_a_refused_one_is_not_kept() -> None:
    batch = [write(revision=2, n=2), write(revision=2, n=9)]
    assert settle(batch, stored(1)).pending == []


def test_gap_is_refused_naming_what_is_there() -> None:
    assert settle([write(revision=2)], {}).failures == [WriteFailure("orders/o-1", 2, 0)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (b'{"a":1,"b":2}', b'{"b": 2, "a": 1}'),
        (b'{"a":1.1e22}', b'{"a":11000000000000000000000}'),
        (b'{"a":0.10}', b'{"a":0.1}'),
    ],
)
def test_same_json_looks_through_spelling(left: bytes, right: bytes) -> None:
    assert same_json(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (b'{"a":9223372036854775807}', b'{"a":9223372036854775806}'),
        (b'{"a":"1"}', b'{"a":1}'),
        (b'{"a":null}', b"{}"),
        (b'{"a":[1,2]}', b'{"a":[2,1]}'),
    ],
)
def test_same_json_tells_values_apart(left: bytes, right: bytes) -> None:
    assert not same_json(left, right)
