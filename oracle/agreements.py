"""Agreements: a patient who has claimed a number signs its merge with another one, or the undoing of it.

Both patients of a link sign the same words: the first to be asked sets the deadline, and once it is near or the nonce
has moved on, everybody is asked anew. To undo one, each side has words of its own, and those of one side are enough.
Nobody learns of a link but the controllers of its two subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog

from oracle.ports import Links
from salus.core import signatures
from salus.core.errors import ConflictError, NotFoundError
from salus.core.ids import ZERO_ADDRESS, Address, SubjectRef
from salus.core.journal import LinkKind, LinkSignature, OpenLink
from salus.core.ports import ChainReader, Clock
from salus.flows.link import LinkWords, sides_of

AGREEMENT_SECONDS = 7 * 86_400
NEAR_SECONDS = 3600
MOST = 1000

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Agreement:
    """One link, or the undoing of one, that waits for a controller, and what it is asked to sign."""

    key: int
    words: LinkWords
    typed_data: dict[str, Any]


class Agreements:
    """Shows controllers the links that wait for them, and takes their signatures."""

    def __init__(self, links: Links, chain: ChainReader, clock: Clock) -> None:
        self._links = links
        self._chain = chain
        self._clock = clock

    def waiting(self, controller: Address) -> list[Agreement]:
        """Links that wait for this controller's signature, oldest first, of the first `MOST` that wait at all."""
        domain = self._chain.domain("SubjectRegistry")
        asked = {
            one.key: self._words(one, sides[0])
            for one in islice(self._links.open(MOST), MOST)
            if (sides := self._sides(one, controller))
        }
        return [Agreement(key, words, words.typed_data(domain)) for key, words in asked.items()]

    def sign(self, key: int, controller: Address, deadline: int, signature: bytes) -> None:
        """Keep a controller's signature of a waiting link; again is fine.

        Raises:
            NotFoundError: no such link waits for this controller.
            ConflictError: the words have changed since: ask again.
            SignatureError: not signed by the controller.
        """
        one = next((one for one in self._links.open(MOST) if one.key == key), None)
        sides = [] if one is None else self._sides(one, controller)
        if one is None or not sides:
            raise NotFoundError("no such link waits for this account")
        asked = self._words(one, sides[0])
        if deadline != asked.deadline:
            raise ConflictError("the deadline is another one by now: ask for what is to be signed again")
        signatures.check(asked.digest(self._chain.domain("SubjectRegistry")), signature, controller)
        for side in sides if asked.by is None else [asked.by]:
            self._links.sign(LinkSignature(key, side, asked.nonce, deadline, signature))
        _log.info("link agreed to", link=key)

    def _sides(self, one: OpenLink, controller: Address) -> list[SubjectRef]:
        """Subjects of a link for which this controller is asked, the merged one first."""
        claimed = {side: self._controller(side) for side in sides_of(one)}
        if one.kind is LinkKind.UNLINK and claimed[one.subject.subject] == ZERO_ADDRESS:
            return []
        return [side for side, its in claimed.items() if its == controller]

    def _words(self, one: OpenLink, side: SubjectRef) -> LinkWords:
        subject, survivor = sides_of(one)
        by = side if one.kind is LinkKind.UNLINK else None
        nonce = self._chain.subject(by or subject, self._chain.head()).nonce
        kept = [kept for kept in self._links.signatures(one.key) if by in {None, kept.subject} and kept.nonce == nonce]
        now = self._clock.now()
        usable = [given.deadline for given in kept if given.deadline > now + NEAR_SECONDS]
        # whole days, so that the two who are asked on one day are asked for the same
        deadline = usable[0] if usable else (now + AGREEMENT_SECONDS) // 86_400 * 86_400
        return LinkWords(subject, survivor, nonce, deadline, by)

    def _controller(self, subject: SubjectRef) -> Address:
        return self._chain.subject(subject, self._chain.head()).controller
