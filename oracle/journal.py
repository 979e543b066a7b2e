"""The journal: group commit of what was received. Durable first, then answer.

    append ─► waiting ─┐
    append ─► waiting ─┼─► one transaction, flushed to disk ─► all futures done ─► replies
    append ─► waiting ─┘         (meanwhile the next group gathers)

A future is done when its message is durable, also when the same bytes were before (a replay stores nothing). Rows hold
keyed hashes and sealed bytes only. What an application acknowledgment will need is stored in the same transaction.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Condition, Thread
from time import monotonic, sleep

from oracle.ports import Incoming, MessageStore, Origin
from oracle.sitekey import RAW, SiteKey
from salus.core.errors import UnavailableError
from salus.core.journal import (
    NO_FAULT,
    Appended,
    Fault,
    JournalRow,
    MessageFlag,
    MessageState,
    SealedMessage,
    Sender,
)
from salus.core.numbering import Numbered
from salus.core.ports import Clock


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """Rows in one transaction, how much may wait for the disk before more is turned away, and for how long a database
    that is away is waited for before senders are told to try again."""

    patience_seconds: float = 10.0
    group: int = 512
    waiting: int = 20_000
    waiting_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GroupResult:
    """One group commit: what each message came to."""

    results: tuple[Appended, ...]


@dataclass(frozen=True, slots=True)
class _Waiting:
    received: Incoming
    listener: str
    future: asyncio.Future[bytes]


class Journal:
    """Stores received messages in groups; satisfies the journal port of `oracle.intake`.

    `on_group` is called after each commit, in the thread that made it. `start` begins the writer thread; without it
    `commit_group` does one group in the caller's thread. `number_of` gives a sender's counter and its number for a
    message, where its source is counted. `heard` is when each source's last durable message came, since the start.
    """

    def __init__(
        self,
        store: MessageStore,
        site: SiteKey,
        clock: Clock,
        *,
        limits: JournalLimits = JournalLimits(),
        on_group: Callable[[GroupResult], None] = lambda _: None,
        number_of: Callable[[str, Incoming], tuple[str, int] | None] = lambda _listener, _received: None,
    ) -> None:
        self._store = store
        self._site = site
        self._clock = clock
        self._limits = limits
        self.on_group = on_group
        self._number_of = number_of
        self._senders: dict[tuple[str, str, str], Sender] = {}
        self.heard: dict[str, int] = {}
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._changed = Condition()
        self._stopping = False
        self._thread: Thread | None = None

    def append(self, received: Incoming, peer: Origin) -> asyncio.Future[bytes]:
        """Store one message; call it on an event loop. The future gives the message's name (see `name_of`).

        The future fails with UnavailableError when too much waits.
        """
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        with self._changed:
            full = len(self._waiting) >= self._limits.waiting or self._waiting_bytes > self._limits.waiting_bytes
            if full or self._stopping:
                future.set_exception(UnavailableError("the journal can take no more now"))
                return future
            self._waiting.append(_Waiting(received, peer.listener, future))
            self._waiting_bytes += len(received.raw)
            self._changed.notify()
        return future

    def start(self) -> None:
        """Begin the writer thread."""
        self._thread = Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Store what waits, then end the writer thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def commit_group(self) -> int:
        """Store one group of what waits; returns its size. Its futures get the error if storing fails."""
        with self._changed:
            group = [self._waiting.popleft() for _ in range(min(self._limits.group, len(self._waiting)))]
            self._waiting_bytes -= sum(len(one.received.raw) for one in group)
        if not group:
            return 0
        failure: Exception | None = None
        names: list[bytes] = []
        try:
            rows = [self._row(one) for one in group]
            names = [name_of(row.message_hash, row.raw_hash) for row in rows]
            results = self._stored(rows)
        except Exception as error:  # noqa: BLE001 - whatever failed, these messages are not durable and their senders must know
            failure = error
        _resolve(group, names, failure)
        if failure is None:
            self.heard.update((row.listener, row.received_at) for row in rows)
            self.on_group(GroupResult(tuple(results)))
        return len(group)

    def _stored(self, rows: Sequence[JournalRow]) -> list[Appended]:
        """Store a group, again and again while the database is away: what was stored without an answer is a replay."""
        until = monotonic() + self._limits.patience_seconds
        while True:
            try:
                return self._store.append(rows, partial(self._site.forget_rows, RAW))
            except UnavailableError:
                if monotonic() >= until:
                    raise
                sleep(_AGAIN_SECONDS)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping and not self._waiting:
                    return
            self.commit_group()

    def _row(self, waiting: _Waiting) -> JournalRow:
        received, site, now = waiting.received, self._site, self._clock.now()
        message_hash = message_name(site, waiting.listener, received.message_key)
        raw_hash = site.digest("raw", received.sha256)
        flags, state, fault = MessageFlag(0), MessageState.PENDING, NO_FAULT
        if received.charset_mismatch:
            flags |= MessageFlag.CHARSET_MISMATCH
        if received.error is not None:
            flags |= MessageFlag.REFUSED
            state, fault = MessageState.QUARANTINED, Fault(int(received.error.condition), str(received.error.location))
        return JournalRow(
            listener=waiting.listener,
            message_hash=message_hash,
            raw_hash=raw_hash,
            content_hash=site.digest("content", waiting.listener, received.content_hash),
            kind=received.message_type,
            received_at=now,
            state=state,
            flags=flags,
            fault=fault,
            sealed=seal_raw(site, message_hash, raw_hash, received.raw, now),
            owed=site.seal(_OWED, message_hash + raw_hash, received.owed) if received.owed else b"",
            transport=received.transport,
            numbered=self._numbered(waiting),
            sender=self._sender(waiting),
        )

    def _sender(self, waiting: _Waiting) -> Sender | None:
        application, facility, control_id = waiting.received.message_key
        name = (waiting.listener, application, facility)
        known = self._senders.get(name)
        if known is None and control_id and len(application) + len(facility) <= _SENDER_CHARACTERS:
            if len(self._senders) >= _MOST_SENDERS:
                self._senders.clear()
            name_hash = self._site.digest("sender", *name)
            sealed = self._site.seal(_SENDER, name_hash, f"{application}\0{facility}".encode())
            known = self._senders[name] = Sender(waiting.listener, name_hash, sealed)
        return known

    def _numbered(self, waiting: _Waiting) -> Numbered | None:
        counted = self._number_of(waiting.listener, waiting.received)
        if counted is None:
            return None
        counter, number = counted
        application, facility, _ = waiting.received.message_key
        return Numbered(self._site.digest("series", waiting.listener, application, facility, counter), number)


def name_of(message_hash: bytes, raw_hash: bytes) -> bytes:
    """By what a message is known outside the journal: its two keyed hashes, 64 bytes that nobody can guess."""
    return message_hash + raw_hash


def open_owed(site: SiteKey, name: bytes, sealed: bytes) -> bytes:
    """What an application acknowledgment needs of its message, as it was given.

    Raises:
        IntegrityError: another site key, or damage.
    """
    return site.open(_OWED, name, sealed)


def message_name(site: SiteKey, listener: str, message_key: tuple[str, str, str]) -> bytes:
    """Keyed hash by which a message of a source is found: of MSH-3, MSH-4 and MSH-10 as sent."""
    return site.digest("message", listener, *message_key)


def open_sender(site: SiteKey, sender: Sender) -> tuple[str, str]:
    """MSH-3 and MSH-4 of a sender.

    Raises:
        IntegrityError: another site key, or damage.
    """
    application, _, facility = site.open(_SENDER, sender.name_hash, sender.sealed).decode().partition("\0")
    return application, facility


_AGAIN_SECONDS = 0.1
_OWED = "owed"
_SENDER = "sender"
_SENDER_CHARACTERS = 454  # two fields of type HD, 227 each (HL7 v2.5.1 section 2.A.33)
_MOST_SENDERS = 10_000


def seal_raw(site: SiteKey, message_hash: bytes, raw_hash: bytes, raw: bytes, received_at: int) -> bytes:
    """Bytes of a message as they rest in the journal."""
    return site.seal_row(RAW, message_hash + raw_hash, raw, received_at)


def open_raw(site: SiteKey, message: SealedMessage) -> bytes:
    """Bytes of a message as they were received.

    Raises:
        IntegrityError: another site key, or damage.
    """
    return site.open_row(RAW, message.message_hash + message.raw_hash, message.sealed)


def _resolve(group: list[_Waiting], names: list[bytes], failure: Exception | None) -> None:
    """Finish futures, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[bytes], bytes]]] = {}
    for place, one in enumerate(group):
        name = names[place] if failure is None else b""
        by_loop.setdefault(one.future.get_loop(), []).append((one.future, name))
    for loop, futures in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_finish, futures, failure)


def _finish(futures: list[tuple[asyncio.Future[bytes], bytes]], failure: Exception | None) -> None:
    for future, name in futures:
        if future.done():
            continue
        if failure is None:
            future.set_result(name)
        else:
            future.set_exception(failure)
