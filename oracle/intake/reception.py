"""The sink every HL7 transport shares: judge, store, then answer.

    receive ─► verdict asks for storing? ─ no ─► reply AE or AR (CE or CR) at once
                      └ yes ─► journal.append ─► durable ─► reply (AA or CA; original mode: AE for quarantine)
                                     └ fails ─► AE 207: the sender keeps the message and tries again

A source may want its AA of original mode only once records were made: then the reply waits for the result. In enhanced
mode MSH-15 says whether there is a reply at all. Where a failure to store couldn't be told, storing is tried until it
succeeds; the transport meanwhile holds the connection back.

Nothing here waits: the journal resolves its futures in batches (group commit) and each resolution makes one reply.
Source: HL7 v2.5.1 sections 2.9.2 and 2.9.3.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from oracle.hl7.ack import Header, header_to_bytes, refuse, salvage_header
from oracle.hl7.errors import BusyError, Condition, HL7Error, location_of
from oracle.hl7.modes import When
from oracle.hl7.texts import Language
from oracle.intake.ports import Journal, Peer, Result, Results, Taken
from oracle.intake.receive import Received, Verdict, receive, reply_to
from oracle.sources import DueAt, Source

_AGAIN_SECONDS = 0.25

Answer = asyncio.Future[Any]


class Reception:
    """A `Taker` over a journal. `source_of` gives the source behind a peer; None: nothing but the standard's rules.

    `keep_refused` gets each message refused without being stored, for a person to look at; `expect_reply` each stored
    message's name and peer when an application acknowledgment is owed. Neither may raise. `results` is needed when a
    source's original mode is answered once processed. `verdicts` counts what was decided, by verdict name.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        now: Callable[[], datetime],
        next_control_id: Callable[[], str],
        source_of: Callable[[Peer], Source | None] = lambda _: None,
        keep_refused: Callable[[Received, Peer], None] = lambda _received, _peer: None,
        expect_reply: Callable[[bytes, Peer], None] = lambda _name, _peer: None,
        results: Results | None = None,
    ) -> None:
        self._journal = journal
        self._now = now
        self._next_control_id = next_control_id
        self._source_of = source_of
        self._keep_refused = keep_refused
        self._expect_reply = expect_reply
        self._results = results
        self.verdicts: Counter[str] = Counter()

    def receive(self, raw: bytes, peer: Peer) -> asyncio.Future[bytes]:
        """Judge and store one message; the future gives its reply."""
        return self._begin(raw, peer, whole=False)

    def take(self, raw: bytes, peer: Peer) -> asyncio.Future[Taken]:
        """Judge and store one message; the future gives its reply and what became of it."""
        return self._begin(raw, peer, whole=True)

    def refuse(self, head: bytes, peer: Peer, error: HL7Error) -> bytes:
        """Reply to bytes a transport refused by itself."""
        self.verdicts["transport"] += 1
        source = self._source_of(peer)
        header = salvage_header(head, source.charset if source else None)
        return self._refusal(header, error, source)

    def _begin(self, raw: bytes, peer: Peer, *, whole: bool) -> Answer:
        source = self._source_of(peer)
        received = receive(raw, source.charset if source else None, source)
        self.verdicts[received.verdict.value] += 1
        answer: Answer = asyncio.get_running_loop().create_future()
        if not received.verdict.stored:
            self._keep_refused(received, peer)
            _give(answer, self._reply(received, source), whole=whole)
            return answer
        if received.header.asked.enhanced and _owes(received.header, peer, source):
            received = replace(received, owed=header_to_bytes(received.header), transport=peer.transport)
        self._store(received, peer, source, answer, whole)
        return answer

    def _store(self, received: Received, peer: Peer, source: Source | None, answer: Answer, whole: bool) -> None:
        try:
            stored = self._journal.append(received, peer)
        except HL7Error as error:
            self._failed(received, peer, source, answer, whole, error)
            return
        stored.add_done_callback(partial(self._stored, received, peer, source, answer, whole))

    def _stored(
        self,
        received: Received,
        peer: Peer,
        source: Source | None,
        answer: Answer,
        whole: bool,
        stored: asyncio.Future[bytes],
    ) -> None:
        if answer.done():
            return
        failure = None if stored.cancelled() else stored.exception()
        if stored.cancelled() or failure is not None:
            error = failure if isinstance(failure, HL7Error) else BusyError("the message could not be stored")
            self._failed(received, peer, source, answer, whole, error)
            return
        name = stored.result()
        owed = bool(received.owed)
        if owed:
            self._expect_reply(name, peer)
        if self._results is not None and _waits(received, source):
            told = partial(self._processed, received, name, source, answer, whole)
            self._results.of(name).add_done_callback(told)
            return
        _give(answer, self._reply(received, source), name, owed=owed, whole=whole)

    def _processed(
        self,
        received: Received,
        name: bytes,
        source: Source | None,
        answer: Answer,
        whole: bool,
        told: asyncio.Future[Result | None],
    ) -> None:
        if answer.done():
            return
        result = None if told.cancelled() else told.result()
        if result is None:
            later = BusyError("the message is stored but not processed yet: send it again")
            _give(answer, self._refusal(received.header, later, source), name, busy=True, whole=whole)
        elif result.success:
            _give(answer, self._reply(received, source), name, whole=whole)
        else:
            _give(answer, self._refusal(received.header, error_of(result), source), name, whole=whole)

    def _failed(
        self, received: Received, peer: Peer, source: Source | None, answer: Answer, whole: bool, error: HL7Error
    ) -> None:
        asked = received.header.asked
        if asked.enhanced and not asked.accept.wants(success=False):
            again = partial(self._again, received, peer, source, answer, whole)
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, again)
            return
        self.verdicts["not stored"] += 1
        _give(answer, self._refusal(received.header, error, source), busy=True, whole=whole)

    def _again(self, received: Received, peer: Peer, source: Source | None, answer: Answer, whole: bool) -> None:
        if not answer.done():
            self._store(received, peer, source, answer, whole)

    def _reply(self, received: Received, source: Source | None) -> bytes:
        asked = received.header.asked
        success = received.error is None or received.verdict.stored
        if asked.enhanced and not asked.accept.wants(success=success):
            return b""
        return reply_to(received, now=self._now(), control_id=self._next_control_id(), language=_language(source))

    def _refusal(self, header: Header, error: HL7Error, source: Source | None) -> bytes:
        asked = header.asked
        if asked.enhanced and not asked.accept.wants(success=False):
            return b""
        return refuse(header, error, now=self._now(), control_id=self._next_control_id(), language=_language(source))


