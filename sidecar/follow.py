"""The loop: see the node, read the registry at a final block, tell the node what differs.

Nothing is remembered that matters: each look compares what is with what should be, so a sidecar or a node may be
started again at any time. What cannot be read leads to nothing: no vote is cast on a registry that was not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

import structlog

from salus.core.errors import SalusError
from salus.core.node import Action, NodeAdmin, NodeState
from salus.core.state import BlockStamp
from salus.flows.membership import Plan, plan
from sidecar.metrics import Metrics
from sidecar.ports import Members

log = structlog.get_logger(__name__)
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Status:
    """How it stands: final block of the last look, whether the own node is a member's, counts, the last failure."""

    at: BlockStamp | None = None
    member: bool = False
    peers: int = 0
    validators: int = 0
    withheld: int = 0
    unclaimed: int = 0
    failure: str | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the node may not follow the registry; empty when it does."""
        found = [self.failure] if self.failure is not None else []
        if self.failure is None and self.at is None:
            found.append("the registry was not read yet")
        if self.at is not None and not self.member:
            found.append("this node is not one of an active participant: it is told nothing")
        if self.withheld:
            found.append(f"{self.withheld} votes are withheld: too few validators would live")
        if self.unclaimed:
            found.append(f"{self.unclaimed} validators are named by no member: have the Council renew theirs")
        return tuple(found)

    def facts(self) -> dict[str, Any]:
        """The final block and what was seen there, as JSON."""
        return {
            "final": self.at.number if self.at else None,
            "member": self.member,
            "peers": self.peers,
            "validators": self.validators,
        }


class Follower:
    """Keeps one node up with the registry."""

    def __init__(self, node: NodeAdmin, members: Members, metrics: Metrics) -> None:
        self._node = node
        self._members = members
        self._metrics = metrics
        self._lock = Lock()
        self._status = Status()

    @property
    def status(self) -> Status:
        """How it stands after the last look. Safe to read from other threads."""
        with self._lock:
            return self._status

    def step(self) -> tuple[Action, ...]:
        """One look; the orders that were carried out.

        Raises:
            SalusError: node or registry cannot be read; nothing was told then. Or an order failed; the others were
                carried out all the same.
        """
        state = self._node.state()
        at, seats = self._members.seats(len(state.validators))
        found = plan(seats, state, self._node.quorum)
        done: list[Action] = []
        failure: SalusError | None = None
        for action in found.actions:
            try:
                self._node.carry_out(action)
            except SalusError as error:
                failure = error
                self._metrics.refused.labels(str(action.verb)).inc()
                continue
            done.append(action)
            self._metrics.actions.labels(str(action.verb)).inc()
            log.info("sidecar.told", verb=str(action.verb), target=action.target.hex()[:16], block=at.number)
        self._report(at, state, found, failure)
        if failure is not None:
            raise failure
        return tuple(done)

    def run(self, stop: Event, poll_seconds: float) -> None:
        """Look until told to stop. After a failure it waits longer each time, a minute at most."""
        pause = poll_seconds
        while not stop.is_set():
            try:
                self.step()
                pause = poll_seconds
            except SalusError as error:
                pause = min(2 * pause, max(_LONGEST_PAUSE_SECONDS, poll_seconds))
                self._fail(error)
            stop.wait(pause)

    def _fail(self, error: SalusError) -> None:
        self._metrics.failures.inc()
        told = error.diagnostics()
        with self._lock:
            known, self._status = self._status.failure, _failed(self._status, told)
        if told != known:
            log.warning("sidecar.look_failed", reason=type(error).__name__, advice=told)

    def _report(self, at: BlockStamp, state: NodeState, found: Plan, failure: SalusError | None) -> None:
        status = Status(
            at,
            found.member,
            len(state.connected),
            len(state.validators),
            len(found.withheld),
            len(found.unclaimed),
            None if failure is None else failure.diagnostics(),
        )
        with self._lock:
            before, self._status = self._status, status
        if (before.member, before.withheld, before.unclaimed) != (status.member, status.withheld, status.unclaimed):
            log.info("sidecar.stands", member=status.member, withheld=status.withheld, unclaimed=status.unclaimed)
        self._metrics.block.set(at.number)
        self._metrics.member.set(found.member)
        self._metrics.peers.set(status.peers)
        self._metrics.validators.set(status.validators)
        self._metrics.living.set(len(state.living))
        self._metrics.withheld.set(status.withheld)
        self._metrics.unclaimed.set(status.unclaimed)


def _failed(status: Status, failure: str) -> Status:
    return Status(status.at, status.member, status.peers, status.validators, status.withheld, status.unclaimed, failure)
