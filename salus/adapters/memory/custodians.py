"""Custodians of the same process, without a network between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from salus.adapters.custodian_verbs import CustodianVerbs
from salus.core.canonical import canonical, parse
from salus.core.errors import UnavailableError
from salus.core.ids import ParticipantId

Answering = Callable[[str, dict[str, Any]], dict[str, Any]]
"""A custodian: verb name and signed call in JSON form, to an answer in JSON form."""


class MemoryCustodians(CustodianVerbs):
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

    def _ask(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        if custodian in self._stopped or custodian not in self._custodians:
            raise UnavailableError("the custodian is not reachable")
        answer: dict[str, Any] = parse(canonical(self._custodians[custodian](verb, parse(canonical(call)))))
        return answer
