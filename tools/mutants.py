"""Mutants of a Solidity file: the smallest changes that a good test must notice. Standard library only.

A mutant is one change of one place: a comparison moved by one or turned round, a connective or operator exchanged, a
refusal or statement removed, a modifier taken off. Comments, imports, declarations, events, errors and the texts of
type hashes stay as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

_OPERATORS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("equality", r"(?<![=!<>])==(?!=)", ("!=",)),
    ("equality", r"!=", ("==",)),
    ("boundary", r"(?<![<=])<(?![<=])(?=\s)", ("<=", ">=")),
    ("boundary", r"(?<=\s)<=", ("<", ">")),
    ("boundary", r"(?<![>=\-])>(?![>=])(?=\s)", (">=", "<=")),
    ("boundary", r"(?<=\s)>=", (">", "<")),
    ("connective", r"&&", ("||",)),
    ("connective", r"\|\|", ("&&",)),
    ("arithmetic", r"(?<=\s)\+(?=\s)", ("-",)),
    ("arithmetic", r"(?<=\s)-(?=\s)", ("+",)),
    ("mask", r"(?<=\s)&(?=\s)", ("|",)),
    ("mask", r"(?<=\s)\|(?=\s)", ("&",)),
    ("mask", r"(?<=\s)&(?= ~)", ("|",)),
    ("negation", r"(?<![\w!])!(?=[\w(])", ("",)),
    ("truth", r"\btrue\b", ("false",)),
    ("truth", r"\bfalse\b", ("true",)),
)
_SKIPPED = re.compile(
    r"^\s*(//|/\*|\*|import|pragma|error |event |using |struct |function |constructor|contract |library )"
)
_DECLARATION = re.compile(r"^\s*(mapping|[\w.]+(\[\])?)( \w+)* (constant|immutable|private|public|internal)\b")
_REFUSAL = re.compile(r"^(\s*)if \(.*\) (revert \w+\(.*\);|return .*;)\s*$")
_BLOCK_REFUSAL = re.compile(r"^(\s*)(?:\} else )?if \((.*)\) \{\s*$")
_STATEMENT = re.compile(
    r"^\s*(emit \w+\(|log\.append\(|delete |_\w+\(|[\w\[\].]+ [|&]?= |[\w\[\].]+\.push\(|\+\+)[^{}]*;\s*$"
)
_MODIFIERS = re.compile(r"\s\b(only\w+(?:\([^)]*\))?)")


@dataclass(frozen=True)
class Mutant:
    """One change; `id` is stable as long as the line and its place among equal lines are."""

    file: str
    line: int
    kind: str
    before: str
    after: str
    id: str

    def applied(self, text: str) -> str:
        """The file's text with the change."""
        lines = text.split("\n")
        lines[self.line - 1] = self.after
        return "\n".join(lines)


def mutants_of(file: str, text: str) -> list[Mutant]:
    """All mutants of a file, in order."""
    seen: dict[str, int] = {}
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        for kind, after in _changes(line, text.split("\n"), number):
            key = f"{file}|{line.strip()}|{kind}|{after.strip()}"
            seen[key] = seen.get(key, 0) + 1
            name = hashlib.sha256(f"{key}|{seen[key]}".encode()).hexdigest()[:8]
            found.append(Mutant(file, number, kind, line, after, name))
    return found


def _changes(line: str, lines: list[str], number: int) -> Iterator[tuple[str, str]]:
    code = line.split("//", maxsplit=1)[0]
    if not code.strip() or '"' in code:
        return
    modifiers = _MODIFIERS.search(code)
    if modifiers and (
        code.strip().startswith(("function", "only")) or "function" in "".join(lines[max(0, number - 4) : number])
    ):
        yield "modifier", line.replace(modifiers.group(1), "", 1)
    if _SKIPPED.match(code) or _DECLARATION.match(code):
        return
    if _REFUSAL.match(code):
        yield "refusal", re.match(r"\s*", code).group(0) + "{}"  # type: ignore[union-attr] # an empty match is a match
    block = _BLOCK_REFUSAL.match(code)
    if block:
        yield "condition", code.replace(f"({block.group(2)})", "(false)", 1)
        yield "condition", code.replace(f"({block.group(2)})", "(true)", 1)
    elif _STATEMENT.match(code):
        yield "statement", re.match(r"\s*", code).group(0) + "{}"  # type: ignore[union-attr] # as above
    for kind, pattern, others in _OPERATORS:
        for hit in re.finditer(pattern, code):
            for other in others:
                yield kind, code[: hit.start()] + other + code[hit.end() :]
