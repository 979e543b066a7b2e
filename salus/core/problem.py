"""A refusal as it goes over HTTP: problem+json (RFC 9457). Which error becomes which is a table of each service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """HTTP status, code of docs/errors.md or 0, its name, what happened and what to do next.

    `more` are members of its own (RFC 9457 section 3.2).
    """

    status: int
    code: int
    name: str
    detail: str
    advice: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The problem+json document."""
        return dict(self.more) | {
            "type": f"urn:salus:problem:{self.name}",
            "title": self.name.replace("_", " ").capitalize(),
            "status": self.status,
            "code": self.code,
            "name": self.name,
            "detail": self.detail,
            "advice": self.advice,
        }
