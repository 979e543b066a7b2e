"""The sink every HL7 transport shares: judge, store, then answer.

    receive ─► verdict asks for storing? ─ no ─► reply AE or AR at once
                      └ yes ─► journal.append ─► durable ─► reply (AA, or AE for quarantine)
                                     └ fails ─► AE 207: the sender keeps the message and tries again

Nothing here waits: the journal resolves its futures in batches (group commit) and each resolution makes one reply.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial

from oracle.hl7.ack import refuse, salvage_header
from oracle.hl7.errors import BusyError, HL7Error
from oracle.intake.ports import Journal, Peer
from oracle.intake.receive import Received, receive, reply_to


class Reception:
    """A `Sink` over a journal. `charset_of` gives the configured character set of the source behind a peer, or None.

    `keep_refused` gets each message answered AE or AR without being stored, for a person to look at; it must not raise.
    `verdicts` counts what was decided, by verdict name.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        now: Callable[[], datetime],
        next_control_id: Callable[[], str],
        charset_of: Callable[[Peer], str | None] = lambda _: None,
        keep_refused: Callable[[Received, Peer], None] = lambda _received, _peer: None,
    ) -> None:
        self._journal = journal
        self._now = now
        self._next_control_id = next_control_id
        self._charset_of = charset_of
        self._keep_refused = keep_refused
        self.verdicts: Counter[str] = Counter()

    def receive(self, raw: bytes, peer: Peer) -> asyncio.Future[bytes]:
        """Judge and store one message; the future gives its reply."""
        received = receive(raw, self._charset_of(peer))
        self.verdicts[received.verdict.value] += 1
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if not received.verdict.stored:
            self._keep_refused(received, peer)
            answer.set_result(self._reply(received))
            return answer
        try:
            stored = self._journal.append(received, peer)
        except HL7Error as error:
            answer.set_result(self._failure(received, error))
            return answer
        stored.add_done_callback(partial(self._answer, received, answer))
        return answer

    def refuse(self, head: bytes, peer: Peer, error: HL7Error) -> bytes:
        """Reply to bytes a transport refused by itself."""
        self.verdicts["transport"] += 1
        header = salvage_header(head, self._charset_of(peer))
        return refuse(header, error, now=self._now(), control_id=self._next_control_id())

    def _answer(self, received: Received, answer: asyncio.Future[bytes], stored: asyncio.Future[None]) -> None:
        if answer.done():
            return
        failure = None if stored.cancelled() else stored.exception()
        if stored.cancelled() or failure is not None:
            error = failure if isinstance(failure, HL7Error) else BusyError("the message could not be stored")
            answer.set_result(self._failure(received, error))
        else:
            answer.set_result(self._reply(received))

    def _reply(self, received: Received) -> bytes:
        return reply_to(received, now=self._now(), control_id=self._next_control_id())

    def _failure(self, received: Received, error: HL7Error) -> bytes:
        self.verdicts["not stored"] += 1
        return refuse(received.header, error, now=self._now(), control_id=self._next_control_id())
