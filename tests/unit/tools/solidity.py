"""Solidity compiled for tests of the tools that read it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def compiled(sources: Mapping[str, str], **settings: Any) -> dict[str, Any]:
    """What the compiler says of each file; `sources` are texts by path, `settings` the compiler's own."""
    request = {
        "language": "Solidity",
        "sources": {path: {"content": text} for path, text in sources.items()},
        "settings": settings,
    }
    done = subprocess.run(
        [ROOT / "tools" / "solc", "--standard-json"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    answer = json.loads(done.stdout)
    errors = [error for error in answer.get("errors", []) if error["severity"] == "error"]
    assert not errors, errors
    found: dict[str, Any] = answer["sources"]
    return found
