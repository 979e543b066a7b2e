"""Agreements: a patient who has claimed a number signs its merge with another one, or the undoing of it.

Both patients of a link sign the same words: the first to be asked sets the deadline, and once it is near or the nonce
has moved on, everybody is asked anew. Nobody learns of a link but the controllers of its two subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog

from oracle.ports import Links
from salus.core import signatures
from salus.core.errors import ConflictError, NotFoundError
from salus.core.ids import ZERO32, Address, SubjectRef
from salus.core.journal import LinkKind, LinkSignature, OpenLink
from salus.core.ports import ChainReader, Clock
from salus.flows.link import LINK_TYPE, link_values, signers_of

AGREEMENT_SECONDS = 7 * 86_400
NEAR_SECONDS = 3600
MOST = 1000

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Agreement:
    """One link that waits for a controller; `survivor` is 32 zero bytes for an unlinking."""

    key: int
    subject: SubjectRef
    survivor: SubjectRef
    nonce: int
    deadline: int
    typed_data: dict[str, Any]


class Agreements:
    """Shows controllers the links that wait for them, and takes their signatures."""

    def __init__(self, links: Links, chain: ChainReader, clock: Clock) -> None:
        self._links = links
        self._chain = chain
        self._clock = clock

    def waiting(self, controller: Address) -> list[Agreement]:
        """Links that wait for this controller's signature, oldest first, of the first `MOST` that wait at all."""
        return [
            self._agreement(one)
            for one in islice(self._links.open(MOST), MOST)
            if any(self._controller(subject) == controller for subject in signers_of(one))
        ]

    def sign(self, key: int, controller: Address, deadline: int, signature: bytes) -> None:
        """Keep a controller's signature of a waiting link; again is fine.

        Raises:
            NotFoundError: no such link waits for this controller.
            ConflictError: the words have changed since: ask again.
            SignatureError: not signed by the controller.
        """
        one = next((one for one in self._links.open(MOST) if one.key == key), None)
        sides = [] if one is None else [side for side in signers_of(one) if self._controller(side) == controller]
        if one is None or not sides:
            raise NotFoundError("no such link waits for this account")
        asked = self._agreement(one)
        if deadline != asked.deadline:
            raise ConflictError("the deadline is another one by now: ask for what is to be signed again")
        digest = LINK_TYPE.digest(self._chain.domain("SubjectRegistry"), _values(asked))
        signatures.check(digest, signature, controller)
        for side in sides:
            self._links.sign(LinkSignature(key, side, asked.nonce, deadline, signature))
        _log.info("link agreed to", link=key)

    def _agreement(self, one: OpenLink) -> Agreement:
        subject = one.subject.subject
        nonce = self._chain.subject(subject, self._chain.head()).nonce
        given = [kept.deadline for kept in self._links.signatures(one.key) if kept.nonce == nonce]
        now = self._clock.now()
        usable = [deadline for deadline in given if deadline > now + NEAR_SECONDS]
        # whole days, so that the two who are asked on one day are asked for the same
        deadline = usable[0] if usable else (now + AGREEMENT_SECONDS) // 86_400 * 86_400
        survivor = one.survivor.subject if one.kind is LinkKind.LINK else SubjectRef(ZERO32)
        values = link_values(subject, survivor, nonce, deadline)
        typed = LINK_TYPE.typed_data(self._chain.domain("SubjectRegistry"), values)
        return Agreement(one.key, subject, survivor, nonce, deadline, typed)

    def _controller(self, subject: SubjectRef) -> Address:
        return self._chain.subject(subject, self._chain.head()).controller


def _values(asked: Agreement) -> dict[str, Any]:
    return link_values(asked.subject, asked.survivor, asked.nonce, asked.deadline)
