"""`salus explain`: what a number, a name or bytes of a chain mean.

    salus explain 30                     a code, an entry kind or a refusal, whichever have this number
    salus explain CONSENT_REVOKED        the same by name, or a custom error
    salus explain 0x…                    revert data, calldata (a proposal's calls too), selector, topic or role

Nothing is read from a chain: the artifacts and the tables of docs/errors.md are enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli import output
from salus.adapters.chain import lexicon
from salus.adapters.chain.abi import reverts
from salus.core.audit import EntryKind
from salus.core.codes import EXPLANATIONS, Code
from salus.core.errors import ChainRevert, InputError
from salus.core.refusals import REFUSALS, Refusal
from salus.core.words_for_people import KINDS

_WITH_DETAILS = frozenset({"call", "revert"})
_CALLED_UNKNOWN = frozenset({"UnknownError", "NoReason"})


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
        if self.kind in _WITH_DETAILS:
            yield from _indented(self.details["args"], "  ")


def explain(
    what: Annotated[str, typer.Argument(help="A number, a name like CONSENT_REVOKED, or 0x and bytes.")],
) -> None:
    """Explain what a number, name or 0x bytes mean here; everything that fits is told."""
    found = meanings(what.strip())
    output.emit([meaning.shown() for meaning in found], (line for meaning in found for line in meaning.lines()))


def meanings(what: str) -> list[Meaning]:
    """Everything `what` can mean.

    Raises:
        InputError: nothing here has this number, name, selector or topic.
    """
    if what[:2].lower() == "0x":
        try:
            data = bytes.fromhex(what[2:])
        except ValueError as error:
            raise InputError("bytes are 0x and an even number of hex digits") from error
        found = [*_reverts(data), *_calls(data), *_digests(data)]
    elif what.isdecimal():
        found = list(_numbered(int(what)))
    else:
        found = list(_with_name(what))
    if not found:
        raise InputError(
            f"{_short(what)} is no code, entry kind, refusal or error by number or name, and no revert, call, "
            "selector, topic or role of these contracts: is it of another deployment's version, or cut off?"
        )
    return found


def _numbered(number: int) -> Iterator[Meaning]:
    for table in (Code, EntryKind, Refusal):
        if number in set(table):
            yield _of(table(number))


def _with_name(name: str) -> Iterator[Meaning]:
    for table in (Code, EntryKind, Refusal):
        if name.upper() in table.__members__:
            yield _of(table[name.upper()])
    for error in lexicon.errors_named(name):
        yield Meaning("error", f"custom error {error.signature} of {error.contract}", {})


def _of(member: Code | EntryKind | Refusal) -> Meaning:
    details = {"number": int(member), "name": member.name}
    if isinstance(member, Code):
        return Meaning("code", f"code {int(member)}, {member.name}: {EXPLANATIONS[member]}", details)
    if isinstance(member, Refusal):
        return Meaning("refusal", f"refusal {int(member)}, {member.name}: {REFUSALS[member]}", details)
    said = KINDS[member].en
    return Meaning("entry", f"log entry of kind {int(member)}, {member.name}; its patient reads: {said}", details)


def _reverts(data: bytes) -> Iterator[Meaning]:
    revert = reverts().read(data)
    if revert.error not in _CALLED_UNKNOWN:
        yield Meaning("revert", f"revert {revert}", {"error": revert.error, "args": dict(_with_words(revert))})


def _with_words(revert: ChainRevert) -> Iterator[tuple[str, Any]]:
    """Arguments of a revert; numbers of our tables and roles get their words beside."""
    for name, value in revert.args_by_name.items():
        yield name, value
        if name == "refusal" and isinstance(value, int) and value in set(Refusal):
            yield f"{name}Says", _of(Refusal(value)).says
        elif name == "code" and isinstance(value, int) and value in set(Code):
            yield f"{name}Says", _of(Code(value)).says
        elif isinstance(value, bytes) and (role := lexicon.role(value)) is not None:
            yield f"{name}Says", f"directory role of {role}"


def _calls(data: bytes) -> Iterator[Meaning]:
    for call in lexicon.calls(data):
        title = f"call of {call.contract}.{call.function}"
        yield Meaning("call", title, {"contract": call.contract, "function": call.function, "args": call.args})


def _digests(data: bytes) -> Iterator[Meaning]:
    named = lexicon.selectors(data) if len(data) == 4 else lexicon.topics(data) if len(data) == 32 else []
    for one in named:
        says = f"{'topic' if one.kind == 'event' else 'selector'} of the {one.kind} {one.signature} of {one.contract}"
        yield Meaning(one.kind, says, {"contract": one.contract, "signature": one.signature})
    if (role := lexicon.role(data)) is not None:
        yield Meaning("role", f"directory role of {role}", {"contract": role})


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
            yield f"{indent}{name}: {', '.join(_plain(value))}"
        else:
            yield f"{indent}{name}: {output.plain(value)}"


def _plain(values: Iterable[Any]) -> list[str]:
    return [str(output.plain(value)) for value in values]


def _short(what: str) -> str:
    return what if len(what) <= 20 else f"{what[:18]}…"
