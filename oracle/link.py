"""Link: what a source says about its patients' numbers (merges, links, and their undoing) gets on chain, in its order.

A subject that its patient has claimed is linked with the patient's signature only (`oracle.agreements`); until then the
link waits and says so, and so does what comes after it for the same subjects. Consents never move with a link: the
records stay with the number they are filed under. Source: docs/protocol.md section 4; HL7 v2.9 section 3.6.2 (merge).
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from oracle.ports import Links
from oracle.sitekey import SiteKey
from oracle.subjects import seed_of
from salus.core.errors import ChainRevert
from salus.core.ids import ZERO32, ZERO_ADDRESS, SubjectRef
from salus.core.journal import LinkKind, OpenLink
from salus.core.ports import ChainReader, ChainWriter, Clock, ContractCall
from salus.core.state import BlockStamp
from salus.flows.link import signers_of

MOST = 32
DEADLINE_SECONDS = 3600
AGAIN_SECONDS = 10.0

_log = structlog.get_logger()


class Linking:
    """Brings links of one source's subjects to the chain. `monotonic` gives seconds, for pauses after a refusal."""

    def __init__(
        self,
        links: Links,
        chain: ChainReader,
        writer: ChainWriter,
        site: SiteKey,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._links = links
        self._chain = chain
        self._writer = writer
        self._site = site
        self._clock = clock
        self._monotonic = monotonic
        self._again_at: dict[int, float] = {}

    def link(self) -> int:
        """Do what can be done now, oldest first; how many links became final. At most `MOST` are tried.

        Links that wait are passed over, however many: only what comes after one for the same subjects waits with it.

        Raises:
            UnavailableError: the node is away.
        """
        done = tried = 0
        held: set[SubjectRef] = set()
        for one in self._links.open(MOST):
            both = {one.subject.subject, one.survivor.subject}
            if held & both or self._again_at.get(one.key, 0.0) > self._monotonic():
                held |= both
                continue
            tried += 1
            if self._do(one):
                done += 1
            else:
                held |= both
            if tried >= MOST:
                break
        return done

    def _do(self, one: OpenLink) -> bool:
        """Whether the chain shows it at a final block, after sending it if it doesn't at the head."""
        final = self._chain.final()
        if self._shows(one, final):
            self._links.done(one.key, b"", self._clock.now())
            return True
        if self._shows(one, self._chain.head()):
            return False
        agreed = self._agreed(one)
        if agreed is None:
            self._wait(one, "a patient's signature is needed")
            return False
        try:
            receipt = self._writer.send(self._call(one, *agreed))
        except ChainRevert as error:
            self._wait(one, error.error)
            return False
        if not self._shows(one, self._chain.final()):
            return False
        self._links.done(one.key, receipt.tx_hash, self._clock.now())
        return True

    def _shows(self, one: OpenLink, at: BlockStamp) -> bool:
        survivor = self._chain.subject(one.subject.subject, at).survivor
        return survivor == (one.survivor.subject if one.kind is LinkKind.LINK else ZERO32)

    def _agreed(self, one: OpenLink) -> tuple[int, dict[SubjectRef, bytes]] | None:
        """Deadline and signatures of the controllers there are; None while one is missing or out of date."""
        head, now = self._chain.head(), self._clock.now()
        claimed = [
            subject for subject in signers_of(one) if self._chain.subject(subject, head).controller != ZERO_ADDRESS
        ]
        if not claimed:
            return now + DEADLINE_SECONDS, {}
        nonce = self._chain.subject(one.subject.subject, head).nonce
        given = {kept.subject: kept for kept in self._links.signatures(one.key) if kept.nonce == nonce}
        deadlines = {given[subject].deadline for subject in claimed if subject in given}
        if any(subject not in given for subject in claimed) or len(deadlines) != 1 or min(deadlines) <= now:
            return None
        return deadlines.pop(), {subject: given[subject].signature for subject in claimed}

    def _call(self, one: OpenLink, deadline: int, signed: dict[SubjectRef, bytes]) -> ContractCall:
        subject, survivor = one.subject.subject, one.survivor.subject
        nonce = self._chain.subject(subject, self._chain.head()).nonce
        if one.kind is LinkKind.UNLINK:
            return ContractCall(
                "SubjectRegistry", "unlink", ((subject, ZERO32, nonce, deadline), signed.get(subject, b""))
            )
        seeds = (seed_of(self._site, one.subject), seed_of(self._site, one.survivor))
        both = (signed.get(subject, b""), signed.get(survivor, b""))
        return ContractCall("SubjectRegistry", "link", ((subject, survivor, nonce, deadline), seeds, both))

    def _wait(self, one: OpenLink, reason: str) -> None:
        if one.key not in self._again_at:
            _log.warning("link waits", link=one.key, reason=reason)
        self._again_at[one.key] = self._monotonic() + AGAIN_SECONDS
