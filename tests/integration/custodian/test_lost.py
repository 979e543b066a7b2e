"""A custodian is lost for good while messages come in: three custodians, a fourth, the real oracle and command, a chain
of its own.

What was acknowledged since then waits for the lost one. The Council forms a new set, the oracle, started again, deals
to it, and `salus oracle abandon` gives up what waits: every record comes to the chain once, in the new set.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from salus.adapters.database import custodian_tables as t
from salus.adapters.database.custodian_rows import kept_record
from salus.adapters.database.engine import open_engine, reading
from salus.core.ids import ZERO32, RecordId
from salus.core.labels import Action, Purpose, Role
from salus.core.leaf import Leaf
from salus.core.merkle import MerkleTree
from salus.core.policy import ParticipantRole
from salus.core.state import CustodianSet, ParticipantKind
from salus.flows.admit import form_custodian_set
from salus.flows.open import Ask, Person
from tests.integration.custodian.test_replaced import HIV, Story
from tests.integration.oracle.stack import Stack, started, until
from tests.integration.oracle.test_no_way_back import database_of, destroy, shares_of
from tests.integration.services import ROOT, Service
from tests.integration.world import join, own_world
from tests.unit.oracle.oracle_world import report

PATIENTS = 3
BEFORE = 4
BURSTS = 18
A_BURST = 4
_OWN = Ask(Purpose.PATRQT, Action.ACCESS, Person("self", Role.PATIENT), history=True)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with own_world() as world, started(world, tmp_path / "services") as made:
        yield made


def test_custodian__lost_for_good_with_batches_open__all_is_anchored_once_in_the_new_set(stack: Stack) -> None:
    first, second, third = stack.custodians
    before = [_report(who, f"B{number}") for who in range(PATIENTS) for number in range(BEFORE)]
    _send(stack, before)
    stack.await_idle()
    patients = [stack.claim(f"P{who}") for who in range(PATIENTS)]

    third.kill()
    shutil.rmtree(third.folder)
    corrected = [_report(who, f"B{who}", value="6.10", status="C") for who in range(PATIENTS)]
    during = [
        [_report(number % PATIENTS, f"D{burst}-{number}", HIV if number == 1 else "") for number in range(A_BURST)]
        for burst in range(BURSTS)
    ]
    _send(stack, corrected)
    for raws in during:  # each a batch of its own, until no more are opened
        _send(stack, raws)
        time.sleep(0.6)
    sent = [*corrected, *(raw for raws in during for raw in raws)]
    assert len(sent) >= 50
    until(lambda: _standing(stack)["pendingMessages"] == 0)
    assert _standing(stack)["openBatches"] == 16
    assert _standing(stack)["waitingVersions"] > 0

    joined = join(stack.world, "custodian-4", ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY)
    stay = [stack.world.party(f"custodian-{number}").participant for number in (1, 2)]
    new_set = form_custodian_set(CustodianSet((*stay, joined.participant), 2), stack.world.chamber, stack.world.reader)
    fourth = stack.grounds.another_custodian("custodian-4")
    fourth.start()
    fourth.await_ready()
    stack.grounds.custodians[2] = fourth  # it is stopped with the others
    stack.oracle.stop()
    stack.oracle.settings["CUSTODIAN_SET"] = str(new_set)
    stack.oracle.start()
    stack.oracle.await_ready()
    later = [_report(who, f"N{who}") for who in range(PATIENTS)]
    _send(stack, later)
    until(lambda: len(_anchored(stack)) == len(before) + len(later))  # new ones are held up by nothing
    assert _abandon(stack, new_set).wait() == 2
    held = [set(shares_of(one, database_of(one))) for one in (first, second)]
    assert held[0] == held[1]

    abandon = _abandon(stack, 1)
    until(lambda: _given_back(stack) > 0 or abandon.poll() is not None, 0.01)
    stack.oracle.kill()  # while it seals what was given back
    stack.oracle.start()
    stack.oracle.await_ready()
    told, complaint = abandon.communicate()
    assert abandon.returncode == 0, complaint
    done = json.loads(told)
    assert (done["messages"], done["left"], done["versions"]["superseded"]) == (len(sent), [], 0)
    stack.await_idle()

    anchored = _anchored(stack)
    said = stack.said([*before, *sent, *later])
    assert Counter(leaf.record_id for leaf in anchored) == {one: len(bodies) for one, bodies in said.items()}
    _require_unbroken(stack, anchored)
    assert {leaf.custodian_set for leaf in anchored[: len(before)]} == {1}
    assert {leaf.custodian_set for leaf in anchored[len(before) :]} == {new_set}
    given_up = held[0] - set(anchored)
    assert len(given_up) > 0  # what the two had of the old set stays with them, and the same records came again
    for custodian in stack.custodians:
        audited = custodian.run("audit")
        assert audited.returncode == 0, audited.stdout
    story = Story(stack, patients, said, RecordId(ZERO32))
    read = story.open(stack.custodians, _OWN)
    assert read == {one: dict(enumerate(bodies, 1)) for one, bodies in said.items()}

    again = _abandon(stack, 1)
    assert json.loads(again.communicate()[0]) == {
        "batches": 0,
        "messages": 0,
        "versions": {"again": 0, "superseded": 0, "ordered": 0},
        "envelopesLeft": 0,
        "left": [],
    }
    assert again.returncode == 0

    (doomed,) = stack.said([during[0][0]])
    assert doomed in {leaf.record_id for leaf in given_up}
    stack.world = replace(stack.world, custodian_set=new_set)
    destroy(stack, doomed, patients[0])
    for custodian in stack.custodians:  # what was given up of it too
        until(lambda custodian=custodian: doomed not in _kept(custodian))  # type: ignore[misc]  # bound at once


def _kept(custodian: Service) -> set[RecordId]:
    return {leaf.record_id for leaf in shares_of(custodian, database_of(custodian))}


def _report(who: int, name: str, item: str = "", value: str = "5.40", status: str = "F") -> bytes:
    at = "20261101093000" if status == "C" else "20261101083000"
    told = {"item": item, "value": "0.1"} if item else {"value": value}
    return report(f"{status}{who}-{name}", f"L{who}-{name}", patient=f"P{who}", status=status, at=at, **told)


def _send(stack: Stack, raws: Sequence[bytes]) -> None:
    sender = stack.sender
    assert {sender.insist(raw) for raw in raws} == {"AA"}
    sender.close()


def _standing(stack: Stack) -> dict[str, Any]:
    until(lambda: stack.oracle.get("/ready") is not None)
    found: dict[str, Any] = stack.oracle.get("/ready")
    return found


def _anchored(stack: Stack) -> list[Leaf]:
    """Leaves of every batch on chain, in order, as the first custodian has them."""
    service: Service = stack.custodians[0]
    chain_id = stack.world.reader.chain_id
    events = stack.world.reader.events(stack.first_block, stack.world.reader.head().number)
    of_batch = _batches(service)
    found: list[Leaf] = []
    for event in events:
        if event.name == "BatchAnchored" and event.args["sourceId"] == stack.source:
            leaves = of_batch[event.args["root"]]
            assert MerkleTree(leaf.hash(chain_id) for leaf in leaves).root == event.args["root"]
            found += sorted(leaves, key=lambda leaf: leaf.version)
    return found


def _batches(service: Service) -> dict[bytes, list[Leaf]]:
    """Leaves by batch root, in a custodian's store."""
    engine = open_engine(service.settings["DATABASE_URL"], read_only=True)
    query = (
        select(t.batch.c.root, t.record)
        .join(t.batch_record, t.batch_record.c.batch == t.batch.c.key)
        .join(t.record, t.record.c.key == t.batch_record.c.record)
    )
    found: dict[bytes, list[Leaf]] = {}
    with reading(engine) as connection:
        for row in connection.execute(query):
            found.setdefault(bytes(row.root), []).append(kept_record(row).leaf)
    engine.dispose()
    return found


def _require_unbroken(stack: Stack, leaves: Sequence[Leaf]) -> None:
    """Versions of each record count from 1 without a gap, each linked to the one before."""
    heads: dict[RecordId, tuple[int, bytes]] = {}
    for leaf in sorted(leaves, key=lambda leaf: leaf.version):
        number, before = heads.get(leaf.record_id, (0, ZERO32))
        assert (leaf.version, leaf.previous) == (number + 1, before)
        heads[leaf.record_id] = (leaf.version, leaf.hash(stack.world.reader.chain_id))


def _given_back(stack: Stack) -> int:
    """Messages the operators' log says were given back."""
    with sqlite3.connect(f"file:{stack.oracle.folder / 'oracle.db'}?mode=ro", uri=True) as connection:
        counted = connection.execute("SELECT count(*) FROM oracle_audit WHERE deed = 'abandon'").fetchone()
    return int(counted[0])


def _abandon(stack: Stack, number: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "cli", "--json", "oracle", "abandon", "here", "--set", str(number)]
    environ = stack.oracle.environ
    return subprocess.Popen(words, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
