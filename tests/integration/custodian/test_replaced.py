"""A member of a custodian set is replaced: three custodians, a fourth, the real oracle and command, a chain of its own.

The Council forms set 2 of custodians 1, 2 and 4. The oracle, started again, deals to it; `salus oracle reseal` makes
what set 1 holds again, so that custodian 3 and one more may go.
"""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from salus.adapters.content.address import content_store
from salus.adapters.custodians import HttpCustodians
from salus.core.access import AccessKind
from salus.core.canonical import canonical
from salus.core.ids import ParticipantId, RecordId, from_hex
from salus.core.labels import Action, Purpose, Role
from salus.core.leaf import Leaf
from salus.core.policy import ParticipantRole
from salus.core.state import CustodianSet, ParticipantKind
from salus.flows.admit import form_custodian_set
from salus.flows.custody import Caller
from salus.flows.open import NO_PARTICIPANT, Ask, Opened, Person, Reading, open_without_consent
from tests.integration.oracle.stack import OwnLedger, Patient, Stack, SystemClock, patiently, started, until
from tests.integration.oracle.test_no_way_back import database_of, destroy, shares_of
from tests.integration.services import ROOT, Service
from tests.integration.world import join, own_world
from tests.unit.oracle.oracle_world import report

PATIENTS = 3
REPORTS = 5
HIV = "56888-1^HIV抗体^LN"
_NOW = Ask(Purpose.PATRQT, Action.ACCESS, Person("self", Role.PATIENT))


@dataclass
class Story:
    """The stack with anchored records of some patients, one of them destroyed; `fourth` is not there yet."""

    stack: Stack
    patients: list[Patient]
    said: dict[RecordId, list[bytes]]
    destroyed: RecordId

    def leaves(self, services: Sequence[Service]) -> list[set[Leaf]]:
        return [set(shares_of(service, database_of(service))) for service in services]

    def open(self, services: Sequence[Service], ask: Ask = _NOW) -> dict[RecordId, dict[int, bytes]]:
        """What the patients read with some custodians: records by version."""
        found: dict[RecordId, dict[int, bytes]] = {}
        for patient in self.patients:
            opened = patiently(lambda patient=patient: self._open(patient, services, ask))  # type: ignore[misc]  # bound at once
            assert not opened.refused, opened.refused
            for item in opened.items:
                versions = found.setdefault(item.record.record_id, {})
                versions[item.record.version] = canonical(item.record.content)
        return found

    def _open(self, patient: Patient, services: Sequence[Service], ask: Ask) -> Opened:
        world = self.stack.world
        urls = {ParticipantId(from_hex(one.settings["PARTICIPANT_ID"])): one.url for one in services}
        client = HttpCustodians(urls)
        caller = Caller(patient.controller, world.reader.domain("Council"), SystemClock(), secrets.token_bytes)
        with closing(client), closing(content_store(self.stack.oracle.settings["CONTENT"])) as store:
            how = Reading(OwnLedger(world, patient.controller), client, store, caller)
            return open_without_consent(AccessKind.OWN, NO_PARTICIPANT, patient.subject, tuple(urls), ask, how)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with own_world() as world, started(world, tmp_path / "services") as stack:
        yield _told(stack)


def _told(stack: Stack) -> Story:
    raws = [
        report(f"C{who}-{number}", f"L{who}-{number}", patient=f"P{who}")
        for who in range(PATIENTS)
        for number in range(REPORTS)
    ]
    raws += [report(f"H{who}", f"H{who}", patient=f"P{who}", item=HIV, value="0.1") for who in range(PATIENTS)]
    sender = stack.sender
    assert {sender.insist(raw) for raw in raws} == {"AA"}
    sender.close()
    stack.await_idle()
    patients = [stack.claim(f"P{who}") for who in range(PATIENTS)]
    (destroyed,) = stack.said(raws[:1])
    destroy(stack, destroyed, patients[0])
    said = {record: bodies for record, bodies in stack.said(raws).items() if record != destroyed}
    return Story(stack, patients, said, destroyed)


