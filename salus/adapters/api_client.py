"""An institution's API as a patient's wallet and the command line use it (docs/api.md).

`ApiClient` speaks HTTP and turns problems into errors; over it stand the ports that flows need at the patient's side:
`RelayedLedger` (own accesses), `RelayedCustodians` (list, release), `RelayedContent` (ciphertext), and `relay` for the
patient's signed contract calls.

| problem | becomes |
| --- | --- |
| a code of docs/errors.md with `accessId` | AccessDeniedError |
| a code of docs/errors.md | RefusedError |
| `revert` | ChainRevert |
| 404, 409, 502, other 5xx and 429 | NotFoundError, ConflictError, IntegrityError, UnavailableError |
| SIGNATURE | SignatureError |
| other 4xx | InputError |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from salus.core.access import Access
from salus.core.canonical import canonical, parse
from salus.core.cid import cid_of
from salus.core.codes import Code
from salus.core.eip712 import Domain
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
from salus.core.ids import AccessId, Address, ParticipantId, from_hex, hex32
from salus.core.outcome import AccessDeniedError, Recorded
from salus.core.package import ConsentPackage
from salus.core.ports import ContractCall, Erasure, Signer
from salus.core.signin import SignIn

_BY_STATUS: Mapping[int, type[SalusError]] = {
    404: NotFoundError,
    409: ConflictError,
    429: UnavailableError,
    502: IntegrityError,
}
SUBJECT_MEMBERS = {
    "freeze": ("subjectRef", "by", "frozen", "nonce", "deadline"),
    "deny": ("subjectRef", "participantId", "denial", "nonce", "deadline"),
    "retain": ("subjectRef", "retentionYears", "nonce", "deadline"),
    "rotate": ("subjectRef", "controller", "nonce", "deadline"),
    "veto": ("subjectRef", "nonce", "deadline"),
}
"""Members of the subject's signed structs in ABI order (protocol section 4); only these functions are relayed."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """A call the API sent for a patient: transaction and block."""

    tx_hash: bytes
    block_number: int


