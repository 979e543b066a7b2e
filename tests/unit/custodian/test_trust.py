"""What a custodian keeps of the chain it follows, and how it answers when its node is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from custodian.problems import problem_of
from custodian.rules import HEAD_AHEAD_SECONDS, look
from custodian.settings import read
from salus.adapters.database.custodian_trust import TrustedHeader
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.memory import MemoryCustodianStore
from salus.core.errors import ForkError, NodeError, SetupError
from tests.databases import url_of
from tests.unit.adapters.chain.sealed_node import start
from tests.unit.custodian.conftest import MemoryStage

SNAPSHOT = start()


@pytest.fixture
def trust(tmp_path: Path) -> Iterator[TrustedHeader]:
    engine = open_engine(url_of(tmp_path / "custodian.db", "custodian"))
    migrate(engine, "custodian")
    yield TrustedHeader(engine)
    engine.dispose()


def test_trusted_header__kept_and_loaded__is_the_newest(trust: TrustedHeader) -> None:
    assert trust.load() is None
    for number in (1, 2):
        trust.keep(replace(SNAPSHOT, number=number, recent=((number, SNAPSHOT.validators[0]),)))
    assert trust.load() == replace(SNAPSHOT, number=2, recent=((2, SNAPSHOT.validators[0]),))


def test_trusted_header__halted__says_why_until_a_snapshot_is_accepted(trust: TrustedHeader) -> None:
    assert trust.halted() is None
    trust.halt("two blocks at height 7")
    assert trust.halted() == "two blocks at height 7"
    trust.accept(SNAPSHOT)
    assert (trust.halted(), trust.load()) == (None, SNAPSHOT)


@pytest.mark.parametrize("error", [NodeError("a word differs"), ForkError("another chain")])
def test_problem_of__node_not_believed__is_503_with_the_reason(error: NodeError) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.name, problem.detail) == (503, "NODE_NOT_BELIEVED", str(error))


def test_settings__engine_without_a_genesis__says_what_to_set() -> None:
    values = {"SALUS_CUSTODIAN_PARTICIPANT_ID": "0x" + "11" * 32, "SALUS_CUSTODIAN_FINALITY": "clique:4"}
    with pytest.raises(SetupError, match="SALUS_CUSTODIAN_GENESIS"):
        read(values)


def test_look__head_of_the_future__is_not_believed_where_headers_are_checked() -> None:
    """One signer of four seals a block of in ten minutes: never final, but for ten minutes no head would be stale."""
    stage = MemoryStage([MemoryCustodianStore()])
    member = replace(stage.members[0], head_ahead=HEAD_AHEAD_SECONDS)
    stage.clock.tick(HEAD_AHEAD_SECONDS + 1)
    stage.chain.advance()
    stage.clock.tick(-HEAD_AHEAD_SECONDS)
    assert look(member).head.timestamp == stage.clock.now() + HEAD_AHEAD_SECONDS
    stage.clock.tick(-1)
    with pytest.raises(NodeError, match="16 s ahead of this custodian's clock"):
        look(member)
    assert look(replace(member, head_ahead=None)).head.timestamp == stage.clock.now() + HEAD_AHEAD_SECONDS + 1