def error_of(result: Result) -> HL7Error:
    """The error that says why no record was made of a stored message. Its text is its condition's."""
    try:
        condition = Condition(result.code)
    except ValueError:
        condition = Condition.INTERNAL
    return HL7Error(_WAITS_FOR_A_PERSON, location_of(result.location), condition=condition)


_WAITS_FOR_A_PERSON = "no record could be made of this message; it is kept for a person to look at"


def _owes(header: Header, peer: Peer, source: Source | None) -> bool:
    """Whether an application acknowledgment is owed; a file has no way back but a second connection."""
    if header.asked.application is When.NEVER or source is None:
        return False
    return peer.transport != "file" or source.acknowledgement.reply_to is not None


def _waits(received: Received, source: Source | None) -> bool:
    """Whether the reply waits until the message is processed."""
    if source is None or received.verdict is not Verdict.ACCEPT or received.header.asked.enhanced:
        return False
    return source.acknowledgement.original is DueAt.PROCESSED


def _language(source: Source | None) -> Language:
    return source.language if source is not None else Language.ENGLISH


def _give(
    answer: Answer, reply: bytes, name: bytes = b"", *, busy: bool = False, owed: bool = False, whole: bool
) -> None:
    """Finish an answer: the reply alone, which most transports want, or all there is to know."""
    answer.set_result(Taken(reply, name, busy, owed) if whole else reply)
