"""What intake asks of others, and what it gives."""

from __future__ import annotations

from asyncio import Future
from dataclasses import dataclass, field
from typing import Protocol

from oracle.hl7.errors import HL7Error
from oracle.intake.receive import Received


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sent the bytes: transport, network address, and the name of the source they are of.

    `connection` numbers the connection they came in by, 0 for none.
    """

    transport: str
    address: str
    listener: str = ""
    connection: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one message: its reply (empty when it asked for none), and whether it is stored.

    `name` is by what the journal knows it, empty unless stored. `busy`: it was not stored now, and may be later.
    `owed`: an application acknowledgment follows.
    """

    reply: bytes
    name: bytes = b""
    busy: bool = False
    owed: bool = False


class Sink(Protocol):
    """Where a transport puts messages. One call for each, in the order received."""

    def receive(self, raw: bytes, peer: Peer) -> Future[bytes]:
        """Take one message; the future gives the reply, once the message is durable or refused; empty for no reply.

        Must not block and must not raise: a failure is a reply. Futures may be resolved in batches, in any order.
        """
        ...

    def refuse(self, head: bytes, peer: Peer, error: HL7Error) -> bytes:
        """Reply to bytes the transport itself refuses; `head` is what it has of them. Empty for no reply."""
        ...


class Taker(Sink, Protocol):
    """A sink for transports that must know more than the reply."""

    def take(self, raw: bytes, peer: Peer) -> Future[Taken]:
        """As `receive`."""
        ...


class Journal(Protocol):
    """Durable memory of what was received."""

    def append(self, received: Received, peer: Peer) -> Future[bytes]:
        """Store one message; the future gives its name once it is durable (also when the same bytes already were).

        The future raises BusyError when the journal can't take more now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """How processing a message ended: whether records were made of it, else the condition and its place ("PID-3")."""

    success: bool
    code: int = 0
    location: str = ""


class Results(Protocol):
    """Tells how processing ended."""

    def of(self, name: bytes) -> Future[Result | None]:
        """The result of a stored message, once there is one; None when it takes too long."""
        ...
