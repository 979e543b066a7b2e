"""Link: what a source says about its patients' numbers (merges, links, and their undoing) gets on chain, in its order.

A subject that its patient has claimed is linked with the patient's signature only (`oracle.agreements`), and parted
with that of either side's; until then the link waits and says so, and so does what comes after it for the same
subjects. Consents never move with a link: the records stay with the number they are filed under.
Source: docs/protocol.md section 4; HL7 v2.9 section 3.6.2 (merge).
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
from salus.flows.link import LinkWords, sides_of

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
        call = self._linking(one) if one.kind is LinkKind.LINK else self._parting(one)
        if call is None:
            self._wait(one, "a patient's signature is needed")
            return False
        try:
            receipt = self._writer.send(call)
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

    def _linking(self, one: OpenLink) -> ContractCall | None:
        """Agreed to by all controllers there are, in the same words; None while one is missing or out of date."""
        head, now = self._chain.head(), self._clock.now()
        subject, survivor = sides_of(one)
        states = {side: self._chain.subject(side, head) for side in (subject, survivor)}
        claimed = [side for side, state in states.items() if state.controller != ZERO_ADDRESS]
        nonce = states[subject].nonce
        given = {kept.subject: kept for kept in self._links.signatures(one.key) if kept.nonce == nonce}
        deadlines = {given[side].deadline for side in claimed if side in given}
        if any(side not in given for side in claimed) or len(deadlines) > 1 or min(deadlines, default=now + 1) <= now:
            return None
        words = LinkWords(subject, survivor, nonce, deadlines.pop() if deadlines else now + DEADLINE_SECONDS)
        seeds = (seed_of(self._site, one.subject), seed_of(self._site, one.survivor))
        both = tuple(given[side].signature if side in claimed else b"" for side in states)
        return ContractCall("SubjectRegistry", "link", (words.members, seeds, both))

    def _parting(self, one: OpenLink) -> ContractCall | None:
        """Agreed to by either side, or by nobody if the merged subject is unclaimed; None while it is not."""
        head, now = self._chain.head(), self._clock.now()
        subject, survivor = sides_of(one)
        state = self._chain.subject(subject, head)
        if state.controller == ZERO_ADDRESS:
            words = LinkWords(subject, survivor, state.nonce, now + DEADLINE_SECONDS, subject)
            return ContractCall("SubjectRegistry", "unlink", (words.members, b""))
        for kept in self._links.signatures(one.key):
            if kept.deadline > now and kept.nonce == self._chain.subject(kept.subject, head).nonce:
                words = LinkWords(subject, survivor, kept.nonce, kept.deadline, kept.subject)
                return ContractCall("SubjectRegistry", "unlink", (words.members, kept.signature))
        return None

    def _wait(self, one: OpenLink, reason: str) -> None:
        if one.key not in self._again_at:
            _log.warning("link waits", link=one.key, reason=reason)
        self._again_at[one.key] = self._monotonic() + AGAIN_SECONDS
