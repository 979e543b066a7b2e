"""HL7 v2 over HTTP: one message in the body of a POST, its reply in the body of the answer.

Framework-free, so any HTTP server can call it. The status repeats what MSA-1 says, for senders that look no further. A
message that asks for no reply gets 204. An application acknowledgment that is owed is fetched later by the message's
name (`GET /v1/messages/{name}/ack`), unless its source has a connection for them.
Source: HL7 over HTTP, draft of the HAPI project (content type application/hl7-v2); table below is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from oracle.hl7.charset import ASCII, BIG5, GB18030, UTF_8, decode
from oracle.hl7.errors import CharsetError, TooLargeError
from oracle.intake.ports import Peer, Taker

CONTENT_TYPE = "application/hl7-v2"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024

# MSA-1 → status: AE may be sent again after it was mended, AR never can be taken
STATUS = {b"AA": 200, b"CA": 200, b"AE": 422, b"CE": 422, b"AR": 400, b"CR": 400}
STATUS_NOT_DUE = 202
STATUS_NO_REPLY = 204
STATUS_TOO_LARGE = 413
STATUS_BUSY = 503

# names of the IANA registry of character sets
_CHARSETS = {UTF_8: "UTF-8", GB18030: "GB18030", BIG5: "Big5-HKSCS", ASCII: "US-ASCII"}


@dataclass(frozen=True, slots=True)
class Posted:
    """The answer to a posted message; `name` is by what its application acknowledgment is fetched, if one is owed."""

    status: int
    reply: bytes
    name: bytes = b""


async def answer(body: bytes, peer: Peer, sink: Taker, max_bytes: int = MAX_MESSAGE_BYTES) -> Posted:
    """Answer one posted message; MLLP marks around it are tolerated."""
    if len(body) > max_bytes:
        error = TooLargeError("the message is longer than this source may send")
        return Posted(STATUS_TOO_LARGE, sink.refuse(body[:8192], peer, error))
    taken = await sink.take(body.strip(b"\x0b\x1c\r\n"), peer)
    name = taken.name if taken.owed else b""
    if not taken.reply:
        return Posted(STATUS_NO_REPLY, b"", name)
    return Posted(STATUS_BUSY if taken.busy else status_of(taken.reply), taken.reply, name)


def content_type_of(reply: bytes) -> str:
    """Content type of a reply, with the character set it is written in, which is its MSH-18's.

    Source: RFC 9110 section 8.3.2 (the parameter), HL7 v2.9 section 2.14.9.18 (MSH-18).
    """
    try:
        return f"{CONTENT_TYPE}; charset={_CHARSETS[decode(reply).codec]}"
    except CharsetError:  # the sender named one nobody knows, and the reply names it back
        return CONTENT_TYPE


def status_of(reply: bytes) -> int:
    """HTTP status of a reply: by MSA-1, and 503 when ERR says the receiver failed (207)."""
    for segment in reply.split(b"\r"):
        if segment.startswith(b"MSA"):
            code = segment[4:6]
            busy = code in (b"AE", b"CE") and b"207^" in reply
            return STATUS_BUSY if busy else STATUS.get(code, 500)
    return 500
