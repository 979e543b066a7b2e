"""What `salus explain` answers: a reading of what was asked, with words beside the numbers of our tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntFlag
from typing import Any

from cli import output
from salus.adapters.chain import lexicon
from salus.core.access import access_from_words
from salus.core.audit import EntryKind
from salus.core.codes import EXPLANATIONS, Code
from salus.core.errors import CalldataError
from salus.core.labels import Action, Category, Purpose
from salus.core.policy import ParticipantRole
from salus.core.refusals import REFUSALS, Refusal
from salus.core.state import ParticipantKind
from salus.core.words_for_people import KINDS

Member = Code | EntryKind | Refusal
Table = type[Code] | type[EntryKind] | type[Refusal]
_NAMED_TABLES: Mapping[str, Table] = {"code": Code, "refusal": Refusal}
_LOG_EVENT, _ACCESS_ENTRIES = "Appended", frozenset({EntryKind.ACCESS_GRANTED, EntryKind.ACCESS_DENIED})
_TIMES = frozenset({"expiry", "readyAt", "reviewBy", "erasableFrom", "accreditedUntil", "executableFrom", "time"})
_LATEST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Meaning:
    """One reading of what was asked: a sentence, and details as name and value."""

    kind: str
    says: str
    details: Mapping[str, Any]

    def shown(self) -> dict[str, Any]:
        """Form for JSON."""
        return {"kind": self.kind, "says": self.says, **self.details}

    def lines(self) -> Iterator[str]:
        """Form for people."""
        yield self.says
        yield from _indented(self.details.get("args", {}), "  ")


def of_member(member: Member) -> Meaning:
    """What a member of one of our tables means."""
    details = {"number": int(member), "name": member.name}
    if isinstance(member, Code):
        return Meaning("code", f"code {int(member)}, {member.name}: {EXPLANATIONS[member]}", details)
    if isinstance(member, Refusal):
        return Meaning("refusal", f"refusal {int(member)}, {member.name}: {REFUSALS[member]}", details)
    said = KINDS[member].en
    return Meaning("entry", f"log entry of kind {int(member)}, {member.name}; its patient reads: {said}", details)


def tables_of(names: Iterable[str], event: str = "") -> list[Table]:
    """Tables whose numbers the parameters of these names hold."""
    found = [_NAMED_TABLES[name] for name in names if name in _NAMED_TABLES]
    return [*found, EntryKind] if event == _LOG_EVENT else found


def with_words(args: Mapping[str, Any], of: str = "") -> dict[str, Any]:
    """Arguments of an error or event (`of` names it), each with what it means beside it where our tables tell."""
    told: dict[str, Any] = {}
    for name, value in args.items():
        told[name] = value
        if (says := _says(name, value, args, of)) is not None:
            told[f"{name}Says"] = says
    return told


def _says(name: str, value: Any, args: Mapping[str, Any], of: str) -> Any:
    if isinstance(value, bytes):
        if name == "callData":
            return _calls(value)
        return None if (role := lexicon.role(value)) is None else f"directory role of {role}"
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if name in _TIMES:
        return output.clock(value) if 0 < value < _LATEST else None
    if name == "scope":
        return _scope(value, args)
    teller = _TELLERS.get((of, name)) or _TELLERS.get(("", name))
    return None if teller is None else teller(value, args)


def _member(table: Table) -> Callable[[int, Mapping[str, Any]], str | None]:
    def told(value: int, _args: Mapping[str, Any]) -> str | None:
        return of_member(table(value)).says if value in set(table) else None

    return told


def _code_of_entry(value: int, args: Mapping[str, Any]) -> str | None:
    """An entry's code is an outcome for accesses; for other kinds it is a number of that kind's own."""
    return _member(Code)(value, args) if args.get("kind") in _ACCESS_ENTRIES else None


def _kind(value: int, _args: Mapping[str, Any]) -> str | None:
    return ParticipantKind(value).name if value in set(ParticipantKind) else None


def _roles(value: int, _args: Mapping[str, Any]) -> str:
    return _bits(ParticipantRole, value)


_TELLERS: Mapping[tuple[str, str], Callable[[int, Mapping[str, Any]], str | None]] = {
    ("", "code"): _member(Code),
    ("", "refusal"): _member(Refusal),
    ("", "roles"): _roles,
    (_LOG_EVENT, "kind"): _member(EntryKind),
    (_LOG_EVENT, "code"): _code_of_entry,
    ("ParticipantApplied", "kind"): _kind,
    ("RecordRegistryNotQualified", "role"): _roles,
}
"""What tells the number of a parameter; of any error or event, or of one alone."""


def _calls(data: bytes) -> list[dict[str, Any]] | None:
    found = lexicon.calls(data)
    return [{"contract": call.contract, "function": call.function, "args": call.args} for call in found] or None


def _scope(value: int, args: Mapping[str, Any]) -> dict[str, Any] | None:
    """The packed scope of an access: what was asked for, by name."""
    empty = bytes(32)
    words = (args.get("participantId", empty), args.get("referenceId", empty), value, empty, empty, empty, 0, empty)
    try:
        access = access_from_words(words)
    except CalldataError:
        return None
    return {
        "kind": access.kind.name,
        "purpose": Purpose(access.purpose).name if access.purpose in set(Purpose) else access.purpose,
        "categories": _bits(Category, access.categories),
        "actions": _bits(Action, access.actions),
        "level": access.level,
        "confidentiality": access.confidentiality,
        "form": access.form,
        "fromDay": access.from_day,
        "toDay": access.to_day,
        "role": access.role,
        "recordCount": access.record_count,
    }


def _bits(table: type[IntFlag], value: int) -> str:
    known = [member for member in table if value & member]
    rest = value & ~sum(known)
    return " | ".join([*(str(member.name) for member in known), *([hex(rest)] if rest else [])]) or "none"


def _indented(details: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in details.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _indented(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for number, item in enumerate(value, 1):
                yield f"{indent}{name} {number}:"
                yield from _indented(item, indent + "  ")
        elif isinstance(value, (list, tuple)):
            yield f"{indent}{name}: {', '.join(str(output.plain(one)) for one in value)}"
        else:
            yield f"{indent}{name}: {output.plain(value)}"
