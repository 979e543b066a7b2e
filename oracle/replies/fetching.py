"""Application acknowledgments that senders over HTTP fetch by the name they got when they posted the message."""

from __future__ import annotations

from oracle.replies.compose import Composer
from oracle.replies.ports import AckStore
from oracle.sources import Source
from salus.core.errors import InputError, NotFoundError

NAME_BYTES = 64


class Fetching:
    """Finds what was asked for. Fetching again gives the same until it is forgotten, some days later."""

    def __init__(self, store: AckStore, composer: Composer) -> None:
        self._store = store
        self._composer = composer

    def fetch(self, name: str, source: Source) -> bytes | None:
        """The acknowledgment of a message of this source; None when it isn't due yet, b"" when it asked for none.

        Raises:
            InputError: not a name.
            NotFoundError: no acknowledgment of such a message of this source is owed.
        """
        try:
            raw = bytes.fromhex(name)
        except ValueError:
            raw = b""
        if len(raw) != NAME_BYTES:
            raise InputError("the name of a message has 128 hex digits, as in the Location of its answer")
        ack = self._store.find(raw[:32], raw[32:])
        if ack.listener != source.name:
            raise NotFoundError("no acknowledgment of such a message is owed here")
        if not self._composer.is_due(ack, source):
            return None
        composed = self._composer.compose(ack, source)
        self._store.answered([ack.key])
        return b"" if composed is None else composed.message
