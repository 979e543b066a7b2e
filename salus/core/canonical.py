"""One canonical JSON: RFC 8785 member order, UTF-8, no white space, decimals kept exactly as they were written.

RFC 8785 would print 5.40 as 5.4; in FHIR the trailing zero is clinical precision, so numbers with a point are
`decimal.Decimal` and keep their digits. Floats and exponents are refused: a number of eleven characters like
1e99999999 would otherwise take minutes to turn into an integer. RFC 8785 sorts member names by UTF-16 code units, which
is the order of code points for names up to U+D7FF; others are refused. Depth is limited here because the interpreter's
own limit is not enough: libraries raise it, and then brackets in a row end the process.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

from salus.core.errors import CanonicalError, InputError

_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")
_MAX_PLACES = 100
MAX_DEPTH = 128
"""Arrays and objects inside each other."""
_WIDE_LEADS = tuple(bytes([lead]) for lead in range(0xEE, 0xF5))
"""First UTF-8 bytes of the characters from U+E000 on; surrogates have no UTF-8 form."""
# Possessive, and a string that is cut off ends with the text: a pattern that can fail would begin again at every quote.
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


def canonical(value: Any) -> bytes:
    """Canonical bytes of a JSON value made of dict, list, str, int, Decimal, bool and None.

    Raises:
        CanonicalError: a float, NaN, a non-string member name, another type, or too deep a nesting.
    """
    try:
        encoded = _encoder.encode(_spelled(value) if _check(value) else value)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise CanonicalError("value has no canonical JSON form") from error
    if not encoded.isascii() and _may_have_wide_name(encoded):
        _check_names(value)
    return encoded


def parse(data: bytes | str) -> Any:
    """Read JSON, keeping decimals as written and refusing exponents, NaN, infinities and repeated member names.

    Raises:
        InputError: not such JSON, not UTF-8, or nested too deep.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        _check_depth(text)
        return json.loads(text, parse_float=_decimal, parse_constant=_no_constant, object_pairs_hook=_unique)
    except ValueError as error:
        raise InputError("malformed JSON") from error


def integer(value: Any, bits: int = 64) -> int:
    """An integer member as it stands in JSON, 0 to 2^bits - 1; strings, fractions and booleans are not read as one.

    Raises:
        InputError: something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or value >> bits:
        raise InputError(f"expected an integer of {bits} bits")
    return value


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _TOKENS.finditer(text):
        mark = text[match.start()]
        if mark != '"':
            depth += 1 if mark in "[{" else -1
            if depth > MAX_DEPTH:
                raise ValueError("nested too deep")


def _decimal(text: str) -> Decimal:
    if "e" in text or "E" in text:
        raise ValueError("numbers are written without exponent")
    return Decimal(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name is repeated")
    return members


def _check(value: Any) -> bool:
    """Refuse what has no canonical form; True when a decimal in it must be spelled out before it is encoded.

    Level by level and with few calls, because records are large and nearly all of their members are strings. What many
    members share (a subject, a code, a unit) is one object, and looked at once a level.
    """
    unspelled = False
    level, depth = [value], 0
    while level:
        if depth == MAX_DEPTH and any(isinstance(one, (dict, list, tuple)) for one in level):
            raise CanonicalError(f"values are nested at most {MAX_DEPTH} deep")
        members: list[Any] = []
        for one in level:
            kind = type(one)
            if kind is dict or isinstance(one, dict):
                members += one.values()
            elif kind is list or isinstance(one, (list, tuple)):
                members += one
            elif kind is not int and kind is not bool:
                unspelled |= _check_single(one)
        level = list({id(member): member for member in members if type(member) is not str}.values())
        depth += 1
    return unspelled


def _check_single(value: Any) -> bool:
    if isinstance(value, Decimal):
        text = str(value)
        if "E" not in text and len(text) <= _MAX_PLACES and value.is_finite():
            return False
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or not -_MAX_PLACES <= exponent <= 0:
            raise CanonicalError(f"decimals are finite, without exponent and of at most {_MAX_PLACES} places")
        return "E" in text
    if value is None or isinstance(value, (str, bool, int)):
        return False
    if isinstance(value, float):
        raise CanonicalError("floats have no exact form; use Decimal")
    raise CanonicalError(f"{type(value).__name__} has no canonical JSON form")


def _may_have_wide_name(encoded: bytes) -> bool:
    """Whether a member name may hold a character beyond U+D7FF; names are strings before a colon.

    Looks at strings with such characters only, so that names are not walked through for every record. An escaped quote
    in one leaves the question open.
    """
    for lead in _WIDE_LEADS:
        place = encoded.find(lead)
        while place >= 0:
            end = encoded.find(b'"', place)
            if encoded[end - 1 : end] == b"\\" or encoded[end + 1 : end + 2] == b":":
                return True
            place = encoded.find(lead, end)
    return False


def _check_names(value: Any) -> None:
    level = [value]
    while level:
        members: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                if any(not name.isascii() and max(name) > "\ud7ff" for name in one):
                    raise CanonicalError("member names are strings of characters up to U+D7FF")
                members.extend(one.values())
            elif isinstance(one, (list, tuple)):
                members.extend(one)
        level = members


def _spelled(value: Any) -> Any:
    """The value with its decimals as raw JSON: Python prints 0.0000001 as 1E-7."""
    if isinstance(value, dict):
        return {name: _spelled(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_spelled(item) for item in value]
    if isinstance(value, Decimal):
        return msgspec.Raw(format(value, "f").encode())
    return value
