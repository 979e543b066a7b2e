"""The soak's senders: a connection for each lane, which sends again whatever was not acknowledged.

    lane ─► window of unanswered messages ─► oracle        replies come in order
              └ connection lost ─► connect again ─► the whole window once more, in order

An answer "try again" (AE 207, or AE to a message that is well formed: it could not be stored) puts the message back
at the front. A sender never gives up and never skips.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress

from bench.soak_messages import Sent
from cli.mllp_client import outcome_of

WINDOW = 16
_REPLY_SECONDS = 30.0
_PAUSE_SECONDS = 0.1
_START, _END = b"\x0b", b"\x1c\r"
_NOT_STORED = b"|207^"  # ERR-3: application internal error


class WrongAnswerError(Exception):
    """The oracle answered otherwise than the message deserves."""


class Sender:
    """One lane on its way. `answered` counts its messages that have their final answer, always a prefix of the lane."""

    def __init__(self, port: int, messages: Iterator[Sent], may_send: asyncio.Event) -> None:
        self._port = port
        self._messages = messages
        self._may_send = may_send
        self._unanswered: deque[Sent] = deque()
        self._on_the_wire = 0
        self._stopping = False
        self.answered = 0
        self.counts: Counter[str] = Counter()

    def stop(self) -> None:
        """Begin no more messages; what was begun is still sent until it is answered."""
        self._stopping = True

    async def run(self) -> None:
        """Send the whole lane.

        Raises:
            WrongAnswerError: an answer that is not the one its message deserves.
        """
        while not self._is_over():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            try:
                await self._converse(reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
                self.counts["connections cut"] += 1
                self.counts["sent again"] += len(self._unanswered)
                await asyncio.sleep(_PAUSE_SECONDS)
            finally:
                self._on_the_wire = 0
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self._is_over():
            await self._fill(writer)
            if not self._unanswered:
                continue
            reply = await asyncio.wait_for(reader.readuntil(_END), _REPLY_SECONDS)
            self._on_the_wire -= 1
            if not self._take(reply.strip(_START + _END)):
                raise ConnectionResetError("try again")  # replies still on the wire are of messages sent once more

    async def _fill(self, writer: asyncio.StreamWriter) -> None:
        """Put on the wire what isn't: first what is still unanswered, then new messages while they may be sent."""
        if not self._unanswered and not self._stopping:
            await self._may_send.wait()
        out = [_START + one.raw + _END for one in list(self._unanswered)[self._on_the_wire :]]
        while len(self._unanswered) < WINDOW and not self._stopping and self._may_send.is_set():
            sent = next(self._messages, None)
            if sent is None:
                self._stopping = True
                break
            self._unanswered.append(sent)
            out.append(_START + sent.raw + _END)
        if out:
            self._on_the_wire = len(self._unanswered)
            writer.write(b"".join(out))
            await writer.drain()

    def _take(self, reply: bytes) -> bool:
        """Count an answer; False if its message must be sent again."""
        code, control = outcome_of(reply)
        sent = self._unanswered[0]
        if control not in (sent.control.encode(), b""):
            raise WrongAnswerError(f"{sent.control} was answered with the control id {control!r}")
        if code == "AE" and (sent.fate.answer != "AE" or _NOT_STORED in reply):
            self.counts["told to try again"] += 1
            return False
        if code != sent.fate.answer:
            raise WrongAnswerError(f"{sent.control} ({sent.kind.value}) was answered {code}, not {sent.fate.answer}")
        self._unanswered.popleft()
        self.answered += 1
        self.counts[code] += 1
        return True

    def _is_over(self) -> bool:
        return self._stopping and not self._unanswered
