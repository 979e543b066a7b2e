from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from salus.core import hpke
from salus.core.canonical import canonical, parse
from salus.core.consent import TermField, Terms, topics_value
from salus.core.errors import EnvelopeError, InputError, ProofError, SalusError, SignatureError
from salus.core.hashing import keccak
from salus.core.ids import ConsentId, ParticipantId, SubjectRef, to_address
from salus.core.labels import Topic
from salus.core.package import ConsentPackage, SignedLink
from tests.unit.core.strategies import bytes32
from tests.vectors.samples import CHAIN_ID, CONSENTS, GATEWAY, SALUS, SUBJECT, consent, hexed, raw32

KEY = PrivateKey(raw32("controller"))
CONTROLLER = to_address(keccak(KEY.public_key.format(compressed=False)[1:])[12:])
TERMS = Terms({TermField.TOPICS: topics_value(Topic.MH)}, {field: raw32(field.name) for field in TermField})
CONSENT = consent(terms=TERMS.root)
CONSENT_ID = CONSENT.consent_id(CONSENTS)
CUSTODIAN, OTHER = ParticipantId(raw32("custodian")), ParticipantId(raw32("another custodian"))
PRIVATE = raw32("custodian key")


def _sign(digest: bytes) -> bytes:
    raw: bytes = KEY.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def _link(consent_id: bytes = CONSENT_ID, subject: bytes = SUBJECT) -> SignedLink:
    named, of = ConsentId(consent_id), SubjectRef(subject)
    return SignedLink(named, of, _sign(SignedLink.digest(SALUS, named, of)))


LINK = _link()
SEALED = LINK.seal_to(CHAIN_ID, CUSTODIAN, hpke.public_key(PRIVATE))
PACKAGE = ConsentPackage(
    CONSENT,
    CONSENT_ID,
    (TERMS.open(TermField.TOPICS), TERMS.open(TermField.EXCLUDED)),
    {CUSTODIAN: SEALED},
)


def test_link__sealed_to_a_custodian__opens_there_and_is_signed_by_the_controller() -> None:
    opened = SignedLink.open_sealed(SEALED, CHAIN_ID, CONSENT_ID, CUSTODIAN, PRIVATE)
    assert opened == LINK
    opened.check(SALUS, CONTROLLER)


def test_link__sealed__does_not_tell_the_subject() -> None:
    assert bytes(SUBJECT) not in bytes(SEALED)
    assert SUBJECT.hex().encode() not in canonical(PACKAGE.to_json())


@pytest.mark.parametrize("what", ["chain", "consent", "custodian", "key"])
def test_link__opened_for_something_else__refused(what: str) -> None:
    with pytest.raises(EnvelopeError):
        SignedLink.open_sealed(
            SEALED,
            2 if what == "chain" else CHAIN_ID,
            ConsentId(raw32("x")) if what == "consent" else CONSENT_ID,
            OTHER if what == "custodian" else CUSTODIAN,
            raw32("x") if what == "key" else PRIVATE,
        )


def test_link__true_link_of_another_consent_sealed_under_this_one__refused() -> None:
    """A custodian who knows a link of one patient must not lend it to the holder of another consent."""
    other = _link(raw32("another consent"))
    other.check(SALUS, CONTROLLER)
    plaintext = canonical(
        {"consentId": hexed(other.consent), "subjectRef": hexed(other.subject), "signature": hexed(other.signature)}
    )
    sealed = hpke.seal(plaintext, hpke.public_key(PRIVATE), hpke.link_info(CHAIN_ID, CONSENT_ID, CUSTODIAN))
    with pytest.raises(EnvelopeError):
        SignedLink.open_sealed(sealed, CHAIN_ID, CONSENT_ID, CUSTODIAN, PRIVATE)


