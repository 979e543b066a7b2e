"""Keys that no share rests under any more: destroyed, so that no older copy of the database opens what comes later.

A destruction takes away the keys that the rows of a record name. Where the database was restored, repaired or begun
anew, what came back rests under new keys, and a copy of before holds the same shares under the old ones, which no row
names: destroyed records would open from it. Once everything is here again, those keys have no use and are destroyed.
Source: DESIGN section 4, Destruction; docs/decisions/0023.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from custodian.audit import Audit, Progress, audit
from custodian.log import unnamed_forgotten
from custodian.rules import Custodian
from custodian.wrap import number_of
from salus.core.errors import ConflictError, IntegrityError


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Periods that were gone through, and how many shares' keys stay."""

    periods: int
    kept: int


def forget_unnamed(custodian: Custodian, tell: Progress = lambda _: None, *, anyway: bool = False) -> Forgotten:
    """Destroy every key that was given out and that no share here rests under.

    `anyway`: though not everything is here. What is missing then comes back by repair alone, from no older copy.

    Raises:
        ConflictError: the custodian runs, or not all that should be here is.
        UnavailableError: the node is away.
    """
    if not anyway and not (found := audit(custodian, tell)).is_whole:
        raise ConflictError(
            f"{_lacking(found)} of the shares that should be here are not, or don't open: older copies may be needed "
            "still; see `audit` and `repair`",
            advice="`salus custodian audit` says what is missing, `repair` gets it from the others (not what is half, "
            "of level 5); --anyway if no older copy has it.",
        )
    kept, periods = set[tuple[str, int]](), custodian.keys.periods()
    for period in periods:
        # Rows are read while nobody gives out keys: what a service that came and went deposited is among them.
        custodian.keys.keep_only(period, _named(custodian, period, kept))
    custodian.store.append(unnamed_forgotten(len(periods), len(kept)), custodian.clock.now())
    return Forgotten(len(periods), len(kept))


def _named(custodian: Custodian, period: str, kept: set[tuple[str, int]]) -> Iterator[int]:
    for wrapped in custodian.store.wrapped_in(period):
        try:
            number = number_of(wrapped)
        except IntegrityError:
            continue  # it opens by no key; its own is among those that nobody names
        kept.add((period, number))
        yield number


def _lacking(found: Audit) -> int:
    return sum(
        one.damaged + one.keyless + one.missing + one.half + len(one.absent) + len(one.altered)
        for one in found.sources.values()
    )
