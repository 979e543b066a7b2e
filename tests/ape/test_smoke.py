"""The deployment plan and one access, through Ape."""

import sys
from pathlib import Path

import ape
import pytest
from eth_utils import keccak

# Ape's environment knows nothing of the project's import paths; the signing helpers are shared with Brownie's tests.
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "contracts")]

from signing import access_words, consent_words, digest, person, row, scope_hash, sign  # noqa: E402

from scripts.ape_deploy import deploy  # noqa: E402 (needs the path above)
from scripts.plan import load  # noqa: E402

ZERO = b"\0" * 32
TREAT, LAB, USE, CARE = 1, 1 << 7, 1 << 2, 4


class Named:
    """What signing needs of a contract: its name and address."""

    def __init__(self, name, contract):
        self._name, self.address = name, contract.address


@pytest.fixture(scope="module")
def contracts(accounts):
    return deploy(load("dev", members={i: accounts[i].address for i in range(3)}))


@pytest.fixture(scope="module")
def hospital(accounts, contracts):
    """An admitted hospital: id and operator."""
    registry, council = contracts["ParticipantRegistry"], contracts["Council"]
    operator = accounts[3]
    keys = {"encryptionKey": keccak(b"key"), "nodeKeyX": ZERO, "nodeKeyY": ZERO, "validator": operator.address}
    application = {"kind": 1, "accreditation": ZERO, "keys": keys, "salt": ZERO}
    registry.applyToJoin(application, sender=operator)
    participant = registry.idOf(operator, ZERO)
    terms = {"roles": CARE, "accreditedUntil": 2**40, "hourlyQuota": 10}
    calls = [{"target": registry.address, "callData": registry.admit.encode_input(participant, terms)}]
    council.propose(calls, ZERO, sender=accounts[0])
    council.approve(council.idOf(calls, ZERO), sender=accounts[1])
    council.execute(calls, ZERO, sender=accounts[2])
    return bytes(participant), operator


@pytest.fixture
def consent(chain, hospital):
    """A consent of a patient for the hospital, not granted yet."""
    time = chain.blocks.head.timestamp
    return {
        "head": {
            "holder": person("Wang").address,
            "epoch": 0,
            "maxUses": 1,
            "deadline": time + 3600,
            "replaces": ZERO,
        },
        "scope": {
            "granteeId": hospital[0],
            "purposes": TREAT,
            "categories": LAB,
            "actions": USE,
            "maxLevel": 4,
            "maxConfidentiality": 3,
            "minForm": 0,
            "windowMonths": 3,
            "fromDay": 0,
            "toDay": 0,
            "validFrom": time,
            "validUntil": time + 86400,
            "sessionMinutes": 0,
            "obligations": 0,
            "flags": 0,
            "ruleset": 1,
            "terms": ZERO,
            "salt": keccak(b"salt"),
        },
    }


def request(chain, contracts, hospital, consent, salt):
    """Request under a consent; the receipt."""
    chain_id = chain.chain_id
    today = (chain.blocks.head.timestamp + 28800) // 86400
    access = {
        "kind": 1,
        "participantId": hospital[0],
        "referenceId": digest("Consent", Named("ConsentRegistry", contracts["ConsentRegistry"]), chain_id, consent),
        "purpose": TREAT,
        "categories": LAB,
        "actions": USE,
        "level": 3,
        "confidentiality": 3,
        "form": 0,
        "fromDay": today - 10,
        "toDay": today,
        "role": 1,
        "recordCount": 1,
        "recordsRoot": keccak(b"records"),
        "sessionKey": keccak(b"session"),
        "userDigest": ZERO,
        "deadline": chain.blocks.head.timestamp + 600,
        "salt": keccak(salt),
    }
    gateway = contracts["AccessGateway"]
    return gateway.request(consent_words(consent), access_words(access), sender=hospital[1])


def test_plan__deployed__fills_directory(contracts):
    council = contracts["Council"]
    for name, contract in contracts.items():
        if name != "Council":
            assert council.contractOf(keccak(text=f"salus.role.{name}")) == contract.address


def test_request__under_granted_consent__granted_then_used_up(accounts, chain, contracts, hospital, consent):
    registry = contracts["ConsentRegistry"]
    signature = sign(person("Wang"), "Consent", Named("ConsentRegistry", registry), chain.chain_id, consent)
    registry.grant(row("ConsentHead", consent["head"]), scope_hash(consent["scope"]), signature, sender=accounts[4])
    first = request(chain, contracts, hospital, consent, b"first")
    assert [event.participantId for event in first.decode_logs(contracts["AccessGateway"].AccessGranted)] == [
        hospital[0]
    ]
    second = request(chain, contracts, hospital, consent, b"second")
    assert [event.code for event in second.decode_logs(contracts["AccessGateway"].AccessDenied)] == [25]


def test_request__consent_never_granted__refused(chain, contracts, hospital, consent):
    with ape.reverts(contracts["AccessGateway"].AccessGatewayRefused):
        request(chain, contracts, hospital, consent | {"scope": consent["scope"] | {"salt": keccak(b"x")}}, b"third")
