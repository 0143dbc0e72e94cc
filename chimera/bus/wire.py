"""How a message lies in a stream entry: field names as short as can be, since every entry has them."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from chimera.bus.connection import Command
from chimera.bus.interface import DeadLetter, Message
from chimera.bus.streams import max_length

RawEntry = Sequence[Any]  # [id, [name, value, name, value, ...]] as Redis sends it

_PRODUCER, _SEQUENCE, _PAYLOAD = "p", "s", "d"
# Where the three values stand among an entry's alternating names and values.
_PRODUCER_AT, _SEQUENCE_AT, _PAYLOAD_AT = 1, 3, 5


def producer_label(name: str, epoch: int) -> str:
    return f"{name}@{epoch}"


def add_command(stream: str, producer: str, sequence: int, payload: bytes) -> Command:
    """Build the XADD of one message; `producer` is a label."""
    return (
        *("XADD", stream, "MAXLEN", "~", max_length(stream), "*"),
        *(_PRODUCER, producer, _SEQUENCE, sequence, _PAYLOAD, payload),
    )


def read_entries(
    stream: str, entries: Sequence[RawEntry], deliveries: int = 1
) -> Iterator[Message]:
    """Yield the messages of entries.

    What another program wrote becomes a message of nobody, without payload: its consumer cannot
    decode it and rejects it, which beats stopping the stream.
    """
    for entry_id, fields in entries:
        try:
            name, epoch = _read_label(fields[_PRODUCER_AT])
            sequence = int(fields[_SEQUENCE_AT])
            payload = fields[_PAYLOAD_AT]
        except (ValueError, IndexError):
            name, epoch, sequence, payload = "", 0, 0, b""
        yield Message(stream, entry_id.decode(), payload, name, epoch, sequence, deliveries)


def dead_letter_fields(letter: DeadLetter) -> Command:
    """Lay out a dead letter so that it also reads as the message it was."""
    message = letter.message
    return (
        *(_PRODUCER, producer_label(message.producer, message.epoch)),
        *(_SEQUENCE, message.sequence, _PAYLOAD, message.payload),
        *("stream", message.stream, "id", message.entry_id, "deliveries", message.deliveries),
        *("group", letter.group, "consumer", letter.consumer, "reason", letter.reason),
    )


def read_dead_letter(entry: RawEntry) -> DeadLetter:
    _, fields = entry
    named = {name.decode(): value for name, value in zip(fields[::2], fields[1::2], strict=True)}
    name, epoch = _read_label(named[_PRODUCER])
    return DeadLetter(
        message=Message(
            named["stream"].decode(),
            named["id"].decode(),
            named[_PAYLOAD],
            name,
            epoch,
            int(named[_SEQUENCE]),
            int(named["deliveries"]),
        ),
        group=named["group"].decode(),
        consumer=named["consumer"].decode(),
        reason=named["reason"].decode(),
    )


@lru_cache(maxsize=1_024)
def _read_label(label: bytes) -> tuple[str, int]:
    name, _, epoch = label.decode().rpartition("@")
    return name, int(epoch)
