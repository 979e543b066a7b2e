"""Who is counted against what, without an application around it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Request
from fastapi.security import HTTPAuthorizationCredentials

from api.errors import TooManyRequestsError
from api.model import Caller, Patient, Scope, Staff
from api.security.guards import Guards
from api.security.limits import RateLimit
from api.security.tokens import Tokens
from salus.adapters.memory import FixedClock, MemorySigner, SeededRandomness
from salus.core.labels import Role

TOKENS = Tokens(Ed25519PrivateKey.generate(), "did:salus:1:participant:x", FixedClock(), SeededRandomness("guards"))
PEER, OTHER = (Request({"type": "http", "client": (host, 1), "headers": []}) for host in ("10.0.0.1", "10.0.0.2"))


@pytest.fixture
def guards() -> Guards:
    """Three requests a minute, in a minute that does not pass."""
    return Guards(TOKENS, RateLimit(3, lambda: 0.0), RateLimit(3, lambda: 0.0))


def bearer(caller: Caller) -> HTTPAuthorizationCredentials:
    return HTTPAuthorizationCredentials(scheme="Bearer", credentials=TOKENS.give(caller))


def patient(name: str) -> HTTPAuthorizationCredentials:
    return bearer(Patient(MemorySigner.named(name).address))


@pytest.mark.parametrize("guard", [lambda guards: guards.anybody, lambda guards: guards.patient])
def test_patient__any_number_of_accounts_of_one_peer__wait_together(
    guards: Guards, guard: Callable[[Guards], Callable[..., Caller]]
) -> None:
    """Any key signs in as a patient, and a receipt costs the node a dozen proofs."""
    for number in range(3):
        guard(guards)(PEER, patient(f"account {number}"))
    with pytest.raises(TooManyRequestsError):
        guard(guards)(PEER, patient("account 3"))
    guard(guards)(OTHER, patient("account 3"))


def test_staff__of_one_peer__does_not_wait(guards: Guards) -> None:
    """A hospital's system has one address for all its staff."""
    staff = bearer(Staff("his", "dr-li", Role.PHYSICIAN, frozenset({Scope.RECORDS_OPEN})))
    for _ in range(10):
        guards.staff(Scope.RECORDS_OPEN)(PEER, staff)


def test_count__old_signature_again_and_again__leaves_the_account_its_own(guards: Guards) -> None:
    for _ in range(3):
        guards.count("0xa", b"old")
    with pytest.raises(TooManyRequestsError):
        guards.count("0xa", b"old")
    guards.count("0xa", b"fresh")
    guards.count("0xa", b"another")
    with pytest.raises(TooManyRequestsError):
        guards.count("0xa", b"one too many")
