"""Retention at the source: which records are due, and patients who agree that they end.

| method and path | who | body | answer |
| --- | --- | --- | --- |
| `POST /v1/retention/due` | a controller | signed call, `{subjectRef, withinDays?}` | `{records}` |
| `POST /v1/retention/agree` | a controller | signed call, an `Agreement` | `{agreed}` |
| `POST /v1/retention/list` | own operator | signed call, `{withinDays?}` | `{records, graceDays, sourceId}` |
| `POST /v1/retention/sweep` | own operator | signed call, `{}` | `{filed, dropped, refused, carriedOut, open}` |

A call's verb is `retention.` and the last word of the path.
Times are those of the final block. Nothing here tells content: ids, counts, days.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from oracle.ports import RetentionStore
from salus.core import signatures
from salus.core.days import date_of, day_at
from salus.core.destruction import destruction_digest
from salus.core.errors import ConflictError, NotFoundError
from salus.core.ids import ZERO_ADDRESS, Address, ParticipantId, RecordId, SubjectRef, hex32, order_id
from salus.core.ports import ChainReader
from salus.core.retention import (
    AGREEMENT_SECONDS,
    DAY_SECONDS,
    MIN_YEARS,
    Agreement,
    KeptCopy,
    Retention,
    Standing,
)
from salus.core.state import BlockStamp, SubjectState

MOST = 1000
_PAGE = 500
_DUE = (Standing.DUE, Standing.OVER)
_SHORTEST = MIN_YEARS * 365 * DAY_SECONDS - DAY_SECONDS
"""No retention is shorter, in seconds."""


@dataclass(frozen=True, slots=True)
class Due:
    """A record that is due, or will be in the time asked for; `controller` zero while nobody claimed its subject.

    `as_of` is the final block's time, Unix seconds.
    """

    copy: KeptCopy
    due_at: int
    standing: Standing
    controller: Address
    agreed: bool
    as_of: int

    def to_json(self) -> dict[str, Any]:
        """As it is told to operators and to its controller; `dueFrom` is a civil day in Asia/Shanghai."""
        return {
            "recordId": hex32(self.copy.record_id),
            "subjectRef": hex32(self.copy.subject),
            "version": self.copy.version,
            "custodianSet": self.copy.custodian_set,
            "anchoredAt": self.copy.anchored_at,
            "dueAt": self.due_at,
            "dueFrom": date_of(day_at(self.due_at)).isoformat(),
            "standing": self.standing.value,
            "claimed": self.controller != ZERO_ADDRESS,
            "agreed": self.agreed,
            "asOf": self.as_of,
        }


class RetentionDesk:
    """Says what is due and takes agreements. `grace_days` is how long a due record's patient has to answer."""

    def __init__(self, store: RetentionStore, chain: ChainReader, source: ParticipantId, grace_days: int) -> None:
        self._store = store
        self._chain = chain
        self._source = source
        self.grace_days = grace_days

    def due(self, within_days: int = 0, subject: SubjectRef | None = None, most: int = MOST) -> list[Due]:
        """Records that are due now or within some days, in order of their keys; what is held or ordered is left out."""
        final = self._chain.final()
        horizon = final.timestamp + within_days * DAY_SECONDS
        agreed = {(one.record_id, one.subject) for one in self._store.agreements() if one.deadline > final.timestamp}
        states: dict[SubjectRef, SubjectState] = {}
        found: list[Due] = []
        after = 0
        while len(found) < most:
            page = self._store.kept(horizon - _SHORTEST, after, _PAGE, subject)
            self._chain.prefetch([("subject", (ref,)) for ref in {one.subject for one in page} - states.keys()], final)
            for copy in page:
                state = states.get(copy.subject)
                if state is None:
                    state = states[copy.subject] = self._chain.subject(copy.subject, final)
                kept = Retention(copy.anchored_at, state.retention_years, held=state.hold)
                if kept.due_at > horizon or state.hold:
                    continue
                standing = self._retention(copy, state, final).standing(final.timestamp, self.grace_days)
                if standing in (*_DUE, Standing.KEPT):
                    is_agreed = (copy.record_id, copy.subject) in agreed
                    found.append(Due(copy, kept.due_at, standing, state.controller, is_agreed, final.timestamp))
            if len(page) < _PAGE:
                break
            after = page[-1].key
        return found[:most]

    def due_of(self, controller: Address, subject: SubjectRef, within_days: int = 0) -> list[Due]:
        """The same of one subject, for its controller.

        Raises:
            NotFoundError: the account does not control it; nothing is said of whether it exists.
        """
        self._require_controller(controller, subject)
        return self.due(within_days, subject)

    def agree(self, controller: Address, agreement: Agreement) -> Due:
        """Keep a controller's agreement to the destruction of a due record; the next sweep orders it.

        Raises:
            NotFoundError: the account does not control the subject, or nothing of it is due by this name.
            ConflictError: the deadline has passed, or is more than a month away.
            SignatureError: another account signed, or other words.
        """
        self._require_controller(controller, agreement.subject)
        found = self.find(agreement.record_id, agreement.subject)
        if found is None or found.standing not in _DUE:
            raise NotFoundError("no record of this name and subject is due: ask for the list")
        now = self._chain.final().timestamp
        if not now < agreement.deadline <= now + AGREEMENT_SECONDS + DAY_SECONDS:
            raise ConflictError("the deadline of an agreement is a month from now at most: sign it anew")
        signatures.check(self.digest(agreement), agreement.signature, controller)
        self._store.agree(agreement)
        return found

    def find(self, record_id: RecordId, subject: SubjectRef) -> Due | None:
        """What of a subject is due, or not yet, by a record's name."""
        everything = self.due(5 * 366 + 1, subject, most=sys.maxsize)
        return next((one for one in everything if one.copy.record_id == record_id), None)

    def digest(self, agreement: Agreement) -> bytes:
        """What the controller signs."""
        return destruction_digest(
            self._chain.domain("RecordRegistry"),
            self._source,
            agreement.record_id,
            agreement.subject,
            agreement.custodian_set,
            agreement.deadline,
        )

    def _retention(self, copy: KeptCopy, state: SubjectState, at: BlockStamp) -> Retention:
        order = self._chain.record_state(self._source, order_id(copy.record_id, copy.subject), at)
        return Retention(copy.anchored_at, state.retention_years, held=state.hold, status=order.status)

    def _require_controller(self, account: Address, subject: SubjectRef) -> None:
        state = self._chain.subject(subject, self._chain.head())
        if state.source != self._source or state.controller != account:
            raise NotFoundError("this account controls no such subject of this source")
