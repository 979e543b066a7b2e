"""The client of a patient's wallet, over the API itself."""

from typing import Any

import httpx
import pytest

from salus.adapters.api_client import SUBJECT_MEMBERS, ApiClient, RelayedContent, RelayedCustodians, RelayedLedger
from salus.adapters.memory import MemorySigner
from salus.core.access import AccessKind
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.errors import (
    ChainRevert,
    ConflictError,
    InputError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    SalusError,
    SignatureError,
    UnavailableError,
)
from salus.core.hashing import sha256
from salus.core.ids import ParticipantId, hex32
from salus.core.labels import Action, Purpose, Role
from salus.core.outcome import AccessDeniedError
from salus.core.ports import ContractCall
from salus.core.state import Denial
from salus.flows import bind
from salus.flows.bind import deny_call, freeze_call, retain_call
from salus.flows.custody import Caller
from salus.flows.grant import grant_call, revoke_all_call, revoke_call
from salus.flows.open import NO_PARTICIPANT, Ask, Person, Reading, open_without_consent
from tests.unit.api.world import CUSTODIANS, HOSPITAL, SUBJECT, URL, ApiWorld

LATER = 2_000_000_000


class OverTestClient(httpx.BaseTransport):
    """Requests of an httpx client, answered by the application in memory."""

    def __init__(self, world: ApiWorld) -> None:
        self._client = world.client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._client.request(
            request.method, str(request.url), headers=dict(request.headers), content=request.read()
        )
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)


@pytest.fixture
def client(world: ApiWorld) -> ApiClient:
    return ApiClient(URL, transport=OverTestClient(world))


def test_client__deployment__gives_domains_addresses_and_keys(world: ApiWorld, client: ApiClient) -> None:
    assert client.chain_id == 31337
    assert client.domain("AccessGateway") == world.chain.domain("AccessGateway")
    assert client.domain("Council") == world.chain.domain("Council")
    assert client.address_of("AuditLog") == world.chain.address_of("AuditLog")
    assert list(client.custodian_keys(1)) == list(CUSTODIANS)
    with pytest.raises(NotFoundError):
        client.custodian_keys(2)


def test_client__sign_in_and_hand_in__stores_the_package(world: ApiWorld, client: ApiClient) -> None:
    signed = world.sign_consent()
    relayed = client.relay(grant_call(signed))
    assert relayed.block_number == world.chain.head().number
    client.hand_in(world.package_of(signed), client.sign_in(world.holder))
    assert world.packages.get(signed.consent_id)


def test_client__revocations__reach_the_chain(world: ApiWorld, client: ApiClient) -> None:
    domain = client.domain("ConsentRegistry")
    signed = world.hand_in()
    client.relay(revoke_call(world.holder, signed.consent_id, domain))
    client.relay(revoke_all_call(world.holder, client.epoch_of(world.holder.address), domain))
    assert client.epoch_of(world.holder.address) == 1
    assert [call.function for call in world.writer.sent] == ["revoke", "revokeAll"]


def test_client__subject_calls__are_relayed_as_the_flows_make_them(world: ApiWorld, client: ApiClient) -> None:
    domain = client.domain("SubjectRegistry")
    client.relay(freeze_call(world.controller, SUBJECT, 0, LATER, domain, frozen=True))
    assert world.chain.subject(SUBJECT, world.chain.head()).frozen
    for call in (
        deny_call(world.controller, SUBJECT, HOSPITAL, Denial.ABSOLUTE, 0, LATER, domain),
        retain_call(world.controller, SUBJECT, 3, 0, LATER, domain),
    ):
        with pytest.raises(ChainRevert, match="UnknownFunction"):  # sent, but the fake has no such function
            client.relay(call)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        ("freeze", bind.FREEZE_TYPE),
        ("deny", bind.DENIAL_TYPE),
        ("retain", bind.RETENTION_TYPE),
        ("rotate", bind.ROTATION_TYPE),
        ("veto", bind.VETO_TYPE),
    ],
)
def test_client__members_of_subject_calls__are_those_of_the_structs(function: str, kind: Any) -> None:
    assert SUBJECT_MEMBERS[function] == tuple(name for _, name in kind.members)


def test_client__other_calls__are_not_relayed(client: ApiClient) -> None:
    with pytest.raises(InputError):
        client.relay(ContractCall("Council", "propose", ()))


