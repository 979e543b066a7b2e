"""What a person does with messages: look at those that wait, try again, discard; have finished ones processed again.

    quarantined, failed ── release ──► pending ──► done, or back with what is wrong now
    quarantined, failed ── discard ──► discarded ── release (by key) ──► pending
    done ── reprocess ──► pending ──► done        what says nothing new makes no version; records are folded as always

Each needs the database and the site key only, and leaves a row in the operators' log; a running oracle sees what was
changed within its poll.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oracle.audit import Auditing
from oracle.journal import open_raw
from oracle.ports import MessageStore, OperationStore
from oracle.sitekey import SiteKey
from salus.core.errors import InputError
from salus.core.journal import StoredMessage
from salus.core.operations import Deed, Selection

MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A kept message with the bytes it came in: content, for the eyes of the source's own staff."""

    message: StoredMessage
    raw: bytes


class Quarantine:
    """`actor` is who does it: an operator's address, or `os:` and the account on this machine."""

    def __init__(self, messages: MessageStore, operations: OperationStore, site: SiteKey, auditing: Auditing) -> None:
        self._messages = messages
        self._operations = operations
        self._site = site
        self._auditing = auditing

    def list(self, after: int = 0, limit: int = 100) -> list[StoredMessage]:
        """Waiting messages after a key, in order of arrival: codes and places, no content."""
        return self._messages.quarantine(after, limit)

    def show(self, key: int, actor: str, reason: str = "") -> ShownMessage:
        """One message with its bytes; that it was looked at is logged before it is shown.

        Raises:
            NotFoundError: no such message, or its bytes are erased.
            IntegrityError: another site key, or damage.
        """
        order = self._auditing.order(actor, Deed.SHOW, reason)
        sealed = self._messages.sealed(key)
        self._operations.note(key, order)
        self._auditing.tell(order, [key])
        return ShownMessage(self._messages.message(key), open_raw(self._site, sealed))

    def release(self, selection: Selection, actor: str, reason: str = "") -> Sequence[int]:
        """Put messages back in the queue, 1000 at most; their keys. Each keeps its place in the order of arrival.

        Raises:
            NotFoundError: no such message.
            ConflictError: one isn't in quarantine, or its bytes are erased.
        """
        order = self._auditing.order(actor, Deed.RELEASE, reason)
        keys = self._operations.release(selection, order, MOST_AT_ONCE)
        self._auditing.tell(order, keys)
        return keys

    def discard(self, selection: Selection, actor: str, reason: str) -> Sequence[int]:
        """Decide that nothing comes of messages, 1000 at most; their keys. Their bytes stay for the time of retention.

        Raises:
            InputError: no reason is given.
            NotFoundError: no such message.
            ConflictError: one isn't in quarantine.
        """
        if not reason.strip():
            raise InputError("say why nothing is to come of it")
        order = self._auditing.order(actor, Deed.DISCARD, reason)
        keys = self._operations.discard(selection, order, MOST_AT_ONCE)
        self._auditing.tell(order, keys)
        return keys

    def reprocess(self, selection: Selection, actor: str, reason: str = "") -> Sequence[int]:
        """Have finished messages processed again by the rules of now, 1000 at most; their keys, oldest first.

        Raises:
            NotFoundError: no such message.
            ConflictError: one isn't finished, is a duplicate, or its bytes are erased.
        """
        order = self._auditing.order(actor, Deed.REPROCESS, reason)
        keys = self._operations.reprocess(selection, order, MOST_AT_ONCE)
        self._auditing.tell(order, keys)
        return keys
