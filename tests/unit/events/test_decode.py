"""What is no event is refused by the one error that readers of streams expect."""

import msgspec
import pytest

from chimera.events import decode


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"null",
        b'{"type":"position.changed.v99"}',
        b'{"type":"position.changed.v1","other":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
def test_what_is_no_event_is_a_decode_error(payload: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(payload)
