"""Custodians of the same process, without a network between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from salus.core.canonical import canonical, parse
from salus.core.errors import UnavailableError
from salus.core.ids import ParticipantId

Answering = Callable[[str, dict[str, Any]], dict[str, Any]]
"""A custodian: verb name and signed call in JSON form, to an answer in JSON form."""


class MemoryCustodians:
    """The `CustodianClient` port over custodians given as functions.

    Calls and answers pass through canonical JSON as they would on the wire. `stop` makes a custodian unreachable.
    """

    def __init__(self, custodians: Mapping[ParticipantId, Answering]) -> None:
        self._custodians = dict(custodians)
        self._stopped: set[ParticipantId] = set()

    def stop(self, custodian: ParticipantId) -> None:
        """Make a custodian unreachable."""
        self._stopped.add(custodian)

    def start(self, custodian: ParticipantId) -> None:
        """Make a stopped custodian reachable again."""
        self._stopped.discard(custodian)

    def deposit(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Hand a deposit over."""
        return self._ask(custodian, "deposit", call)

    def list(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Ask what is there."""
        return self._ask(custodian, "list", call)

    def release(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Ask for shares."""
        return self._ask(custodian, "release", call)

    def destroy(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Have shares erased."""
        return self._ask(custodian, "destroy", call)

    def repair(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Ask for help with lost shares."""
        return self._ask(custodian, "repair", call)

    def recall(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Ask what this source deposited."""
        return self._ask(custodian, "recall", call)

    def _ask(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        if custodian in self._stopped or custodian not in self._custodians:
            raise UnavailableError("the custodian is not reachable")
        answer: dict[str, Any] = parse(canonical(self._custodians[custodian](verb, parse(canonical(call)))))
        return answer
