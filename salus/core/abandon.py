"""What becomes of record versions whose custodian set has lost a member for good, before they were anchored.

    newest ─► AGAIN       nothing stands above it: it goes, and its message makes it anew, for another set
              SUPERSEDED  a later version stands: it stays in the database, without shares, and is never anchored
              ORDERED     its record is to be destroyed, or was: likewise, so that it no longer holds that up
              the others  it stays on its way, and its record's other versions with it

A record goes whole or stays whole: what is made anew begins where the record stands then, and its numbers have no gap.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from salus.core.ids import RecordId
from salus.core.journal import MessageState


class Fate(StrEnum):
    """What becomes of a version. After the first three it stays, because its message is …

    `FORGOTTEN`: its bytes are erased. `HELD`: in quarantine, or discarded. `MERGED`: one that changes identities, which
    is carried out once only. `PENDING`: waiting to be processed.
    """

    AGAIN = "again"
    SUPERSEDED = "superseded"
    ORDERED = "ordered"
    FORGOTTEN = "forgotten"
    HELD = "held"
    MERGED = "merged"
    PENDING = "pending"


GONE = frozenset({Fate.AGAIN, Fate.SUPERSEDED, Fate.ORDERED})
"""Fates of what is given up."""


class Place(StrEnum):
    """Where a version is: on its way in the set that is given up, given up before, or anywhere else."""

    UNDER_WAY = "under way"
    GIVEN_UP = "given up"
    STANDS = "stands"


@dataclass(frozen=True, slots=True)
class Maker:
    """The message that made a version. `kind` is its type and event ("ORU^R01"); `is_kept`: its bytes are here."""

    key: int
    state: MessageState
    kind: str
    is_kept: bool


@dataclass(frozen=True, slots=True)
class MadeBy:
    """A version of a record, by its key in the database."""

    key: int
    place: Place
    maker: Maker


@dataclass(frozen=True, slots=True)
class Part:
    """Records, by key, that must be given up together: messages made versions of more than one of them."""

    records: tuple[int, ...]
    versions: int


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What one transaction did: versions by what became of them, messages to be processed again, batches broken up.

    `anew` are the records that are made anew, `left` those that stay, and why. `envelopes` are of versions that are no
    more, by SHA-256.
    """

    versions: dict[Fate, int]
    messages: tuple[int, ...]
    batches: int
    anew: tuple[RecordId, ...]
    envelopes: tuple[bytes, ...]
    left: tuple[tuple[RecordId, Fate], ...]


def fates(versions: Sequence[MadeBy], *, is_ended: bool, identity: Collection[str]) -> dict[int, Fate]:
    """What becomes of the versions of a record that are under way, by key; `versions` are all it has, oldest first.

    `is_ended`: it is destroyed, or ordered to be. `identity` are kinds of messages that change identities.
    """
    top: list[MadeBy] = []
    found: dict[int, Fate] = {}
    for place, one in reversed(list(enumerate(versions))):
        if one.place is Place.STANDS:
            below = versions[:place]
            found = {other.key: Fate.SUPERSEDED for other in below if other.place is Place.UNDER_WAY}
            break
        if one.place is Place.UNDER_WAY:
            top.append(one)
    if is_ended:
        return dict.fromkeys([*found, *(one.key for one in top)], Fate.ORDERED)
    why = next((why for why in (_why_not(one.maker, identity) for one in top) if why is not None), Fate.AGAIN)
    return found | {one.key: why for one in top}


def _why_not(maker: Maker, identity: Collection[str]) -> Fate | None:
    """Why a message can't make its versions anew."""
    if not maker.is_kept:
        return Fate.FORGOTTEN
    if maker.state is MessageState.PENDING:
        return Fate.PENDING
    if maker.state is not MessageState.DONE:
        return Fate.HELD
    return Fate.MERGED if maker.kind in identity else None
