"""HL7 v2 over HTTP: one message in the body of a POST, its reply in the body of the answer.

Framework-free, so any HTTP server can call it. The status repeats what MSA-1 says, for senders that look no further.
Source: HL7 over HTTP, draft of the HAPI project (content type application/hl7-v2); table below is ours.
"""

from __future__ import annotations

from oracle.hl7.errors import TooLargeError
from oracle.intake.ports import Peer, Sink

CONTENT_TYPE = "application/hl7-v2"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024

# MSA-1 → status: AE may be sent again after it was mended, AR never can be taken
STATUS = {b"AA": 200, b"AE": 422, b"AR": 400}
STATUS_TOO_LARGE = 413
STATUS_BUSY = 503


async def answer(body: bytes, peer: Peer, sink: Sink, max_bytes: int = MAX_MESSAGE_BYTES) -> tuple[int, bytes]:
    """Status and reply to one posted message; MLLP marks around it are tolerated."""
    if len(body) > max_bytes:
        error = TooLargeError(f"the message is longer than {max_bytes} bytes")
        return STATUS_TOO_LARGE, sink.refuse(body[:8192], peer, error)
    reply = await sink.receive(body.strip(b"\x0b\x1c\r\n"), peer)
    return status_of(reply), reply


def status_of(reply: bytes) -> int:
    """HTTP status of a reply: by MSA-1, and 503 when ERR says the receiver failed (207)."""
    for segment in reply.split(b"\r"):
        if segment.startswith(b"MSA"):
            code = segment[4:6]
            busy = code == b"AE" and b"207^" in reply
            return STATUS_BUSY if busy else STATUS.get(code, 500)
    return 500