def test_client__own_records__open_through_the_relay(world: ApiWorld, client: ApiClient) -> None:
    world.add_record("glucose", {"resourceType": "Observation"})
    caller = Caller(world.controller, client.domain("Council"), world.clock, world.random)
    content = RelayedContent(client, client.sign_in(world.controller))
    reading = Reading(RelayedLedger(client, world.controller), RelayedCustodians(client), content, caller)
    ask = Ask(Purpose.PATRQT, Action.ACCESS, Person("self", Role.PATIENT))
    opened = open_without_consent(AccessKind.OWN, NO_PARTICIPANT, SUBJECT, CUSTODIANS, ask, reading)
    assert [item.record.content["resourceType"] for item in opened.items] == ["Observation"]
    world.next_code = Code.SUBJECT_FROZEN
    with pytest.raises(AccessDeniedError) as denial:
        open_without_consent(AccessKind.OWN, NO_PARTICIPANT, SUBJECT, CUSTODIANS, ask, reading)
    assert denial.value.code is Code.SUBJECT_FROZEN


def test_client__facts_from_before_the_gateway_was_replaced__signs_for_the_present_one(
    world: ApiWorld, client: ApiClient
) -> None:
    world.add_record("glucose", {"resourceType": "Observation"})
    client.deployment()["domains"]["AccessGateway"]["verifyingContract"] = "0x" + "00" * 19 + "0a"  # as kept since then
    caller = Caller(world.controller, client.domain("Council"), world.clock, world.random)
    content = RelayedContent(client, client.sign_in(world.controller))
    reading = Reading(RelayedLedger(client, world.controller), RelayedCustodians(client), content, caller)
    ask = Ask(Purpose.PATRQT, Action.ACCESS, Person("self", Role.PATIENT))
    opened = open_without_consent(AccessKind.OWN, NO_PARTICIPANT, SUBJECT, CUSTODIANS, ask, reading)
    assert len(opened.items) == 1
    assert opened.session.gateway == world.chain.domain("AccessGateway")


def test_client__ports_verbs_of_others__are_refused(client: ApiClient) -> None:
    custodians, content = RelayedCustodians(client), RelayedContent(client, "")
    for call in (
        lambda: custodians.deposit(CUSTODIANS[0], {}),
        lambda: custodians.destroy(CUSTODIANS[0], {}),
        lambda: content.put(b""),
        lambda: content.put_many([]),
        lambda: content.delete(bytes(32)),
    ):
        with pytest.raises(InputError):
            call()


def answering(status: int, body: bytes) -> ApiClient:
    return ApiClient(URL, transport=httpx.MockTransport(lambda _: httpx.Response(status, content=body)))


@pytest.mark.parametrize(
    ("status", "problem", "kind"),
    [
        (403, {"code": 20}, RefusedError),
        (403, {"code": 20, "accessId": hex32(bytes(32))}, AccessDeniedError),
        (409, {"code": 0, "revert": {"error": "X", "arguments": {}}}, ChainRevert),
        (409, {"code": 0}, ConflictError),
        (404, {"code": 0}, NotFoundError),
        (422, {"code": 0, "name": "SIGNATURE"}, SignatureError),
        (422, {"code": 0, "name": "INPUT"}, InputError),
        (401, {"code": 0}, InputError),
        (429, {"code": 0}, UnavailableError),
        (502, {"code": 0}, IntegrityError),
        (503, {"code": 0}, UnavailableError),
        (500, {"code": "?"}, UnavailableError),
        (403, {"code": 9999}, InputError),
    ],
)
def test_client__problem__becomes_its_error(status: int, problem: dict[str, Any], kind: type[SalusError]) -> None:
    with pytest.raises(kind) as raised:
        answering(status, canonical(problem)).get("/v1/participants")
    assert type(raised.value) is kind


def test_client__no_json_or_nobody_there__is_unavailable() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    with pytest.raises(UnavailableError):
        answering(502, b"<html>").get("/v1/participants")
    with pytest.raises(UnavailableError):
        ApiClient(URL, transport=httpx.MockTransport(fail)).get("/v1/participants")


def test_client__other_bytes_than_asked_for__are_refused() -> None:
    with pytest.raises(IntegrityError):
        RelayedContent(answering(200, b"other"), "").get(sha256(b"wanted"))


def test_client__challenge_of_another_institution__is_not_signed(world: ApiWorld, client: ApiClient) -> None:
    class Swapping(OverTestClient):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            swapped = answer.content.replace(HOSPITAL.hex().encode(), sha256(b"other").hex().encode())
            if request.url.path != "/v1/patients/challenge":
                return answer
            return httpx.Response(answer.status_code, content=swapped)

    with pytest.raises(InputError):
        ApiClient(URL, transport=Swapping(world)).sign_in(MemorySigner.named("holder"))


def test_client__api_that_passes_on_another_s_challenge__is_found_out(world: ApiWorld) -> None:
    known = ParticipantId(b"\x77" * 32)  # whose API it is; it answers everything as the hospital's does
    client = ApiClient(URL, participant=known, transport=OverTestClient(world))
    with pytest.raises(IntegrityError, match="another institution"):
        client.sign_in(MemorySigner.named("holder"))
    assert ApiClient(URL, participant=HOSPITAL, transport=OverTestClient(world)).sign_in(MemorySigner.named("holder"))
