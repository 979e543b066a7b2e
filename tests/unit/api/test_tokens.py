"""Staff tokens by client assertion."""

import json
from base64 import urlsafe_b64encode

import jwt
import pytest

from api.model import Scope
from api.security.clients import read_clients
from salus.core.errors import SetupError
from tests.unit.api.world import ALL_SCOPES, URL, ApiWorld, StaffKey


def test_token__good_assertion__names_person_role_and_scopes(world: ApiWorld) -> None:
    answer = world.token()
    assert answer.status_code == 200
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert (claims["person"], claims["role"]) == ("dr-li", "PHYSICIAN")
    assert claims["exp"] - claims["iat"] == 300
    assert sorted(answer.json()["scope"].split()) == sorted(ALL_SCOPES)
    assert answer.json()["token_type"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"


def test_token__one_scope_asked__bears_that_one_only(world: ApiWorld) -> None:
    answer = world.token("audit:read")
    assert answer.json()["scope"] == Scope.AUDIT_READ


def test_token__same_assertion_twice__is_refused(world: ApiWorld) -> None:
    assertion = world.key.assertion(world.clock.now(), "once")
    assert world.ask_token(assertion).status_code == 200
    again = world.ask_token(assertion)
    assert again.status_code == 401
    assert again.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.test/oauth/token"},
        {"sub": "another"},
        {"iss": "nobody", "sub": "nobody"},
        {"exp": 1},
        {"exp": 1_790_000_000 + 3600},
        {"iat": 1_790_000_000 + 3600, "exp": 1_790_000_000 + 3660},
        {"iat": None},
        {"jti": None},
        {"jti": ""},
        {"person": None},
        {"person": "x" * 200},
        {"role": None},
        {"role": "KING"},
    ],
    ids=lambda claims: "-".join(f"{name}" for name in claims),
)
def test_token__bad_claim__is_refused(world: ApiWorld, claims: dict[str, object]) -> None:
    answer = world.token(**claims)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


def test_token__issuers_did_as_audience__is_taken(world: ApiWorld) -> None:
    issuer = jwt.decode(world.token().json()["access_token"], options={"verify_signature": False})["iss"]
    assert issuer.startswith("did:salus:31337:participant:")
    assert world.token(aud=issuer).status_code == 200


def test_token__another_key__is_refused(world: ApiWorld) -> None:
    forged = StaffKey().assertion(world.clock.now(), "forged")
    assert world.ask_token(forged).status_code == 401


def test_token__symmetric_algorithm_with_public_key__is_refused(world: ApiWorld) -> None:
    now = world.clock.now()
    body = {"iss": "his", "sub": "his", "aud": URL, "iat": now, "exp": now + 60, "jti": "h", "person": "p"}
    assert world.ask_token(jwt.encode(body, "a" * 48, algorithm="HS256")).status_code == 401
    assert world.ask_token(jwt.encode(body, None, algorithm="none")).status_code == 401


def test_token__scope_not_registered__is_invalid_scope(world: ApiWorld) -> None:
    answer = world.token("records:open everything")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_scope"


def test_token__other_grant_type__is_unsupported(world: ApiWorld) -> None:
    answer = world.client.post("/oauth/token", data={"grant_type": "password"})
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_token__json_body__is_refused(world: ApiWorld) -> None:
    assert world.client.post("/oauth/token", json={"grant_type": "client_credentials"}).status_code == 422


def test_token__expired__opens_nothing(world: ApiWorld) -> None:
    headers = world.staff()
    world.clock.tick(301)
    answer = world.client.get("/v1/packages", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["name"] == "UNAUTHENTICATED"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_token__without_scope__is_forbidden(world: ApiWorld) -> None:
    answer = world.client.get("/v1/audit", headers=world.staff("records:open"))
    assert (answer.status_code, answer.json()["name"]) == (403, "FORBIDDEN")


def test_token__signed_by_another_api__is_refused(world: ApiWorld) -> None:
    other = ApiWorld()
    answer = world.client.get("/v1/packages", headers=other.staff())
    other.close()
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
        {"scopes": ["everything"]},
        {"roles": ["KING"]},
        {"jwks": None},
    ],
)
def test_registry__malformed_client__says_which(change: dict[str, object]) -> None:
    entry = {**StaffKey("lab").entry(ALL_SCOPES), **change}
    with pytest.raises(SetupError, match="lab"):
        read_clients(json.dumps({"clients": [entry]}))


def test_registry__private_key__is_refused() -> None:
    key = StaffKey("lab")
    entry = key.entry(ALL_SCOPES)
    entry["jwks"] = {"keys": [json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.key))]}
    with pytest.raises(SetupError, match="lab"):
        read_clients(json.dumps({"clients": [entry]}))


def test_registry__role_not_registered__is_refused(world: ApiWorld) -> None:
    clerk = StaffKey("desk")
    world.clients.update(read_clients(json.dumps({"clients": [clerk.entry(ALL_SCOPES, roles=["ADMINISTRATOR"])]})))
    assert world.ask_token(clerk.assertion(world.clock.now(), "a")).status_code == 401
    assert world.ask_token(clerk.assertion(world.clock.now(), "b", role="ADMINISTRATOR")).status_code == 200


def nested(name: str) -> str:
    """Base64 of a JSON object with a value nested deeper than the interpreter's recursion limit."""
    return urlsafe_b64encode(f'{{"{name}":{"[" * 3_000}{"]" * 3_000}}}'.encode()).decode().rstrip("=")


DEEP = [f"{nested('alg')}.e30.AA", f"eyJhbGciOiJFUzI1NiJ9.{nested('iss')}.AA"]


@pytest.mark.parametrize("token", DEEP, ids=["header", "claims"])
def test_token__assertion_nested_deep__is_refused(world: ApiWorld, token: str) -> None:
    answer = world.ask_token(token)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("token", DEEP, ids=["header", "claims"])
def test_token__bearer_nested_deep__is_refused(world: ApiWorld, token: str) -> None:
    answer = world.client.get("/v1/log", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["name"]) == (401, "UNAUTHENTICATED")


def test_body__nested_deep__is_refused(world: ApiWorld) -> None:
    body = '{"address":' + "[" * 3_000 + "]" * 3_000 + "}"
    answer = world.client.post(
        "/v1/patients/challenge", content=body.encode(), headers={"content-type": "application/json"}
    )
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("claims", [{"exp": float("inf")}, {"iat": float("-inf")}], ids=repr)
def test_token__time_without_end__is_refused(world: ApiWorld, claims: dict[str, object]) -> None:
    answer = world.token(**claims)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_token__form_of_very_many_members__is_malformed(world: ApiWorld) -> None:
    form = {f"member{number}": "x" for number in range(50_000)}
    answer = world.client.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["detail"]) == (422, "the form has too many members")