def test_link__every_single_byte_changed__refused() -> None:
    for at in range(len(SEALED)):
        changed = bytearray(SEALED)
        changed[at] ^= 0x01
        with pytest.raises(EnvelopeError):
            SignedLink.open_sealed(bytes(changed), CHAIN_ID, CONSENT_ID, CUSTODIAN, PRIVATE)


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"[]",
        b"{}",
        canonical({"consentId": hexed(CONSENT_ID), "subjectRef": hexed(SUBJECT)}),
        canonical({"consentId": hexed(CONSENT_ID), "subjectRef": hexed(SUBJECT), "signature": "0x00"}),
        canonical({"consentId": hexed(CONSENT_ID), "subjectRef": 5, "signature": hexed(LINK.signature)}),
    ],
    ids=range(6),
)
def test_link__sealed_by_anyone_but_malformed__refused(plaintext: bytes) -> None:
    sealed = hpke.seal(plaintext, hpke.public_key(PRIVATE), hpke.link_info(CHAIN_ID, CONSENT_ID, CUSTODIAN))
    with pytest.raises(EnvelopeError):
        SignedLink.open_sealed(sealed, CHAIN_ID, CONSENT_ID, CUSTODIAN, PRIVATE)


@given(bytes32, bytes32)
def test_link__signature_of_another_pair__refused(consent_id: bytes, subject: bytes) -> None:
    moved = SignedLink(ConsentId(consent_id), SubjectRef(subject), LINK.signature)
    if (consent_id, subject) != (CONSENT_ID, SUBJECT):
        with pytest.raises(SignatureError):
            moved.check(SALUS, CONTROLLER)


def test_link__former_controller_or_other_deployment__refused() -> None:
    with pytest.raises(SignatureError):
        LINK.check(SALUS, to_address(raw32("present controller")[:20]))
    with pytest.raises(SignatureError):
        LINK.check(GATEWAY, CONTROLLER)


def test_package__json__and_back() -> None:
    assert ConsentPackage.from_json(parse(canonical(PACKAGE.to_json())), CONSENTS) == PACKAGE


def test_package__opening__by_field() -> None:
    found = PACKAGE.opening(TermField.TOPICS)
    assert found is not None
    assert found.value == topics_value(Topic.MH)
    assert PACKAGE.opening(TermField.NOTICE) is None


def test_package__consent_changed__refused() -> None:
    shown = PACKAGE.to_json()
    shown["consent"]["scope"]["maxLevel"] = 5
    with pytest.raises(InputError):
        ConsentPackage.from_json(shown, CONSENTS)


def test_package__id_changed_or_of_another_chain__refused() -> None:
    with pytest.raises(InputError):
        ConsentPackage.from_json(PACKAGE.to_json() | {"consentId": hexed(raw32("x"))}, CONSENTS)
    with pytest.raises(InputError):
        ConsentPackage.from_json(PACKAGE.to_json(), GATEWAY)


def test_package__opening_changed__refused() -> None:
    shown = PACKAGE.to_json()
    shown["openings"][0]["value"] = hexed(topics_value(sum(Topic)))
    with pytest.raises(ProofError):
        ConsentPackage.from_json(shown, CONSENTS)


@pytest.mark.parametrize("name", ["consent", "consentId", "openings", "links"])
@pytest.mark.parametrize("value", [None, 5, "x", [[]], {"0x": "0x"}], ids=repr)
def test_package__member_malformed__refused(name: str, value: Any) -> None:
    with pytest.raises(SalusError):
        ConsentPackage.from_json(PACKAGE.to_json() | {name: value}, CONSENTS)
    with pytest.raises(InputError):
        ConsentPackage.from_json({k: v for k, v in PACKAGE.to_json().items() if k != name}, CONSENTS)


@given(st.lists(bytes32, max_size=3))
def test_package__excluded_leaves__travel(leaves: list[bytes]) -> None:
    shown = PACKAGE.to_json() | {"excluded": [hexed(leaf) for leaf in leaves]}
    assert list(ConsentPackage.from_json(shown, CONSENTS).excluded) == leaves
