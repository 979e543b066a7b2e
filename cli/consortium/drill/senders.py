"""A hospital's system that sends messages over MLLP, one after the other, each again until it is answered AA."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread

from cli.mllp_client import control_id_of, outcome_of

_START, _END = b"\x0b", b"\x1c\r"
_REPLY_SECONDS = 30.0
_AGAIN_SECONDS = 0.5
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Owed:
    """A message that was answered AA. `exactly_one`: it must become one record version, else one at least."""

    raw: bytes
    exactly_one: bool


class Sender(Thread):
    """One source's sender at a steady rate, in messages a second; what it missed meanwhile it does not catch up on.

    `answers` counts what it was told, in words for people. A message is owed once it was answered AA, never before.
    """

    def __init__(self, port: int, messages: Iterator[bytes], rate: float, *, exactly_one: bool) -> None:
        super().__init__(name=f"sender at {port}", daemon=True)
        self.answers: Counter[str] = Counter()
        self._port, self._messages, self._pause = port, messages, 1 / rate
        self._exactly_one = exactly_one
        self._owed: list[Owed] = []
        self._may_send, self._ended, self._lock = Event(), Event(), Lock()
        self._wire: socket.socket | None = None
        self._in_hand = Lock()
        self._may_send.set()

    def run(self) -> None:
        """Send until `end`."""
        for raw in self._messages:
            self._may_send.wait()
            if self._ended.is_set():
                return
            due = time.monotonic() + self._pause
            with self._in_hand:
                self._insist(raw)
            self._ended.wait(max(0.0, due - time.monotonic()))

    @property
    def acknowledged(self) -> int:
        """How many messages were answered AA."""
        return len(self._owed)

    def owed(self, first: int) -> list[Owed]:
        """Acknowledged messages from a place on."""
        with self._lock:
            return self._owed[first:]

    def pause(self, patience: float) -> bool:
        """Begin no more messages; whether the one in hand was acknowledged in so many seconds."""
        self._may_send.clear()
        if acquired := self._in_hand.acquire(timeout=patience):
            self._in_hand.release()
        return acquired

    def resume(self) -> None:
        """Go on."""
        self._may_send.set()

    def end(self) -> None:
        """Send no more, and give up on the message in hand."""
        self._ended.set()
        self._may_send.set()

    def _insist(self, raw: bytes) -> None:
        while not self._ended.is_set():
            told = self._told(raw)
            self.answers[told] += 1
            if told == "AA":
                with self._lock:
                    self._owed.append(Owed(raw, self._exactly_one))
                return
            self._ended.wait(_AGAIN_SECONDS)

    def _told(self, raw: bytes) -> str:
        """What the oracle says to a message; the connection is kept while it lasts."""
        try:
            if self._wire is None:
                self._wire = socket.create_connection(("127.0.0.1", self._port), timeout=_REPLY_SECONDS)
            self._wire.sendall(_START + raw + _END)
            reply = _frame(self._wire)
        except TimeoutError:
            self._hang_up()
            return f"no answer in {_REPLY_SECONDS:.0f} s"
        except ConnectionRefusedError:
            return "no connection"
        except OSError:
            self._hang_up()
            return "cut off before an answer"
        code, control = outcome_of(reply)
        if control != control_id_of(raw):
            self._hang_up()
            return "answer to another message"
        return code if code == "AA" else f"{code} {_reason(reply)}".strip()

    def _hang_up(self) -> None:
        if self._wire is not None:
            with suppress(OSError):
                self._wire.close()
            self._wire = None


def _frame(wire: socket.socket) -> bytes:
    found = b""
    while not found.endswith(_END):
        chunk = wire.recv(_CHUNK)
        if not chunk:
            raise ConnectionResetError("closed")
        found += chunk
    return found.strip(_START + _END)


def _reason(reply: bytes) -> str:
    """ERR-3.1 of a reply (table 0357), "" if it has none."""
    for segment in reply.split(b"\r"):
        fields = segment.split(b"|")
        if fields[0] == b"ERR" and len(fields) > 3:
            return fields[3].split(b"^")[0].decode("ascii", errors="replace")
    return ""
