"""Text of strangers for a terminal or a table: one line, and nothing in it moves a cursor."""

from __future__ import annotations

from unicodedata import category


def escaped(text: str) -> str:
    """Text on one line: control characters as escapes (`\\x1b`, `\\n`); blanks of any width stay, as U+3000."""
    return "".join(one if _is_shown(one) else one.encode("unicode_escape").decode() for one in text)


def _is_shown(one: str) -> bool:
    return one.isprintable() or category(one) == "Zs"
