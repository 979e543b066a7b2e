"""What travels and rests off chain: shares, envelopes, sealed messages, deposits, calls (protocol sections 7 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from salus.core import envelope, hpke
from salus.core.calls import UnsignedCall
from salus.core.canonical import canonical
from salus.core.cid import cid_of
from salus.core.deposit import DepositItem, encode_items
from salus.core.hashing import sha256
from salus.core.ids import ParticipantId, address_bytes
from salus.core.leaf import Leaf, content_commitment, topics_commitment
from salus.core.recall import RecalledVersion, encode_versions
from tests.vectors.makers import rfc9180, shamir
from tests.vectors.samples import (
    CHAIN_ID,
    GATEWAY,
    NOW,
    SALUS,
    Json,
    Tape,
    account,
    case,
    hexed,
    leaf,
    raw32,
)

CONTENT: Json = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "血糖"},
    "valueQuantity": {"value": Decimal("5.40"), "unit": "mmol/L"},
}
TOPICS = 5
CONTENT_SALT, TOPICS_SALT = raw32("content salt")[:16], raw32("topics salt")[:16]
CUSTODIANS = tuple(ParticipantId(raw32(f"custodian {i}")) for i in (1, 2, 3))


def make() -> list[Json]:
    """`input.kind` is cid, shares, record, info, sealed, deposit or call."""
    return [*_cids(), *_shares(), *_records(), *_sealed(), _deposit(), _recall(), *_calls()]


def dealt(name: str, key: bytes, threshold: int, count: int) -> tuple[bytes, ...]:
    """Shares with coefficients from a tape of that name."""
    return shamir.deal(key, count, _coefficients(name, threshold))


def _coefficients(name: str, threshold: int) -> list[tuple[bytes, bytes]]:
    tape = Tape(name)
    return [(tape(16), tape(16)) for _ in range(threshold - 1)]


def _cids() -> list[Json]:
    contents = (b"", b"hello world", b"SLE1")
    return [
        case(f"cid of {content!r}", {"kind": "cid", "digest": hexed(sha256(content))}, cid_of(sha256(content)))
        for content in contents
    ]


def _shares() -> list[Json]:
    cases = []
    for threshold, count in ((2, 3), (3, 3), (3, 5), (1, 1), (2, 255)):
        name, key = f"{threshold} of {count}", raw32(f"key {threshold} {count}")
        given = {"kind": "shares", "key": hexed(key), "threshold": threshold, "count": count}
        given["coefficients"] = [[hexed(a), hexed(b)] for a, b in _coefficients(name, threshold)]
        shares = dealt(name, key, threshold, count)[:5]
        cases.append(case(name, given, [hexed(share) for share in shares]))
    return cases


def sealed_record(name: str, *, nested: bool) -> tuple[Leaf, bytes, tuple[bytes, ...], tuple[bytes, ...]]:
    """Leaf, envelope, outer and inner shares of the sample content; 2 of 3, and inside all 3 if nested."""
    head = leaf(level=5 if nested else 3)
    plaintext = canonical(
        {
            "content": CONTENT,
            "contentSalt": hexed(CONTENT_SALT),
            "leaf": {"recordId": hexed(head.record_id), "version": head.version},
            "topics": TOPICS,
            "topicsSalt": hexed(TOPICS_SALT),
        }
    )
    suite, inner = envelope.SUITE_SINGLE, tuple[bytes, ...]()
    if nested:
        key = raw32(f"{name} inner key")
        inner = dealt(f"{name} inner", key, 3, 3)
        nonce = raw32(f"{name} inner nonce")[:12]
        plaintext = envelope.seal(plaintext, key, nonce, envelope.header_for(3, inner))
        suite = envelope.SUITE_NESTED
    key = raw32(f"{name} key")
    outer = dealt(name, key, 2, 3)
    raw = envelope.seal(plaintext, key, raw32(f"{name} nonce")[:12], envelope.header_for(2, outer), suite)
    sealed = leaf(
        level=head.level,
        envelope_digest=sha256(raw),
        content_commitment=content_commitment(CONTENT_SALT, canonical(CONTENT)),
        topics_commitment=topics_commitment(TOPICS_SALT, TOPICS),
    )
    return sealed, raw, outer, inner


def _records() -> list[Json]:
    cases = []
    for name, nested in (("record, suite 1", False), ("record, suite 2", True)):
        sealed, raw, outer, inner = sealed_record(name, nested=nested)
        given = {
            "kind": "record",
            "envelope": hexed(raw),
            "leaf": sealed.to_json(),
            "shares": [hexed(share) for share in outer],
            "innerShares": [hexed(share) for share in inner],
        }
        expected = {
            "content": canonical(CONTENT).decode(),
            "topics": TOPICS,
            "cid": cid_of(sha256(raw)),
            "leaf": hexed(sealed.hash(CHAIN_ID)),
        }
        cases.append(case(name, given, expected))
    return cases


def _sealed() -> list[Json]:
    gateway, access_id, leaf_hash = address_bytes(GATEWAY.verifying_contract), raw32("access id"), leaf().hash(CHAIN_ID)
    infos: list[tuple[str, Json, bytes]] = [
        (
            "deposit",
            {"root": hexed(raw32("root")), "custodianSet": 1},
            hpke.deposit_info(CHAIN_ID, raw32("root"), 1, CUSTODIANS[0]),
        ),
        (
            "recall",
            {"sourceId": hexed(raw32("source")), "root": hexed(raw32("root")), "after": hexed(leaf_hash)},
            hpke.recall_info(CHAIN_ID, raw32("source"), raw32("root"), CUSTODIANS[0], leaf_hash),
        ),
        (
            "link",
            {"consentId": hexed(raw32("consent id"))},
            hpke.link_info(CHAIN_ID, raw32("consent id"), CUSTODIANS[0]),
        ),
        *(
            (
                "release",
                {"gateway": GATEWAY.verifying_contract, "accessId": hexed(access_id), "leaf": hexed(leaf_hash)}
                | {"part": int(inner)},
                hpke.release_info(CHAIN_ID, gateway, access_id, leaf_hash, CUSTODIANS[0], inner=inner),
            )
            for inner in (False, True)
        ),
    ]
    cases = []
    for what, members, info in infos:
        private, ephemeral = raw32("x25519 private"), raw32(f"ephemeral {what}")
        plaintext = f"sealed {what}".encode()
        given = {
            "kind": "sealed",
            "for": what,
            "chainId": CHAIN_ID,
            "custodianId": hexed(CUSTODIANS[0]),
            **members,
            "privateKey": hexed(private),
            "ephemeralKey": hexed(ephemeral),
            "plaintext": hexed(plaintext),
        }
        sealed = rfc9180.seal(plaintext, hpke.public_key(private), ephemeral, info)
        name = f"sealed {what}" + (f", part {members['part']}" if "part" in members else "")
        cases.append(case(name, given, {"info": hexed(info), "sealed": hexed(sealed)}))
    return cases


def _deposit() -> Json:
    items: Sequence[DepositItem] = [
        DepositItem(sealed, TOPICS, TOPICS_SALT, outer[0], inner[0] if inner else None, b"a note" if inner else b"")
        for sealed, _, outer, inner in (sealed_record(n, nested=k) for n, k in (("plain", False), ("nested", True)))
    ]
    given: dict[str, Any] = {
        "kind": "deposit",
        "custodianSet": 1,
        "items": [
            {
                "leaf": item.leaf.to_json(),
                "topics": item.topics,
                "topicsSalt": hexed(item.topics_salt),
                "share": hexed(item.share),
                "innerShare": None if item.inner_share is None else hexed(item.inner_share),
                "note": hexed(item.note),
            }
            for item in items
        ],
    }
    return case("deposit of two records", given, hexed(encode_items(items)))


def _recall() -> Json:
    told = [RecalledVersion(leaf(), b"a note"), RecalledVersion(leaf(version=2), b"")]
    versions = [{"leaf": one.leaf.to_json(), "note": hexed(one.note)} for one in told]
    return case("recall of two versions", {"kind": "recall", "versions": versions}, hexed(encode_versions(told)))


def _calls() -> list[Json]:
    bodies: dict[str, Json] = {
        "deposit": {
            "sourceId": hexed(raw32("source")),
            "root": hexed(raw32("root")),
            "custodianSet": 1,
            "sealed": "0x",
        },
        "list": {"subject": {"subjectRef": hexed(raw32("subject"))}, "history": False, "limit": 1024},
        "release": {"leaves": [hexed(raw32("leaf"))], "note": 'é中\u001f"', "nothing": None, "amount": Decimal("5.40")},
        "destroy": {},
    }
    cases = []
    for verb, body in bodies.items():
        call = UnsignedCall(verb, CUSTODIANS[0], body, NOW, raw32(f"nonce {verb}"))
        given = {
            "kind": "call",
            "domain": {"chainId": CHAIN_ID, "verifyingContract": SALUS.verifying_contract},
            "signer": account("signer"),
            "verb": verb,
            "recipient": hexed(CUSTODIANS[0]),
            "issuedAt": NOW,
            "nonce": hexed(call.nonce),
            "canonicalBody": canonical(body).decode(),
        }
        expected = {"bodyHash": hexed(sha256(canonical(body))), "digest": hexed(call.digest(SALUS))}
        cases.append(case(f"call {verb}", given, expected))
    return cases
