"""What a service of the world says of itself at /ready."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from salus.core.codes import Code

_ASK_SECONDS = 2
_MOST = 1 << 20
_FIELDS = ("detail", "title", "code")


@dataclass(frozen=True, slots=True)
class Health:
    """A service on a loopback port. Called, it is whether the service is ready."""

    port: int

    def __call__(self) -> bool:
        """Whether it is ready; it may raise OSError.

        A custodian that waits for a decision about its chain counts: waiting longer would not help.
        """
        status, said = self._ask()
        return status == http.client.OK or said.get("code") == Code.CHAIN_SHORTENED

    def why_not(self) -> str:
        """What it says of why it is not ready; nothing if it is, or says nothing that can be read."""
        status, said = self._ask()
        if status == http.client.OK:
            return ""
        parts = said.get("parts")
        if isinstance(parts, dict):
            return "; ".join(f"{name}: {state}" for name, state in parts.items() if state != "ready")
        if isinstance(reasons := said.get("reasons"), list):
            return "; ".join(map(str, reasons))
        return next((str(said[name]) for name in _FIELDS if said.get(name)), "")

    def _ask(self) -> tuple[int, Mapping[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ASK_SECONDS)
        try:
            connection.request("GET", "/ready")
            answer = connection.getresponse()
            said = json.loads(answer.read(_MOST))
            return answer.status, said if isinstance(said, dict) else {}
        except (http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            connection.close()
