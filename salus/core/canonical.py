"""One canonical JSON: RFC 8785 member order, UTF-8, no white space, decimals kept exactly as they were written.

RFC 8785 would print 5.40 as 5.4; in FHIR the trailing zero is clinical precision, so numbers with a point are
`decimal.Decimal` and keep their digits. Floats are refused. RFC 8785 sorts member names by UTF-16 code units, which is
the order of code points for names up to U+D7FF; longer ones are refused.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec

from salus.core.errors import CanonicalError, InputError

_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def canonical(value: Any) -> bytes:
    """Canonical bytes of a JSON value made of dict, list, str, int, Decimal, bool and None.

    Raises:
        CanonicalError: a float, NaN, a non-string member name or another type.
    """
    try:
        _check(value)
        return _encoder.encode(value)
    except (TypeError, ValueError, msgspec.MsgspecError, UnicodeError) as error:
        raise CanonicalError("value has no canonical JSON form") from error


def parse(data: bytes | str) -> Any:
    """Read JSON, keeping decimals as written and refusing NaN, infinities and repeated member names.

    Raises:
        InputError: not such JSON.
    """
    try:
        return json.loads(data, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InputError("malformed JSON") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name is repeated")
    return members


def _check(value: Any) -> None:
    if value is None or isinstance(value, (str, bool, int)):
        return
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, str) or (not name.isascii() and max(name) > "\ud7ff"):
                raise CanonicalError("member names are strings of characters up to U+D7FF")
            _check(member)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(item)
    elif isinstance(value, Decimal):
        if not value.is_finite() or "E" in str(value):
            raise CanonicalError("decimals are finite and written without exponent")
    elif isinstance(value, float):
        raise CanonicalError("floats have no exact form; use Decimal")
    else:
        raise CanonicalError(f"{type(value).__name__} has no canonical JSON form")
