"""What becomes of versions under way in a set with a lost member: a record goes whole or stays whole."""

from __future__ import annotations

import pytest

from salus.core.abandon import Fate, MadeBy, Maker, Place, fates
from salus.core.journal import MessageState

MERGE = "ADT^A40"
WHY = {
    Fate.AGAIN: Maker(1, MessageState.DONE, "ORU^R01", is_kept=True),
    Fate.FORGOTTEN: Maker(1, MessageState.DONE, "ORU^R01", is_kept=False),
    Fate.HELD: Maker(1, MessageState.QUARANTINED, "ORU^R01", is_kept=True),
    Fate.MERGED: Maker(1, MessageState.DONE, MERGE, is_kept=True),
    Fate.PENDING: Maker(1, MessageState.PENDING, "ORU^R01", is_kept=True),
}
U, G, S = Place.UNDER_WAY, Place.GIVEN_UP, Place.STANDS


def of(*versions: tuple[Place, Fate] | Place, is_ended: bool = False) -> list[Fate | None]:
    """Fates of versions, oldest first, by their places and by what their messages would let become of them."""
    told = [one if isinstance(one, tuple) else (one, Fate.AGAIN) for one in versions]
    made = [MadeBy(key, place, WHY[why]) for key, (place, why) in enumerate(told)]
    found = fates(made, is_ended=is_ended, identity={MERGE})
    return [found.get(key) for key in range(len(told))]


def test_fates__nothing_stands_above__made_anew() -> None:
    assert of(U, U) == [Fate.AGAIN, Fate.AGAIN]
    assert of(S, U, U) == [None, Fate.AGAIN, Fate.AGAIN]


def test_fates__a_later_version_stands__superseded() -> None:
    assert of(U, U, S) == [Fate.SUPERSEDED, Fate.SUPERSEDED, None]
    assert of(U, S, U) == [Fate.SUPERSEDED, None, Fate.AGAIN]


def test_fates__given_up_before__counts_for_nothing() -> None:
    assert of(G) == [None]
    assert of(U, G) == [Fate.AGAIN, None]
    assert of(G, U) == [None, Fate.AGAIN]


@pytest.mark.parametrize("why", [Fate.FORGOTTEN, Fate.HELD, Fate.MERGED, Fate.PENDING])
def test_fates__a_message_that_can_not_make_it_anew__keeps_the_whole_record(why: Fate) -> None:
    assert of((U, why), U) == [why, why]
    assert of(U, (U, why)) == [why, why]
    assert of((U, why), S) == [Fate.SUPERSEDED, None]  # what it said need not be made anew
    assert of((S, why), U) == [None, Fate.AGAIN]


def test_fates__record_to_be_destroyed__nothing_is_made_anew() -> None:
    assert of(U, S, (U, Fate.FORGOTTEN), is_ended=True) == [Fate.ORDERED, None, Fate.ORDERED]


def test_fates__nothing_under_way__nothing_becomes_of_it() -> None:
    assert of() == []
    assert of(S, G) == [None, None]
