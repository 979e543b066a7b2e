"""The oracle over HTTP.

| method and path | who | body | answer |
| --- | --- | --- | --- |
| `POST /v1/messages` | senders, by bearer token | one HL7 v2 message | its acknowledgment (`application/hl7-v2`) |
| `GET /v1/messages/{name}/ack` | the same sender | | its application acknowledgment; 202 before it is due |
| `POST /v1/claims/prepare` | a code | `{code, controller}` | `{subjectRef, sourceId, deadline, typedData}` |
| `POST /v1/claims` | a code | `{code, controller, deadline, signature}` | `{subjectRef, txHash}` |
| `GET /v1/content/{cid}` | any member | header: signed call `content`, body `{cid}` | envelope |
| `GET /v1/proofs/{leaf}` | whoever knows the leaf | | `{root, proof}` of its anchored batch |
| `POST /v1/links/waiting` | a controller | signed call `links` | `{links: [{key, typedData}]}` |
| `POST /v1/links` | a controller | signed call `agree`, body `{key, deadline, signature}` | `{agreed}` |
| `POST /v1/retention/{verb}` | a controller, own operator | signed call | see `oracle.retention` |
| `POST /v1/erasures` | own operator | header: signed call `erase`, body `{recordId}` | `{removed, envelopes}` |
| `POST /v1/operations/{verb}` | own operator | header: signed call | see `oracle.office` |
| `GET /health`, `/ready`, `/metrics` | monitoring | | |

`sourceId` may stand in a claim and must then be this source. The header is described in `oracle.members`. Wrong codes
are counted per network address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Protocol

import structlog
from anyio import to_thread
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from oracle.agreements import Agreements
from oracle.attempts import Attempts
from oracle.claims import Claims
from oracle.destruction import Destruction
from oracle.intake.gate import Gate
from oracle.intake.http import STATUS_NO_REPLY, STATUS_NOT_DUE, answer, content_type_of
from oracle.intake.ports import Peer, Taker
from oracle.intake.senders import HttpSenders
from oracle.members import Members
from oracle.metrics import Metrics
from oracle.office import Office
from oracle.problems import BUSY, NO_TOKEN, TOO_LARGE, TOO_MANY, problem_of
from oracle.proofs import AnchoredBatches, inclusion_proof
from oracle.retention import RetentionDesk
from oracle.sources import Source
from oracle.store import Erasing
from salus.core.calls import SignedCall
from salus.core.canonical import canonical, integer, parse
from salus.core.cid import cid_of, digest_of
from salus.core.codes import Code
from salus.core.errors import InputError, NotFoundError, RefusedError, SalusError
from salus.core.ids import LeafHash, ParticipantId, RecordId, SubjectRef, from_hex, hex32, read_address
from salus.core.ports import ContentStore
from salus.core.problem import MEDIA_TYPE, Problem
from salus.core.retention import Agreement

MAX_CLAIM_BYTES = 16 * 1024
_MOST_DAYS = 5 * 366

_log = structlog.get_logger()
Reply = dict[str, Any] | bytes | Problem


class Acknowledgments(Protocol):
    """Application acknowledgments that are fetched (`oracle.replies.Fetching`)."""

    def fetch(self, name: str, source: Source) -> bytes | None: ...


class Bodies:
    """Bytes of messages being posted, all requests together; above `most` the growing one is told to come later."""

    def __init__(self, most: int = 256 * 1024 * 1024) -> None:
        self._most = most
        self._held = 0

    def grow(self, size: int) -> bool:
        """Count bytes in; False when they are too many."""
        self._held += size
        return self._held <= self._most

    def shrink(self, size: int) -> None:
        """Count bytes out."""
        self._held -= size


@dataclass(frozen=True, slots=True)
class Front:
    """What the application answers with. `ready` gives the figures of readiness or raises."""

    source: ParticipantId
    sink: Taker
    senders: HttpSenders
    acknowledgments: Acknowledgments
    claims: Claims
    agreements: Agreements
    content: ContentStore
    erasing: Erasing
    retention: RetentionDesk
    destruction: Destruction
    batches: AnchoredBatches
    members: Members
    attempts: Attempts
    metrics: Metrics
    office: Office
    ready: Callable[[], Reply]
    gate: Gate = field(default_factory=Gate)
    bodies: Bodies = field(default_factory=Bodies)


def create_app(front: Front) -> Starlette:
    """The application; blocking work runs in threads, messages go straight to the sink."""
    endpoints = _Endpoints(front)
    return Starlette(
        routes=[
            Route("/v1/messages", endpoints.messages, methods=["POST"]),
            Route("/v1/messages/{name}/ack", endpoints.acknowledgment),
            Route("/v1/claims/prepare", endpoints.prepare, methods=["POST"]),
            Route("/v1/claims", endpoints.claim, methods=["POST"]),
            Route("/v1/content/{cid}", endpoints.content),
            Route("/v1/proofs/{leaf}", endpoints.proofs),
            Route("/v1/links/waiting", endpoints.links, methods=["POST"]),
            Route("/v1/links", endpoints.agree, methods=["POST"]),
            Route("/v1/retention/due", endpoints.due, methods=["POST"]),
            Route("/v1/retention/agree", endpoints.agree_to_destruction, methods=["POST"]),
            Route("/v1/retention/list", endpoints.list_due, methods=["POST"]),
            Route("/v1/retention/sweep", endpoints.sweep, methods=["POST"]),
            Route("/v1/erasures", endpoints.erasures, methods=["POST"]),
            Route("/v1/operations/{verb}", endpoints.operations, methods=["POST"]),
            Route("/health", endpoints.health),
            Route("/ready", endpoints.ready),
            Route("/metrics", endpoints.metrics),
        ]
    )


class _Endpoints:
    def __init__(self, front: Front) -> None:
        self._front = front

    async def messages(self, request: Request) -> Response:
        front = self._front
        source = front.senders.recognise(request.headers.get("authorization", ""))
        if source is None:
            return _reply(NO_TOKEN)
        if front.gate.is_shut:
            return _later(1.0)
        if seconds := front.senders.take(source):
            return _later(seconds)
        taken, most, crowded = 0, source.max_message_bytes, False

        def grow(size: int) -> bool:
            nonlocal taken, crowded
            taken += size
            crowded = not front.bodies.grow(size)
            return not crowded

        try:
            body = await _read(request, most, grow)
            if body is None:
                return _later(1.0) if crowded else _reply(TOO_LARGE)
            posted = await answer(body, Peer("http", _address(request), source.name), front.sink, most)
        finally:
            front.bodies.shrink(taken)
        headers = {"location": f"/v1/messages/{posted.name.hex()}/ack"} if posted.name else None
        return Response(posted.reply, posted.status, headers, content_type_of(posted.reply) if posted.reply else None)

    async def acknowledgment(self, request: Request) -> Response:
        front, name = self._front, request.path_params["name"]
        source = front.senders.recognise(request.headers.get("authorization", ""))
        if source is None:
            return _reply(NO_TOKEN)
        try:
            found = await to_thread.run_sync(lambda: front.acknowledgments.fetch(name, source))
        except Exception as error:  # noqa: BLE001 - every error becomes a reply here
            return _reply(_problem(error))
        if found is None:
            return Response(b"", STATUS_NOT_DUE, {"retry-after": "1"})
        return Response(found, media_type=content_type_of(found)) if found else Response(b"", STATUS_NO_REPLY)

    async def prepare(self, request: Request) -> Response:
        return await self._claiming(request, _prepare)

    async def claim(self, request: Request) -> Response:
        return await self._claiming(request, _bind)

    async def content(self, request: Request) -> Response:
        header, cid = request.headers.get("authorization", ""), request.path_params["cid"]
        return await _answered(lambda: _content(self._front, header, cid))

    async def proofs(self, request: Request) -> Response:
        leaf = request.path_params["leaf"]
        return await _answered(lambda: _proof(self._front, leaf))

    async def links(self, request: Request) -> Response:
        return await self._called(request, _waiting_links)

    async def agree(self, request: Request) -> Response:
        return await self._called(request, _agree)

    async def due(self, request: Request) -> Response:
        return await self._called(request, _due)

    async def agree_to_destruction(self, request: Request) -> Response:
        return await self._called(request, _agree_to_destruction)

    async def list_due(self, request: Request) -> Response:
        return await self._called(request, _list_due)

    async def sweep(self, request: Request) -> Response:
        return await self._called(request, _sweep)

    async def erasures(self, request: Request) -> Response:
        header = request.headers.get("authorization", "")
        return await _answered(lambda: _erase(self._front, header))

    async def operations(self, request: Request) -> Response:
        verb, header = request.path_params["verb"], request.headers.get("authorization", "")
        return await _answered(lambda: self._front.office.answer(verb, header))

    async def health(self, _: Request) -> Response:
        return _reply({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        return await _answered(self._front.ready)

    async def metrics(self, _: Request) -> Response:
        text = await to_thread.run_sync(lambda: generate_latest(self._front.metrics.registry))
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _called(self, request: Request, work: Callable[[Front, dict[str, Any]], Reply]) -> Response:
        front, body = self._front, await _read(request, MAX_CLAIM_BYTES)
        return _reply(TOO_LARGE) if body is None else await _answered(lambda: work(front, _object(body)))

    async def _claiming(self, request: Request, work: Callable[[Front, dict[str, Any]], Reply]) -> Response:
        front, address = self._front, _address(request)
        if not front.attempts.allowed(address):
            return _reply(TOO_MANY)
        body = await _read(request, MAX_CLAIM_BYTES)
        if body is None:
            return _reply(TOO_LARGE)

        def worked() -> Reply:
            try:
                return work(front, _object(body))
            except (NotFoundError, InputError):
                front.attempts.failed(address)
                raise

        return await _answered(worked)


def _prepare(front: Front, value: dict[str, Any]) -> Reply:
    _require_source(front, value)
    prepared = front.claims.prepare(_text(value, "code"), read_address(_text(value, "controller")))
    return {
        "subjectRef": hex32(prepared.subject),
        "sourceId": hex32(front.source),
        "deadline": prepared.deadline,
        "typedData": prepared.typed_data,
    }


def _bind(front: Front, value: dict[str, Any]) -> Reply:
    _require_source(front, value)
    claimed = front.claims.claim(
        _text(value, "code"),
        read_address(_text(value, "controller")),
        integer(value.get("deadline")),
        from_hex(_text(value, "signature"), 65),
    )
    return {"subjectRef": hex32(claimed.subject), "txHash": hex32(claimed.tx_hash) if claimed.tx_hash else None}


def _content(front: Front, header: str, cid: str) -> Reply:
    call, _ = front.members.admit(header, "content")
    if call.body.get("cid") != cid:
        raise InputError("the signed call names another cid")
    return front.content.get(digest_of(cid))


def _proof(front: Front, leaf: str) -> Reply:
    found = inclusion_proof(LeafHash(from_hex(leaf)), front.batches)
    return {"root": hex32(found.root), "proof": [hex32(node) for node in found.path]}


def _waiting_links(front: Front, value: dict[str, Any]) -> Reply:
    call = front.members.signer(value, "links")
    found = front.agreements.waiting(call.signer)
    return {"links": [{"key": one.key, "typedData": one.typed_data} for one in found]}


def _agree(front: Front, value: dict[str, Any]) -> Reply:
    call = front.members.signer(value, "agree")
    key, deadline = integer(call.body.get("key")), integer(call.body.get("deadline"))
    front.agreements.sign(key, call.signer, deadline, from_hex(_text(call.body, "signature"), 65))
    return {"agreed": key}


def _due(front: Front, value: dict[str, Any]) -> Reply:
    call = front.members.signer(value, "retention.due")
    subject = SubjectRef(from_hex(_text(call.body, "subjectRef")))
    found = front.retention.due_of(call.signer, subject, _days(call.body))
    return {"records": [one.to_json() for one in found]}


def _agree_to_destruction(front: Front, value: dict[str, Any]) -> Reply:
    call = front.members.signer(value, "retention.agree")
    agreement = Agreement(
        RecordId(from_hex(_text(call.body, "recordId"))),
        SubjectRef(from_hex(_text(call.body, "subjectRef"))),
        integer(call.body.get("custodianSet"), 32),
        integer(call.body.get("deadline"), 64),
        from_hex(_text(call.body, "signature"), 65),
    )
    agreed = front.retention.agree(call.signer, agreement)
    return {"agreed": hex32(agreed.copy.record_id)}


def _list_due(front: Front, value: dict[str, Any]) -> Reply:
    call = _own(front, *front.members.member(value, "retention.list"))
    found = front.retention.due(_days(call.body))
    return {
        "records": [one.to_json() for one in found],
        "graceDays": front.retention.grace_days,
        "sourceId": hex32(front.source),
    }


def _sweep(front: Front, value: dict[str, Any]) -> Reply:
    _own(front, *front.members.member(value, "retention.sweep"))
    swept = front.destruction.sweep()
    return {
        "filed": swept.filing.filed,
        "dropped": swept.filing.dropped,
        "refused": list(swept.filing.refused),
        "carriedOut": swept.carried_out,
        "open": swept.open,
    }


def _days(body: dict[str, Any]) -> int:
    days = integer(body.get("withinDays", 0))
    if not 0 <= days <= _MOST_DAYS:
        raise InputError(f"withinDays is from 0 to {_MOST_DAYS}")
    return days


def _own(front: Front, call: SignedCall, participant: ParticipantId) -> SignedCall:
    if participant != front.source:
        raise RefusedError(Code.NOT_OPERATOR)
    return call


def _erase(front: Front, header: str) -> Reply:
    call = _own(front, *front.members.admit(header, "erase"))
    erased = front.erasing.erase(RecordId(from_hex(_text(call.body, "recordId"))))
    return {"removed": erased.removed, "envelopes": [cid_of(digest) for digest in erased.envelopes]}


def _require_source(front: Front, value: dict[str, Any]) -> None:
    if value.get("sourceId") not in (None, hex32(front.source)):
        raise NotFoundError("this oracle is of another source")


def _object(body: bytes) -> dict[str, Any]:
    value = parse(body)
    if not isinstance(value, dict):
        raise InputError("the body is a JSON object")
    return value


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise InputError(f"{name} is missing")
    return found


async def _answered(work: Callable[[], Reply]) -> Response:
    try:
        return _reply(await to_thread.run_sync(work))
    except Exception as error:  # noqa: BLE001 - every error becomes a reply here
        return _reply(_problem(error))


def _problem(error: Exception) -> Problem:
    if not isinstance(error, SalusError):
        _log.error("request failed", error=type(error).__name__)
    return problem_of(error)


def _reply(reply: Reply) -> Response:
    if isinstance(reply, Problem):
        return Response(canonical(reply.to_json()), reply.status, media_type=MEDIA_TYPE)
    if isinstance(reply, bytes):
        return Response(reply, media_type="application/octet-stream")
    return Response(canonical(reply), media_type="application/json")


async def _read(request: Request, most: int, grow: Callable[[int], bool] = lambda _: True) -> bytes | None:
    """The body, or None when it is larger than `most`, or `grow` refuses what has come of it."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if not grow(len(part)) or size > most:
                return None
            parts.append(part)
    except ClientDisconnect:
        return None
    return b"".join(parts)


def _later(seconds: float) -> Response:
    answer = _reply(BUSY)
    answer.headers["retry-after"] = str(ceil(seconds))
    return answer


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
