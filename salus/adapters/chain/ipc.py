"""JSON-RPC over a node's Unix socket: where it takes orders (`admin_`, `miner_`, votes) that no network port offers."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from salus.core.errors import InputError, UnavailableError

_SECONDS = 10.0


def ask(path: Path, method: str, *parameters: object) -> Any:
    """Result of one call.

    Raises:
        UnavailableError: nobody answers on the socket.
        InputError: the node refuses the call; its words.
    """
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(_SECONDS)
            wire.connect(str(path))
            wire.sendall(body + b"\n")
            answer = _whole_answer(wire)
    except (OSError, ValueError) as error:
        raise UnavailableError(f"the node does not answer on {path.name} ({error})") from error
    if "error" in answer:
        raise InputError(f"{method} is refused: {answer['error'].get('message')}")
    return answer.get("result")


def _whole_answer(wire: socket.socket) -> dict[str, Any]:
    """An answer is one line of JSON; geth ends it with a line feed."""
    with wire.makefile("rb") as lines:
        answer: dict[str, Any] = json.loads(lines.readline())
    return answer