class ApiClient:
    """One institution's API. Safe to use from several threads; `timeout` in seconds.

    `participant` is whose API this is, as the caller knows it from elsewhere. Without it the API is believed: it could
    name another institution, pass on that one's challenge and sign in there as the patient.
    """

    def __init__(
        self,
        base_url: str,
        *,
        participant: ParticipantId | None = None,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._participant = participant
        self._deployment: dict[str, Any] | None = None
        self._http = httpx.Client(
            base_url=self.base_url,
            timeout=httpx.Timeout(timeout, connect=3.0),
            transport=transport,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._http.close()

    def get(self, path: str, token: str | None = None, **query: Any) -> Any:
        """JSON of a GET; parameters that are None are left out.

        Raises:
            SalusError: what the API's problem becomes (see the module's table).
        """
        present = {name: value for name, value in query.items() if value is not None}
        return parse(self._send("GET", path, token, params=present).content)

    def post(self, path: str, body: Mapping[str, Any], token: str | None = None) -> Any:
        """JSON answer to a JSON body; raises like `get`."""
        headers = {"content-type": "application/json"}
        return parse(self._send("POST", path, token, content=canonical(dict(body)), headers=headers).content)

    def delete(self, path: str, token: str | None = None) -> None:
        """DELETE; raises like `get`."""
        self._send("DELETE", path, token)

    def raw(self, path: str, token: str | None = None) -> bytes:
        """Bytes of a GET; raises like `get`."""
        return self._send("GET", path, token).content

    # signing in

    def sign_in(self, signer: Signer) -> str:
        """A patient token of an account, good for five minutes.

        Raises:
            InputError: the API asked to sign something else than a challenge for this account and itself.
        """
        asked = self.post("/v1/patients/challenge", {"address": signer.address})
        challenge = SignIn.from_typed_data(asked["challenge"])
        me = ParticipantId(from_hex(self.deployment()["participantId"]))
        if (challenge.account, challenge.participant) != (signer.address, me):
            raise InputError("the challenge is for another account or institution: it was not signed")
        signature = signer.sign(challenge.digest(self.domain("Council")))
        body = {"address": signer.address, "signature": hex32(signature)}
        return str(self.post("/v1/patients/token", body)["access_token"])

    # the deployment

    def deployment(self, *, fresh: bool = False) -> dict[str, Any]:
        """Facts of the deployment, asked for once unless they must be fresh: the Council can replace the gateway.

        Raises:
            IntegrityError: it says it is the API of another institution than the caller knows it to be.
        """
        if fresh or self._deployment is None:
            told = dict(self.get("/v1/deployment"))
            if self._participant is not None and told["participantId"] != hex32(self._participant):
                raise IntegrityError("this API says it is another institution's: nothing was signed for it")
            self._deployment = told
        return self._deployment

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return int(self.deployment()["chainId"])

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract; `Council` is the deployment's `Salus` domain."""
        fact = self.deployment()["domains"][contract]
        return Domain(str(fact["name"]), int(fact["chainId"]), Address(fact["verifyingContract"]))

    def address_of(self, contract: str) -> Address:
        """Address of a directory role."""
        return Address(self.deployment()["contracts"][contract])

    def custodian_keys(self, custodian_set: int) -> dict[ParticipantId, bytes]:
        """X25519 keys of a set's custodians, in order of share index.

        Raises:
            NotFoundError: no such set.
        """
        for fact in self.deployment()["custodianSets"]:
            if fact["number"] == custodian_set:
                return {
                    ParticipantId(from_hex(member["participantId"])): from_hex(member["encryptionKey"])
                    for member in fact["members"]
                }
        raise NotFoundError(f"there is no custodian set {custodian_set}")

    def epoch_of(self, holder: Address) -> int:
        """Present epoch of a holder: what it signs must name it."""
        return int(self.get(f"/v1/holders/{holder}")["epoch"])

    # signed calls

    def relay(self, call: ContractCall) -> Relayed:
        """Have the API send a patient's signed call: those of `salus.flows.grant` and `salus.flows.bind`.

        Raises:
            InputError: not a call the API relays.
            ChainRevert: the contract refuses.
        """
        path, body = _relayed_body(call)
        answer = self.post(path, body)
        return Relayed(from_hex(answer["txHash"]), int(answer["block"]))

    def hand_in(self, package: ConsentPackage, token: str) -> None:
        """Give the institution a consent package; the token is its holder's."""
        self.post("/v1/packages", package.to_json(), token)

    def _send(self, method: str, path: str, token: str | None, **options: Any) -> httpx.Response:
        headers = {"accept": "application/json", **options.pop("headers", {})}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        try:
            response = self._http.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            raise UnavailableError(f"{self.base_url} does not answer ({type(error).__name__})") from error
        if response.is_error:
            raise _error_of(response)
        return response


class RelayedLedger:
    """`AccessLedger` of a patient: own accesses signed here, sent by the API, waited for until final."""

    def __init__(self, client: ApiClient, signer: Signer) -> None:
        self._client = client
        self._signer = signer

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._client.chain_id

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract."""
        return self._client.domain(contract)

    def address_of(self, contract: str) -> Address:
        """Address of a directory role."""
        return self._client.address_of(contract)

    def record(self, access: Access, package: ConsentPackage | None) -> Recorded:
        """Record an own access.

        Raises:
            InputError: a package was given: a consent is asked for by its grantee.
            ChainRevert, RefusedError, UnavailableError: the API's answer.
        """
        if package is not None:
            raise InputError("a patient records own accesses only")
        self._client.deployment(fresh=True)  # a signature for a retired gateway would be in vain
        gateway = self.domain("AccessGateway")
        signature = self._signer.sign(access.access_id(gateway))
        body = {"access": access.to_json(), "signature": hex32(signature)}
        answer = self._client.post("/v1/relay/own-accesses", body)
        return Recorded(Code(answer["code"]), int(answer["expiresAt"]), int(answer["block"]), gateway)


class RelayedCustodians:
    """`CustodianClient` of a patient: signed calls pass through the API unchanged."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def deposit(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - the port's shape
        """Not a patient's verb.

        Raises:
            InputError: always.
        """
        raise InputError("deposits are a source's: they go to custodians directly")

    def list(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Ask what is there."""
        return self._pass(custodian, "list", call)

    def release(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Ask for shares."""
        return self._pass(custodian, "release", call)

    def destroy(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - the port's shape
        """Not a patient's verb.

        Raises:
            InputError: always.
        """
        raise InputError("destructions are a source's: they go to custodians directly")

    def recall(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - the port's shape
        """Not a patient's verb.

        Raises:
            InputError: always.
        """
        raise InputError("recalls are a source's: they go to custodians directly")

    def _pass(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        return dict(self._client.post(f"/v1/relay/custodians/{hex32(custodian)}/{verb}", call))


class RelayedContent:
    """`ContentStore` of a patient: ciphertext from the API, checked against its digest. It only reads."""

    def __init__(self, client: ApiClient, token: str) -> None:
        self._client = client
        self._token = token

    def get(self, digest: bytes) -> bytes:
        """The bytes, checked against the digest.

        Raises:
            NotFoundError: not there.
            IntegrityError: other bytes came.
        """
        data = self._client.raw(f"/v1/content/{cid_of(digest)}", self._token)
        if sha256(data) != digest:
            raise IntegrityError("the API served other bytes than asked for")
        return data

    def put(self, data: bytes) -> bytes:  # noqa: ARG002 - the port's shape
        """Not a patient's verb.

        Raises:
            InputError: always.
        """
        raise InputError("patients read content; sources store it")

    def put_many(self, blobs: Sequence[bytes]) -> list[bytes]:  # noqa: ARG002 - the port's shape
        """Not a patient's verb; raises like `put`."""
        raise InputError("patients read content; sources store it")

    def erase(self, digest: bytes) -> Erasure:  # noqa: ARG002 - the port's shape
        """Not a patient's verb; raises like `put`."""
        raise InputError("patients read content; sources remove it")

    def delete(self, digest: bytes) -> bool:  # noqa: ARG002 - the port's shape
        """Not a patient's verb; raises like `put`."""
        raise InputError("patients read content; sources remove it")


def _relayed_body(call: ContractCall) -> tuple[str, dict[str, Any]]:
    match call:
        case ContractCall("ConsentRegistry", "grant" | "replace", (head, scope_hash, signature)):
            holder, epoch, max_uses, deadline, replaces = head
            shown = {
                "holder": holder,
                "epoch": epoch,
                "maxUses": max_uses,
                "deadline": deadline,
                "replaces": hex32(replaces),
            }
            return "/v1/consents", {"head": shown, "scopeHash": hex32(scope_hash), "signature": hex32(signature)}
        case ContractCall("ConsentRegistry", "revoke", (holder, consent, signature)):
            body = {"holder": holder, "consentId": hex32(consent), "signature": hex32(signature)}
            return "/v1/consents/revocations", body
        case ContractCall("ConsentRegistry", "revokeAll", (holder, epoch, signature)):
            body = {"holder": holder, "epoch": epoch, "signature": hex32(signature)}
            return "/v1/consents/revocations-of-all", body
        case ContractCall("SubjectRegistry", function, (row, signature)) if function in SUBJECT_MEMBERS:
            message = {
                name: hex32(value) if isinstance(value, bytes) else value
                for name, value in zip(SUBJECT_MEMBERS[function], row, strict=True)
            }
            given = signature if function == "rotate" else (signature,)
            body = {"function": function, "message": message, "signatures": [hex32(item) for item in given]}
            return "/v1/relay/subject-calls", body
    raise InputError(f"the API does not relay {call.contract}.{call.function}")


def _error_of(response: httpx.Response) -> SalusError:
    status = response.status_code
    try:
        problem = parse(response.content)
        code, detail = int(problem.get("code", 0)), str(problem.get("detail", ""))[:500]
    except (InputError, AttributeError, TypeError, ValueError):
        return UnavailableError(f"the API answered HTTP {status} without saying why")
    if code in Code.__members__.values():
        if "accessId" in problem:
            return AccessDeniedError(Code(code), AccessId(from_hex(problem["accessId"])))
        return RefusedError(Code(code), detail)
    if isinstance(revert := problem.get("revert"), dict):
        return ChainRevert(str(revert.get("error")), dict(revert.get("arguments") or {}))
    if problem.get("name") == "SIGNATURE":
        return SignatureError(detail)
    default = UnavailableError if status >= httpx.codes.INTERNAL_SERVER_ERROR else InputError
    return _BY_STATUS.get(status, default)(detail or f"the API answered HTTP {status}")
