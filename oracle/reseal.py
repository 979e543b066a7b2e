"""Reseal: records of an old custodian set are made again, as new versions, for the set the oracle deals to now.

    records of set N ── their messages, some a second ──► pending ──► the running oracle deals what stands anew
                     └─ destroyed, ordered, forgotten, held, different: stay where they are, and are listed

A record that has come to another set is in set N no more: whatever stops this, the next run takes up what is left, and
a run with nothing left does nothing. The old versions stay where they are, on chain and at the old set's custodians.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from oracle.audit import Auditing
from oracle.ports import OperationStore, ResealStore
from salus.core.errors import UnavailableError
from salus.core.ids import RecordId
from salus.core.operations import Deed, Elsewhere

PAGE = 200
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 60.0
_TRIED = 2


class Why(StrEnum):
    """Why a record stays in the old set. `DIFFERENT`: the messages kept no longer say what stands."""

    DESTROYED = "destroyed"
    ORDERED = "ordered"
    FORGOTTEN = "forgotten"
    HELD = "held"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Left:
    """A record that stays in the old set."""

    record_id: RecordId
    why: Why


@dataclass(frozen=True, slots=True)
class Resealed:
    """What a run came to: how many records were in the old set, and those that still are."""

    found: int
    left: tuple[Left, ...]

    @property
    def moved(self) -> int:
        """How many records have a version in another set now."""
        return self.found - len(self.left)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: records looked at, and messages given to the oracle again."""

    looked: int
    messages: int


class Reseal:
    """Beside a running oracle, on its database. `sleep` and `monotonic` take and give seconds."""

    def __init__(
        self,
        store: ResealStore,
        operations: OperationStore,
        auditing: Auditing,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._operations = operations
        self._auditing = auditing
        self._sleep = sleep
        self._monotonic = monotonic

    def run(
        self,
        custodian_set: int,
        actor: str,
        rate: int,
        reason: str = "",
        tell: Callable[[Progress], None] = lambda _: None,
    ) -> Resealed:
        """Have all records of a set made again, from `rate` messages a second at most.

        Raises:
            UnavailableError: the oracle processes nothing.
        """
        looked = messages = 0
        for page in self._pages(custodian_set):
            keys = sorted({key for one in page if _why_not(one) is None for key in _tried(one.finished)})
            for start in range(0, len(keys), max(1, rate)):
                some = keys[start : start + max(1, rate)]
                began = self._monotonic()
                order = self._auditing.order(actor, Deed.RESEAL, reason)
                given = self._operations.reseal(some, order)
                self._auditing.tell(order, given)
                self._await(given)
                messages += len(given)
                self._sleep(max(0.0, len(given) / max(1, rate) - (self._monotonic() - began)))
            looked += len(page)
            tell(Progress(looked, messages))
        left = tuple(
            Left(one.record_id, _why_not(one) or Why.DIFFERENT) for page in self._pages(custodian_set) for one in page
        )
        return Resealed(max(looked, len(left)), left)

    def _pages(self, custodian_set: int) -> Iterator[list[Elsewhere]]:
        after = 0
        while page := self._store.of_set(custodian_set, after, PAGE):
            after = page[-1].key
            yield page

    def _await(self, keys: Sequence[int]) -> None:
        """Wait until the oracle has processed messages: no more is given to it than it takes."""
        before, moved = len(keys) + 1, self._monotonic()
        while pending := self._store.are_pending(keys):
            if pending != before:
                before, moved = pending, self._monotonic()
            elif self._monotonic() - moved > PATIENCE_SECONDS:
                raise UnavailableError("the oracle processes nothing: when it runs, run this again, and it goes on")
            self._sleep(LOOK_SECONDS)


def _why_not(one: Elsewhere) -> Why | None:
    """Why a record can't be made again, as far as that can be told before it is tried."""
    if one.is_destroyed:
        return Why.DESTROYED
    if one.is_ordered:
        return Why.ORDERED
    if not one.kept:
        return Why.FORGOTTEN
    return None if one.finished else Why.HELD


def _tried(finished: Sequence[int]) -> set[int]:
    """Messages to read a record from: the first, and the latest in case that only spoke of a merge."""
    return {*finished[:1], *finished[-_TRIED:]}
