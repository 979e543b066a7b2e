"""Two oracles on one journal: each acknowledgment is sent by one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oracle.replies import Sending, Standing
from oracle.replies.shares import LEFT_SECONDS
from salus.core.acks import AckState
from tests.unit.oracle.replies.test_replies import Desk, ListOutlet, enhanced

IN_LINE, OTHER = Standing(alone=False, in_line=True), Standing(alone=False, in_line=False)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.oracle.close()


def sent_by(desk: Desk, standing: Standing, came_here: Callable[[bytes], bool]) -> list[bytes]:
    """Control ids of the messages whose acknowledgments an oracle sends now."""
    outlet = ListOutlet()
    sending = Sending(
        desk.store,
        desk.sources,
        desk.composer,
        outlet,
        outlet,
        now=lambda: desk.now,
        standing=lambda: standing,
        came_here=came_here,
    )
    asyncio.run(sending.once("his"))
    return [control for _, control in outlet.said()]


def test_once__two_oracles__each_sends_what_came_by_its_own_connections(desk: Desk) -> None:
    names = desk.take(*(enhanced(f"M{number}", order=f"L{number}") for number in range(4)))
    desk.oracle.pipeline.settle()
    desk.now = desk.outside.clock.now()
    first = set(names[::2])
    assert sent_by(desk, IN_LINE, first.__contains__) == [b"M0", b"M2"]
    assert sent_by(desk, OTHER, lambda name: name not in first) == [b"M1", b"M3"]
    assert desk.states() == [AckState.ANSWERED] * 4


def test_once__the_oracle_it_came_by_has_gone__the_one_in_line_sends_it_after_a_minute(desk: Desk) -> None:
    desk.take(enhanced("M1"))
    desk.oracle.pipeline.settle()
    taken_at = desk.outside.clock.now()
    for seconds, standing, expected in (
        (0, IN_LINE, []),
        (LEFT_SECONDS - 1, IN_LINE, []),
        (LEFT_SECONDS, OTHER, []),
        (LEFT_SECONDS, IN_LINE, [b"M1"]),
    ):
        desk.now = taken_at + seconds
        assert sent_by(desk, standing, lambda _: False) == expected


def test_once__alone__sends_all_at_once(desk: Desk) -> None:
    desk.take(enhanced("M1"))
    desk.oracle.pipeline.settle()
    desk.now = desk.outside.clock.now()
    assert sent_by(desk, Standing(), lambda _: False) == [b"M1"]


def test_once__more_of_others_than_fit_together__do_not_hide_its_own(desk: Desk) -> None:
    names = desk.take(*(enhanced(f"M{number}", order=f"L{number}") for number in range(40)))
    desk.oracle.pipeline.settle()
    desk.now = desk.outside.clock.now()
    assert sent_by(desk, OTHER, {names[-1]}.__contains__) == [b"M39"]


@pytest.mark.parametrize(("standing", "sends"), [(IN_LINE, True), (OTHER, False), (Standing(), True)])
def test_sends__to_an_address_the_source_names__only_in_line(desk: Desk, standing: Standing, sends: bool) -> None:
    desk.take(enhanced("M1"))
    [ack] = desk.owed()
    assert standing.sends(ack, own=True, came_here=lambda _: True, now=desk.now) is sends
