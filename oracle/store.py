"""Store: envelopes into the content store, durably, before anything refers to them; and out of it again for good.

Bytes whose version was never committed (the oracle died in between) are noise: their key is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from oracle.ports import RecordStore
from oracle.sitekey import RAW, SHARES, SiteKey
from salus.core.errors import ConflictError, IntegrityError, UnavailableError
from salus.core.ids import ParticipantId, RecordId, hex32, order_id
from salus.core.journal import NewVersion
from salus.core.leaf import Leaf
from salus.core.ports import ChainReader, Clock, ContentStore
from salus.core.state import BlockStamp, RecordStatus

_log = structlog.get_logger()


def store_envelopes(content: ContentStore, versions: Sequence[NewVersion], envelopes: Sequence[bytes]) -> None:
    """Store the envelopes of versions.

    Raises:
        IntegrityError: the content store names one otherwise than its leaf does.
        UnavailableError: the content store is away.
    """
    if not envelopes:
        return
    digests = content.put_many(envelopes)
    if digests != [version.leaf.envelope_digest for version in versions]:
        raise IntegrityError("the content store returned other digests than the leaves have")


@dataclass(frozen=True, slots=True)
class Erased:
    """What erasing a record removed: envelopes that were here, and all that are certainly not here any more."""

    removed: int
    envelopes: tuple[bytes, ...]


class Erasing:
    """Carries out destruction at the source's copy: content, journal and shares of a record.

    Nothing is erased while `knows_all` says no: a version nobody here knows would be left.
    """

    def __init__(
        self,
        records: RecordStore,
        content: ContentStore,
        chain: ChainReader,
        clock: Clock,
        site: SiteKey,
        source: ParticipantId,
        knows_all: Callable[[], bool] = lambda: True,
    ) -> None:
        self._records = records
        self._content = content
        self._chain = chain
        self._clock = clock
        self._site = site
        self._source = source
        self._knows_all = knows_all

    def require_all_known(self) -> None:
        """Check that this database knows all that its source has anchored.

        Raises:
            UnavailableError: not yet.
        """
        if not self._knows_all():
            raise UnavailableError("this oracle still learns what it had anchored before its database was restored")

    def erase(self, record_id: RecordId) -> Erased:
        """Erase a record whose destruction is ordered and due, or done. Erasing again is fine.

        A record that was filed under several patients needs an order for each.

        Raises:
            ConflictError: the chain has no order for it that is final and past its cooling-off, a legal hold was set
                since, or custodians have not got a version of it yet.
            UnavailableError: a place of the content store did not answer, or versions may be missing from the database.
        """
        self.require_all_known()
        leaves = self._records.versions(record_id)
        final = self._chain.final()
        if not leaves or not all(self._is_due(leaf, final) for leaf in leaves):
            raise ConflictError("no destruction of this record is due at a final block: order it, or wait")
        if any(self._chain.subject(subject, final).hold for subject in {leaf.subject for leaf in leaves}):
            raise ConflictError("a legal hold keeps this record")
        if self._records.is_under_way(record_id):
            raise ConflictError("a version of this record is on its way to custodians; when it is there, try again")
        digests = tuple(leaf.envelope_digest for leaf in leaves)
        removed = sum(self._content.delete(digest) for digest in digests)
        self._records.erase(record_id, self._clock.now(), self._forget)
        _log.info("record erased", record=hex32(record_id), envelopes=len(digests), removed=removed)
        return Erased(removed, digests)

    def _forget(self, raws: Sequence[bytes], shares: Sequence[bytes]) -> None:
        self._site.forget_rows(RAW, raws)
        self._site.forget_rows(SHARES, shares)

    def _is_due(self, leaf: Leaf, final: BlockStamp) -> bool:
        state = self._chain.record_state(self._source, order_id(leaf.record_id, leaf.subject), final)
        due = state.status is RecordStatus.ORDERED and state.erasable_from <= final.timestamp
        return due or state.status is RecordStatus.DESTROYED
