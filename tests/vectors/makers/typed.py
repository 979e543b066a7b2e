"""The EIP-712 types of docs/protocol.md section 4, read from the page itself, so that code is held to the page."""

from __future__ import annotations

import re
from pathlib import Path

from salus.core.eip712 import StructType

PAGE = Path(__file__).resolve().parents[3] / "docs" / "protocol.md"
_LINE = re.compile(r"^([A-Z]\w+)\(([^)]*)\)", re.MULTILINE)


def page_types() -> dict[str, StructType]:
    """Struct types by name."""
    section = PAGE.read_text().split("## 4.")[1].split("### Words")[0]
    signatures = dict(_LINE.findall(section))
    types: dict[str, StructType] = {}

    def build(name: str) -> StructType:
        if name not in types:
            members = [member.split(" ") for member in signatures[name].split(",")]
            types[name] = StructType(name, *((build(t) if t in signatures else t, m) for t, m in members))
        return types[name]

    for name in signatures:
        build(name)
    return types
