"""The log of what operators did with messages: who, when, what, why; and whether it is still whole.

Each row carries a keyed hash of itself and of the row before, and the journal keeps one of the last row; all are under
the site key. Reasons are a person's words and rest sealed. Source: NIST SP 800-92 section 4 (integrity of logs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from oracle.ports import OperationStore
from oracle.sitekey import SiteKey
from salus.core.errors import InputError, IntegrityError
from salus.core.operations import ACTOR_CHARACTERS, FIRST_LINK, AuditRow, Deed, Order
from salus.core.ports import Clock

REASON_CHARACTERS = 400
_PAGE = 1000
_PURPOSE = "audit reason"

_log = structlog.get_logger()


class Seal:
    """The keyed hashes of the log; an `AuditSeal`."""

    def __init__(self, site: SiteKey) -> None:
        self._site = site

    def link(self, before: bytes, number: int, order: Order, message: int) -> bytes:
        """Link of a row: over the link before it and all that the row says."""
        numbers = (value.to_bytes(8, "big") for value in (number, order.at, message))
        return self._site.digest("audit", before, *numbers, order.actor, order.deed.value, order.reason)

    def head(self, number: int, link: bytes) -> bytes:
        """Keyed hash that tells the last row."""
        return self._site.digest("audit head", number.to_bytes(8, "big"), link)


@dataclass(frozen=True, slots=True)
class AuditedDeed:
    """One row of the log, its reason opened."""

    number: int
    at: int
    actor: str
    deed: Deed
    message: int
    reason: str
    link: bytes


@dataclass(frozen=True, slots=True)
class Wholeness:
    """Whether the log is whole: rows looked at, and the first thing found wrong ("" for nothing)."""

    rows: int
    wrong: str = ""


class Auditing:
    """Makes the orders that are logged, reads the log, and checks it."""

    def __init__(self, store: OperationStore, site: SiteKey, clock: Clock) -> None:
        self._store = store
        self._site = site
        self._clock = clock
        self._seal = Seal(site)

    def order(self, actor: str, deed: Deed, reason: str = "") -> Order:
        """Who does what, now.

        Raises:
            InputError: the reason is longer than 400 characters, or nobody is named.
        """
        if not actor or len(actor) > ACTOR_CHARACTERS:
            raise InputError(f"who does it is named in 1 to {ACTOR_CHARACTERS} characters")
        if len(reason) > REASON_CHARACTERS:
            raise InputError(f"a reason has at most {REASON_CHARACTERS} characters")
        sealed = self._site.seal(_PURPOSE, b"", reason.encode()) if reason else b""
        return Order(self._clock.now(), actor, deed, sealed)

    def tell(self, order: Order, keys: Sequence[int]) -> None:
        """A line in the oracle's own log beside the row: a second witness, on another disk if logs are shipped."""
        if not structlog.is_configured():  # no service: a command, whose output is its answer
            return
        last, head = self._store.audit_head()
        _log.info(
            "operator", actor=order.actor, deed=order.deed.value, messages=len(keys), number=last, head=head.hex()
        )

    def rows(self, after: int = 0, limit: int = 100) -> list[AuditedDeed]:
        """Rows after a number, in order.

        Raises:
            IntegrityError: a reason doesn't open: another site key, or damage.
        """
        return [self._opened(row) for row in self._store.audit(after, limit)]

    def check(self) -> Wholeness:
        """Recompute every link and the head."""
        number, link = 0, FIRST_LINK
        for row in self._all():
            if row.number != number + 1:
                return Wholeness(number, f"row {number + 1} is missing")
            link = self._seal.link(link, row.number, Order(row.at, row.actor, row.deed, row.reason), row.message)
            if link != row.link:
                return Wholeness(number, f"row {row.number} or one before it is not as it was written")
            number = row.number
        if self._store.audit_head() != ((number, self._seal.head(number, link)) if number else (0, b"")):
            return Wholeness(number, f"rows after row {number} are missing, or the mark of the last row is damaged")
        return Wholeness(number)

    def _all(self) -> Iterator[AuditRow]:
        after = 0
        while listed := self._store.audit(after, _PAGE):
            yield from listed
            after = listed[-1].number

    def _opened(self, row: AuditRow) -> AuditedDeed:
        try:
            reason = self._site.open(_PURPOSE, b"", row.reason).decode() if row.reason else ""
        except IntegrityError as error:
            raise IntegrityError(f"the reason in row {row.number} does not open") from error
        return AuditedDeed(row.number, row.at, row.actor, row.deed, row.message, reason, row.link)
