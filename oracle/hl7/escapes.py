r"""Escape sequences inside fields.

| sequence | becomes |
| --- | --- |
| `\F\` `\S\` `\T\` `\R\` `\E\` `\P\` | the message's own separators, escape and truncation character |
| `\Xdd..\` | the bytes dd.. read as UTF-8, else as GB18030 |
| `\.br\` `\.sp<n>\` `\.ce\` | line breaks |
| `\.in..\` `\.ti..\` `\.fi\` `\.nf\` `\.sk<n>\` | dropped (`sk`: blanks) |
| `\H\` `\N\` | dropped (highlighting) |
| anything else (`\Zdd..\`, `\Cxxyy\`, a lone `\`) | kept as it was sent |

Source: HL7 v2.9 section 2.7 (use of escape sequences in text fields).
"""

from __future__ import annotations

import re
from functools import lru_cache

from oracle.hl7.separators import Separators

_MAX_REPEAT = 20  # a text grows by no more than three times


def unescape(text: str, separators: Separators) -> str:
    """Replace escape sequences; text without the escape character is returned as it is."""
    escape = separators.escape
    if not escape or escape not in text:
        return text
    return _sequence(escape).sub(lambda found: _meaning(found, separators), text)


def escape(text: str, separators: Separators) -> str:
    """Escape plain text for a field; line breaks become `.br`."""
    mark = separators.escape
    if not mark:
        return text
    table = {
        mark: f"{mark}E{mark}",
        separators.field: f"{mark}F{mark}",
        separators.component: f"{mark}S{mark}",
        separators.subcomponent: f"{mark}T{mark}",
        separators.repetition: f"{mark}R{mark}",
    }
    escaped = "".join(table.get(character, character) for character in text)
    return re.sub(r"\r\n|\r|\n", lambda _: f"{mark}.br{mark}", escaped)


@lru_cache(maxsize=16)
def _sequence(mark: str) -> re.Pattern[str]:
    quoted = re.escape(mark)
    return re.compile(f"{quoted}([^{quoted}]{{0,4096}}){quoted}")


def _meaning(found: re.Match[str], separators: Separators) -> str:
    body = found.group(1)
    single = {
        "F": separators.field,
        "S": separators.component,
        "T": separators.subcomponent,
        "R": separators.repetition,
        "E": separators.escape,
        "P": separators.truncation or "#",
        "H": "",
        "N": "",
    }.get(body)
    if single is not None:
        return single
    if body.startswith("X"):
        text = _hexadecimal(body[1:])
        return found.group(0) if text is None else text
    if body.startswith("."):
        text = _formatting(body[1:])
        return found.group(0) if text is None else text
    return found.group(0)


def _hexadecimal(digits: str) -> str | None:
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return None
    for codec in ("utf-8", "gb18030"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return None


def _formatting(command: str) -> str | None:
    name, argument = command[:2], command[2:].strip().lstrip("+")
    count = min(int(argument), _MAX_REPEAT) if argument.isascii() and argument.isdigit() else 1
    if name in ("br", "sp", "ce"):
        return "\n" * (count if name == "sp" else 1)
    if name == "sk":
        return " " * count
    return "" if name in ("in", "ti", "fi", "nf") else None