def test_member__replaced__old_records_open_with_the_new_member_and_nothing_comes_twice(story: Story) -> None:
    stack, world = story.stack, story.stack.world
    first, second, third = stack.custodians
    as_told = {record: {1: bodies[0]} for record, bodies in story.said.items()}
    assert story.open(stack.custodians) == as_told
    old = story.leaves(stack.custodians)
    assert old[0] == old[1] == old[2]
    assert len(old[0]) == len(as_told)
    roots = _anchored(stack)

    joined = join(world, "custodian-4", ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY)
    of_set = [world.party(f"custodian-{number}").participant for number in (1, 2)]
    new_set = form_custodian_set(CustodianSet((*of_set, joined.participant), 2), world.chamber, world.reader)
    fourth = stack.grounds.another_custodian("custodian-4")
    fourth.start()
    try:
        fourth.await_ready()
        stack.oracle.stop()
        stack.oracle.settings["CUSTODIAN_SET"] = str(new_set)
        stack.oracle.start()
        stack.oracle.await_ready()

        interrupted = _start(stack, "--rate", "1")
        until(lambda: len(_of_set(story, fourth, new_set)) >= 2)
        interrupted.send_signal(signal.SIGKILL)
        interrupted.wait()
        done = _reseal(stack)
        stack.await_idle()
        assert [one["why"] for one in done["left"]] == ["destroyed"]
        assert done["left"][0]["record"] == "0x" + story.destroyed.hex()
        assert 0 < done["resealed"] < len(as_told)

        new = _of_set(story, fourth, new_set)
        assert sorted(leaf.record_id for leaf in new) == sorted(as_told)  # each once, and nothing that was destroyed
        assert {leaf.version for leaf in new} == {2}
        chain_id = world.reader.chain_id
        assert {leaf.previous for leaf in new} == {leaf.hash(chain_id) for leaf in old[0]}
        assert story.leaves(stack.custodians) == [old[0] | new, old[1] | new, old[2]]
        assert _anchored(stack)[: len(roots)] == roots
        assert not _events(stack, "RecordInvalidated")

        again = _reseal(stack)
        stack.await_idle()
        assert (again["found"], again["resealed"]) == (1, 0)
        assert _of_set(story, fourth, new_set) == new

        everybody = [first, second, third, fourth]
        assert story.open(everybody, replace(_NOW, history=True)) == {
            record: {1: body, 2: body} for record, versions in as_told.items() for body in versions.values()
        }
        doomed = next(iter(stack.said([report("C0-1", "L0-1", patient="P0")])))
        destroy(stack, doomed, story.patients[0])
        until(lambda: all(doomed not in {leaf.record_id for leaf in held} for held in story.leaves(everybody)))
        del as_told[doomed]
        for custodian in everybody:  # of old and new version, at members of either set
            audited = custodian.run("audit")
            assert audited.returncode == 0, audited.stdout
        resealed = {record: {2: versions[1]} for record, versions in as_told.items()}
        third.stop()
        assert story.open([first, second, fourth]) == resealed  # level 5 too, which needs all of the set
        first.stop()
        of_level_five = {leaf.record_id for leaf in new if leaf.level == 5}
        assert len(of_level_five) == PATIENTS
        assert story.open([second, fourth]) == {
            record: versions for record, versions in resealed.items() if record not in of_level_five
        }
    finally:
        fourth.stop()


def _of_set(story: Story, service: Service, number: int) -> set[Leaf]:
    (leaves,) = story.leaves([service])
    return {leaf for leaf in leaves if leaf.custodian_set == number}


def _events(stack: Stack, name: str) -> list[Any]:
    events = stack.world.reader.events(stack.first_block, stack.world.reader.head().number)
    return [event for event in events if (event.contract, event.name) == ("RecordRegistry", name)]


def _anchored(stack: Stack) -> list[bytes]:
    return [event.args["root"] for event in _events(stack, "BatchAnchored")]


def _start(stack: Stack, *options: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "cli", "--json", "oracle", "reseal", "here", "--from-set", "1", *options]
    return subprocess.Popen(
        words, cwd=ROOT, env=stack.oracle.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _reseal(stack: Stack) -> dict[str, Any]:
    child = _start(stack, "--rate", "100")
    said, complaint = child.communicate()
    assert child.returncode == 0, complaint
    found: dict[str, Any] = json.loads(said)
    return found
