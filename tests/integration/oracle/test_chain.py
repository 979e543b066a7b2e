"""The write path beside a chain that stands still, is started again, or has lost its newest blocks.

The chain is this module's own Anvil: what is done to it here must not be done to the one other tests share.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.mllp_client import outcome_of
from devnet.anvil import Anvil, AnvilSettings, free_port
from salus.core.codes import Code
from salus.core.errors import RefusedError, UnavailableError
from salus.core.ports_index import AlertKind
from salus.flows.open import Opened
from tests.integration.oracle.stack import Patient, Stack, patiently, prepare, until
from tests.integration.services import Service
from tests.integration.world import build
from tests.unit.oracle.oracle_world import report


@dataclass
class Ground:
    """An own chain with its state file, the write path on it, and a watch."""

    anvil: Anvil
    stack: Stack
    watch: Service

    @property
    def state(self) -> Path:
        """The chain's state file."""
        assert self.anvil.settings.state is not None
        return self.anvil.settings.state

    def chain_number(self) -> int:
        return self.stack.world.reader.head().number


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("own-chain")
    anvil = Anvil(AnvilSettings(free_port(), folder / "state.json"))
    anvil.start()
    try:
        with anvil.instant():
            world = build(anvil)
            stack = prepare(world, folder / "services")
        watch = stack.grounds.watch()
        try:
            stack.start()
            watch.start()
            watch.await_ready()
            yield Ground(anvil, stack, watch)
        finally:
            watch.stop()
            stack.close()
            world.chain.close()
    finally:
        anvil.stop()


def sent(stack: Stack, name: str, number: int) -> list[bytes]:
    """Results of a patient, acknowledged."""
    raws = [report(f"{name}.{place}", f"{name}-L{place}", patient=name) for place in range(number)]
    sender = stack.sender
    for raw in raws:
        assert outcome_of(sender.once(raw))[0] == "AA"
    return raws


def test_chain__stands_still_for_seconds__messages_are_acknowledged_and_anchored_later(ground: Ground) -> None:
    stack, pid = ground.stack, ground.anvil.pid
    assert pid is not None
    raws = sent(stack, "A", 3)
    os.kill(pid, signal.SIGSTOP)
    try:
        raws += sent(stack, "B", 5)
        time.sleep(4)
        raws += sent(stack, "C", 5)
    finally:
        os.kill(pid, signal.SIGCONT)
    stack.await_idle()
    patients = [stack.claim(name) for name in "ABC"]
    assert stack.opened_by(patients) == stack.said(raws)


def test_chain__restarted_from_its_state__messages_sent_meanwhile_are_anchored(ground: Ground) -> None:
    stack = ground.stack
    raws = sent(stack, "D", 3)
    ground.anvil.stop()
    raws += sent(stack, "E", 5)
    ground.anvil.start()
    stack.await_idle()
    assert stack.opened_by([stack.claim(name) for name in "DE"]) == stack.said(raws)
    versions = [(one.record_id, one.version) for one in stack.anchored()]
    assert len(versions) == len(set(versions))


def test_chain__lost_its_newest_blocks__is_noticed_by_all_and_nothing_is_lost_or_released(ground: Ground) -> None:
    stack, state = ground.stack, ground.state
    raws = sent(stack, "F", 3)
    stack.await_idle()
    early = stack.claim("F")
    ground.anvil.stop()
    shutil.copy(state, state.with_suffix(".early"))
    ground.anvil.start()

    raws += [*sent(stack, "G", 3), *sent(stack, "F2", 2)]
    stack.await_idle()
    opened = patiently(lambda: stack.open_own(early))
    assert len(opened.items) == 3
    until(lambda: ground.watch.get("/ready")["indexed"] == ground.chain_number())

    before = len(stack.anchored())
    ground.anvil.stop()
    shutil.copy(state.with_suffix(".early"), state)
    ground.anvil.start()
    assert len(stack.anchored()) < before
    until(lambda: AlertKind.CHAIN_SHORTENED in ground.watch.get("/ready")["alerts"])
    assert {refusal(stack, early, opened) for _ in range(2)} == {Code.CHAIN_SHORTENED}
    raws += sent(stack, "H", 2)
    until(lambda: (stack.oracle.get("/ready") or {"openBatches": -1})["openBatches"] == 1)  # all but the newest

    for custodian in stack.custodians:
        accepted = custodian.run("accept-chain")
        assert accepted.returncode == 0, accepted.stderr
    stack.await_idle()
    assert "the chain has lost blocks" in stack.oracle.log()
    assert refusal(stack, early, opened) is Code.ACCESS_UNKNOWN
    versions = [(one.record_id, one.version) for one in stack.anchored()]
    assert len(versions) == len(set(versions))
    assert set(versions) >= {(record, 1) for record in stack.said(raws)}
    patients = [early, *(stack.claim(name) for name in ("G", "F2", "H"))]
    assert stack.opened_by(patients) == stack.said(raws)
    ground.watch.stop()
    verified = ground.watch.run("verify")
    assert verified.returncode == 0, verified.stdout


@pytest.mark.deep
def test_chain__killed_and_started_again__what_was_acknowledged_is_anchored_once(ground: Ground) -> None:
    stack, pid = ground.stack, ground.anvil.pid
    assert pid is not None
    raws = sent(stack, "K", 3)
    os.kill(pid, signal.SIGKILL)
    ground.anvil.stop()
    raws += sent(stack, "L", 5)
    time.sleep(3)
    raws += sent(stack, "M", 5)
    ground.anvil.start()
    if ground.chain_number():  # what it wrote to its state file last may be a second old: custodians have seen more
        for custodian in stack.custodians:
            accepted = custodian.run("accept-chain")
            assert accepted.returncode == 0, accepted.stderr
    stack.await_idle()
    versions = [(one.record_id, one.version) for one in stack.anchored()]
    assert len(versions) == len(set(versions))
    assert set(versions) >= {(record, 1) for record in stack.said(raws)}
    assert stack.opened_by([stack.claim(name) for name in "KLM"]) == stack.said(raws)


def refusal(stack: Stack, patient: Patient, opened: Opened) -> Code:
    """Why no custodian releases what was opened before."""
    for _ in range(100):
        with pytest.raises((RefusedError, UnavailableError)) as refused:
            stack.open_again(patient, opened)
        code = getattr(refused.value, "code", None)
        if code not in (None, Code.NODE_STALE):
            return Code(code)
    raise AssertionError("no custodian said why")
