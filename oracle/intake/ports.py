"""What intake asks of others."""

from __future__ import annotations

from asyncio import Future
from dataclasses import dataclass
from typing import Protocol

from oracle.hl7.errors import HL7Error
from oracle.intake.receive import Received


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sent the bytes: transport, network address, and the listener they came in by, which names the source."""

    transport: str
    address: str
    listener: str = ""


class Sink(Protocol):
    """Where a transport puts messages. One call for each, in the order received."""

    def receive(self, raw: bytes, peer: Peer) -> Future[bytes]:
        """Take one message; the future gives the reply, once the message is durable or refused.

        Must not block and must not raise: a failure is a reply. Futures may be resolved in batches, in any order.
        """
        ...

    def refuse(self, head: bytes, peer: Peer, error: HL7Error) -> bytes:
        """Reply to bytes the transport itself refuses; `head` is what it has of them."""
        ...


class Journal(Protocol):
    """Durable memory of what was received."""

    def append(self, received: Received, peer: Peer) -> Future[None]:
        """Store one message; the future is done when it is durable (also when the same bytes already were).

        The future raises BusyError when the journal can't take more now.
        """
        ...
