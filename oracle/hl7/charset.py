"""Bytes to text, before anything is split.

464 hanzi have `\\`, `^`, `|` or `~` as the second byte of their GB18030 form, so bytes must never be split on
separators. Order of trust: setting of the source, then MSH-18 (or MSH-17 of senders that lost a separator), then strict
UTF-8, then strict GB18030. Text is never guessed as Latin-1. Bytes that are UTF-8 with hanzi are taken as UTF-8
whatever was declared, because GB18030 accepts most UTF-8 bytes and turns them into other hanzi without an error.
Source: HL7 v2.9 section 2.14.9.18 (MSH-18) and table 0211; GB 18030-2022.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from oracle.hl7.errors import CharsetError, Location

UTF_8 = "utf-8"
GB18030 = "gb18030"
BIG5 = "big5hkscs"
ASCII = "ascii"

# HL7 table 0211 and what Chinese senders write in its place; keys are upper case without blanks, dots and hyphens
_DECLARED = {
    "UNICODEUTF8": UTF_8,
    "UNICODE": UTF_8,
    "UTF8": UTF_8,
    "ISOIR192": UTF_8,
    "GB180302000": GB18030,
    "GB180302005": GB18030,
    "GB180302022": GB18030,
    "GB18030": GB18030,
    "GBK": GB18030,
    "GB2312": GB18030,
    "GB231280": GB18030,
    "CP936": GB18030,
    "MS936": GB18030,
    "WINDOWS936": GB18030,
    "EUCCN": GB18030,
    "BIG5": BIG5,
    "BIG5HKSCS": BIG5,
    "CP950": BIG5,
    "ASCII": ASCII,
    "USASCII": ASCII,
    "ISOIR6": ASCII,
}
_NOISE = re.compile(r"[\s._-]+")
_LINE_END = re.compile(rb"[\r\n]")
_UTF_8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text of a message, the codec that gave it, and whether the sender had declared another one."""

    text: str
    codec: str
    mismatch: bool


def codec_of(declared: str) -> str | None:
    """Python codec of a declared character set; None if this receiver doesn't know it."""
    return _DECLARED.get(_NOISE.sub("", declared).upper())


def declared_in(raw: bytes) -> str:
    """Character set the message names for itself: first repetition of MSH-18, else a known name in MSH-17, else ""."""
    line = _LINE_END.split(raw, maxsplit=1)[0]
    try:
        header = line.decode(UTF_8)
    except UnicodeDecodeError:
        # Both GB18030 and Big5 pair bytes alike here, so no trail byte is taken for a separator.
        header = line.decode(GB18030, errors="replace")
    if not header.startswith("MSH") or len(header) < 8:
        return ""
    fields = header.split(header[3])
    repetition = header[5] if len(header) > 5 else "~"
    named = fields[17].split(repetition)[0].strip() if len(fields) > 17 else ""
    if named:
        return named
    shifted = fields[16].split(repetition)[0].strip() if len(fields) > 16 else ""
    return shifted if codec_of(shifted) else ""


def decode(raw: bytes, setting: str | None = None) -> Decoded:
    """Decode a message. `setting` is the character set configured for the source, which wins over MSH-18.

    Raises:
        CharsetError: the setting is unknown, or the bytes are not text in any character set that may be tried.
    """
    if setting is not None and codec_of(setting) is None:
        raise CharsetError("the character set configured for this source is unknown", Location("MSH", field=18))
    raw = raw.removeprefix(_UTF_8_BOM)
    named = setting or declared_in(raw)
    codec = codec_of(named) if named else None
    if raw.isascii():
        return Decoded(raw.decode(ASCII), codec or UTF_8, mismatch=False)
    utf_8 = _strict(raw, UTF_8)
    if utf_8 is not None and (codec in (None, UTF_8, ASCII) or _has_wide(utf_8)):
        return Decoded(utf_8, UTF_8, mismatch=codec not in (None, UTF_8))
    if named and codec is None:
        raise CharsetError("MSH-18 names an unknown character set and the bytes are not UTF-8", _MSH_18)
    for candidate in dict.fromkeys((codec, GB18030)):
        text = _strict(raw, candidate) if candidate else None
        if text is not None and candidate:
            return Decoded(text, candidate, mismatch=codec not in (None, candidate))
    if utf_8 is not None:
        return Decoded(utf_8, UTF_8, mismatch=True)
    raise CharsetError("the bytes are neither UTF-8 nor GB18030 nor what MSH-18 says", _MSH_18)


def encode(text: str, codec: str) -> bytes:
    """Encode a reply in the sender's character set; characters it lacks become `?`."""
    return text.encode(codec, errors="replace")


_MSH_18 = Location("MSH", field=18)


def _strict(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def _has_wide(text: str) -> bool:
    """Whether decoded UTF-8 holds three-byte characters.

    Two-byte UTF-8 alone (Latin, Greek, Cyrillic) proves nothing: a few common hanzi in GB18030 look the same.
    """
    return max(text) >= "\u0800"
