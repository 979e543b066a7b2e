"""`salus explain`: what a number, a name, bytes or JSON of a chain mean.

    salus explain 30                     a code, an entry kind or a refusal, whichever have this number
    salus explain CONSENT_REVOKED        the same by name; a custom error or an event too
    salus explain AccessDenied 30        a name and numbers: of the tables its parameters have
    salus explain 0x…                    revert data, calldata (a proposal's calls too), selector, topic or role
    salus explain '{"topics": …}'        a log, logs, a receipt, a transaction or a JSON-RPC answer
    salus explain receipt.json           the same from a file; - is standard input

Nothing is read from a chain: the artifacts and the tables of docs/errors.md are enough.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.chain_json import called, meanings_of_json, reverted
from cli.meaning import Meaning, Table, of_member, tables_of
from salus.adapters.chain import lexicon
from salus.core.audit import EntryKind
from salus.core.codes import Code
from salus.core.errors import InputError
from salus.core.refusals import Refusal

TABLES: tuple[Table, ...] = (Code, EntryKind, Refusal)
_HASH_BYTES = 32


def explain(
    what: Annotated[
        list[str],
        typer.Argument(
            help="A number, a name like CONSENT_REVOKED or AccessDenied (numbers may follow), 0x and bytes, "
            "JSON, a file of it, or - for standard input."
        ),
    ],
) -> None:
    """Explain what numbers, names, 0x bytes or a node's JSON mean here; everything that fits is told."""
    found = meanings(*what)
    output.emit([meaning.shown() for meaning in found], (line for meaning in found for line in meaning.lines()))


def meanings(*words: str) -> list[Meaning]:
    """Everything the words can mean. A number after the name of an error or event is of a table of its parameters.

    Raises:
        InputError: nothing here has this number, name, selector or topic, or the JSON is none of a node.
    """
    found: list[Meaning] = []
    tables: Sequence[Table] = ()
    for word in map(str.strip, words):
        if tables and word.isdecimal():
            found += _in_tables(int(word), tables) or meanings_of_word(word)
        else:
            found += meanings_of_word(word)
            tables = _tables_of(word) or (tables if word.isdecimal() else ())
    return found


def meanings_of_word(word: str) -> list[Meaning]:
    """Everything one word can mean; errors as `meanings`."""
    if word == "-":
        return meanings_of_json(sys.stdin.read())
    if word[:1] in {"{", "["}:
        return meanings_of_json(word)
    if word[:2].lower() == "0x":
        found = list(_of_bytes(word))
    elif word.isdecimal():
        found = _in_tables(int(word), TABLES)
    else:
        found = list(_with_name(word))
        if not found and (file := Path(word)).is_file():
            return meanings_of_json(_text(file))
    if not found:
        raise InputError(_nothing(word))
    return found


def _of_bytes(word: str) -> Iterator[Meaning]:
    try:
        data = bytes.fromhex(word[2:])
    except ValueError as error:
        raise InputError("bytes are 0x and an even number of hex digits") from error
    yield from reverted(data)
    yield from called(data)
    named = lexicon.selectors(data) if len(data) == 4 else lexicon.topics(data) if len(data) == _HASH_BYTES else []
    for one in named:
        says = f"{'topic' if one.kind == 'event' else 'selector'} of the {one.kind} {one.signature} of {one.contract}"
        yield Meaning(one.kind, says, {"contract": one.contract, "signature": one.signature})
    if (role := lexicon.role(data)) is not None:
        yield Meaning("role", f"directory role of {role}", {"contract": role})


def _in_tables(number: int, tables: Sequence[Table]) -> list[Meaning]:
    return [of_member(table(number)) for table in tables if number in set(table)]


def _with_name(name: str) -> Iterator[Meaning]:
    for table in TABLES:
        if name.upper() in table.__members__:
            yield of_member(table[name.upper()])
    for one in lexicon.named(name):
        title = "custom error" if one.kind == "error" else one.kind
        parameters = ", ".join(f"{kind} {parameter}" for parameter, kind in one.parameters)
        details = {"contract": one.contract, "signature": one.signature, "parameters": dict(one.parameters)}
        yield Meaning(one.kind, f"{title} {one.name}({parameters}) of {one.contract}", details)


def _tables_of(name: str) -> list[Table]:
    return [table for one in lexicon.named(name) for table in tables_of((each for each, _ in one.parameters), one.name)]


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except UnicodeDecodeError as error:
        raise InputError(f"{file.name} is no text") from error


def _nothing(word: str) -> str:
    if word[:2].lower() == "0x":
        if len(word) == 2 + 2 * _HASH_BYTES:
            return (
                f"{_short(word)} is no topic or role of these contracts. A transaction's hash tells nothing by itself: "
                "give its receipt, `cast receipt HASH --json | salus explain -`"
            )
        return (
            f"{_short(word)} is no revert, call, selector, topic or role of these contracts: is it of another "
            "deployment's version, or cut off?"
        )
    if word.isdecimal():
        return f"{_short(word)} is the number of no code, entry kind or refusal"
    names = {name.casefold(): name for name in _names()}
    near = [names[each] for each in get_close_matches(word.casefold(), names, n=3)]
    hint = f"; near to it: {', '.join(near)}" if near else ""
    return f"{_short(word)} is no code, entry kind, refusal, error or event by name, and no file{hint}"


def _names() -> Iterator[str]:
    for table in TABLES:
        yield from table.__members__
    yield from lexicon.all_names()


def _short(what: str) -> str:
    return what if len(what) <= 40 else f"{what[:38]}…"
