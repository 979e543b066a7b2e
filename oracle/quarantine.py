"""Quarantine: messages that wait for a person. List them, look at one, drive one again after mending what was wrong."""

from __future__ import annotations

from dataclasses import dataclass

from oracle.journal import open_raw
from oracle.ports import MessageStore
from oracle.sitekey import SiteKey
from salus.core.journal import StoredMessage


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A kept message with the bytes it came in: content, for the eyes of the source's own staff."""

    message: StoredMessage
    raw: bytes


class Quarantine:
    """Needs the database and the site key only; a running oracle sees what was driven again within its poll."""

    def __init__(self, messages: MessageStore, site: SiteKey) -> None:
        self._messages = messages
        self._site = site

    def list(self, after: int = 0, limit: int = 100) -> list[StoredMessage]:
        """Waiting messages after a key, in order of arrival: codes and places, no content."""
        return self._messages.quarantine(after, limit)

    def show(self, key: int) -> ShownMessage:
        """One message with its bytes.

        Raises:
            NotFoundError: no such message, or its bytes are erased.
            IntegrityError: another site key, or damage.
        """
        return ShownMessage(self._messages.message(key), open_raw(self._site, self._messages.sealed(key)))

    def redrive(self, key: int) -> None:
        """Put a message back in the queue.

        Raises:
            NotFoundError: no such message.
            ConflictError: it isn't in quarantine.
        """
        self._messages.redrive(key)
