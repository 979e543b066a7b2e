"""Bodies that are read as they are, answers that are written canonically, and pages."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import Depends, Query, Request, Response

from api.schemas.common import Problem
from salus.core.canonical import canonical, parse
from salus.core.errors import InputError
from salus.core.ids import Address, ParticipantId, address_bytes, from_hex, to_address
from salus.core.ports_index import MAX_PAGE, Page

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "model": Problem,
        "description": "A problem (RFC 9457); docs/errors.md lists codes and names.",
        "content": {"application/problem+json": {}},
    }
}

_MOST_MEMBERS = 16
_63_BITS = 1 << 63
"""What a column of either database holds; a filter beyond it would be an error of the driver."""
After = Annotated[int | None, Query(ge=0, lt=_63_BITS, description="`next` of the page before")]
Since = Annotated[int | None, Query(alias="from", ge=0, lt=_63_BITS, description="Unix seconds, included")]
Until = Annotated[int | None, Query(alias="to", ge=0, lt=_63_BITS, description="Unix seconds, not included")]
Kind = Annotated[int | None, Query(ge=0, lt=1 << 8)]
Outcome = Annotated[int | None, Query(ge=0, lt=1 << 16)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


async def json_object(request: Request) -> dict[str, Any]:
    """Body as a JSON object with decimals as written.

    Raises:
        InputError: not a JSON object.
    """
    value = parse(await request.body())
    if not isinstance(value, dict):
        raise InputError("the body is a JSON object")
    return value


JsonObject = Annotated[dict[str, Any], Depends(json_object)]


async def form(request: Request) -> dict[str, str]:
    """Body of `application/x-www-form-urlencoded`; a member given twice is refused (RFC 6749 section 3.2).

    Raises:
        InputError: another kind of body, too many members, or a repeated one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InputError("the body is application/x-www-form-urlencoded")
    try:
        text = (await request.body()).decode("utf-8", "replace")
        members = parse_qs(text, keep_blank_values=False, max_num_fields=_MOST_MEMBERS)
    except ValueError as error:
        raise InputError("the form has too many members") from error
    if any(len(values) != 1 for values in members.values()):
        raise InputError("a member of the form is repeated")
    return {name: values[0] for name, values in members.items()}


Form = Annotated[dict[str, str], Depends(form)]


def canonical_json(value: Any) -> Response:
    """Answer in canonical JSON, which keeps decimals as written."""
    return Response(canonical(value), media_type="application/json")


def page_of(after: int | None, limit: int, *, newest_first: bool = False) -> Page:
    """Page of the index."""
    return Page(after, limit, newest_first)


def account_of(text: str) -> Address:
    """Checksummed account.

    Raises:
        InputError: not 20 bytes of hex.
    """
    return to_address(address_bytes(Address(text)))


def participant_of(text: str) -> ParticipantId:
    """Id of an institution.

    Raises:
        InputError: not 32 bytes of hex.
    """
    return ParticipantId(from_hex(text))
