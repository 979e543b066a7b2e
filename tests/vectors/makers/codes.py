"""The one table of outcome codes (protocol section 5)."""

from __future__ import annotations

from salus.core.codes import Code
from tests.vectors.samples import Json, case


def make() -> list[Json]:
    """Every code under its name."""
    return [case(code.name, {"name": code.name}, int(code)) for code in Code]
