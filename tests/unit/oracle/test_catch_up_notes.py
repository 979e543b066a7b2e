"""Notes that don't open: one that lies in a repair leaves false ones at a custodian that had lost its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from salus.core.errors import UnavailableError
from salus.core.ids import LeafHash, ParticipantId, RecordId
from tests.unit.oracle.lives import BEFORE, MIDDLE, Lives
from tests.unit.oracle.oracle_world import CUSTODIANS


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    made = Lives(tmp_path)
    yield made
    made.oracle.close()


def destroy(lives: Lives, gone: RecordId) -> None:
    """No custodian keeps versions of a record any more."""
    for kept in lives.outside.deposits.values():
        for root, items in kept.items():
            kept[root] = [item for item in items if item.leaf.record_id != gone]


def spoil(lives: Lives, custodian: ParticipantId, leaf: LeafHash) -> None:
    """A custodian has a note of a version that its source never gave."""
    chain_id, kept = lives.outside.chain.chain_id, lives.outside.deposits[custodian]
    for root, items in kept.items():
        kept[root] = [replace(one, note=b"made up") if one.leaf.hash(chain_id) == leaf else one for one in items]


def test_catch_up__one_note_of_a_custodian_is_false__the_others_tell_what_it_said(lives: Lives) -> None:
    """Where versions were destroyed all custodians must tell: this one would hold up the oracle for ever."""
    lives.take(*BEFORE, *MIDDLE)
    first, second = (item.leaf for item in lives.outside.anchored_items()[:2])
    destroy(lives, second.record_id)
    spoil(lives, CUSTODIANS[0], first.hash(lives.outside.chain.chain_id))
    lives.lose()
    assert lives.catch_up().versions == 4


def test_catch_up__no_custodian_has_the_true_note__waits_and_loses_nothing(lives: Lives) -> None:
    lives.take(*BEFORE, *MIDDLE)
    leaf = lives.outside.anchored_items()[0].leaf.hash(lives.outside.chain.chain_id)
    for custodian in CUSTODIANS:
        spoil(lives, custodian, leaf)
    lives.lose()
    with pytest.raises(UnavailableError, match="note"):
        lives.oracle.catching.run()


def test_catch_up__one_custodian_tells_of_versions_that_are_none__adopts_none(lives: Lives) -> None:
    lives.take(*BEFORE)
    for root, items in lives.outside.deposits[CUSTODIANS[0]].items():
        false = replace(items[0], leaf=replace(items[0].leaf, version=9))
        lives.outside.deposits[CUSTODIANS[0]][root] = [*items[:1], false]
    for custodian in CUSTODIANS[1:]:
        for root, items in lives.outside.deposits[custodian].items():
            lives.outside.deposits[custodian][root] = items[:1]
    lives.lose()
    assert lives.catch_up().versions == 1
