"""What one can ask a custodian: the verbs of docs/protocol.md section 8, whatever lies between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from salus.core.ids import ParticipantId


class CustodianVerbs(ABC):
    """The methods of the `CustodianClient` port, by one way to ask. `call` is a signed call in JSON form."""

    def deposit(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Hand a deposit over; returns once it is durable."""
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

    @abstractmethod
    def _ask(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        """The answer to one call."""
