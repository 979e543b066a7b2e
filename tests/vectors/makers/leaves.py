"""Leaves of every tree, and the salted commitments inside them (protocol section 3)."""

from __future__ import annotations

from salus.core.consent import TermField, TermOpening
from salus.core.hashing import Tag, words
from salus.core.ids import LeafHash, SubjectRef
from salus.core.labels import Category, Confidentiality, Form, Topic
from salus.core.leaf import Leaf, content_commitment, topics_commitment
from salus.core.merkle import double_hash, records_leaf
from tests.vectors.samples import CHAIN_ID, Json, case, hexed, leaf, raw32


def make() -> list[Json]:
    """`input.kind` says which function: record, request, term, log, topics or content."""
    return [*_records(), *_requests(), *_terms(), *_logs(), *_commitments()]


def _record(name: str, version: Leaf, chain_id: int = CHAIN_ID) -> Json:
    given = {"kind": "record", "chainId": chain_id, "leaf": version.to_json()}
    return case(name, given, hexed(version.hash(chain_id)))


def _records() -> list[Json]:
    plain = leaf()
    second = leaf(version=2, previous=plain.hash(CHAIN_ID), envelope_digest=raw32("envelope 2"))
    return [
        _record("laboratory report, first version", plain),
        _record("the same on another chain", plain, 1337),
        _record("its second version", second),
        _record("undated", leaf(first_day=0, last_day=0)),
        _record(
            "level 5, genome", leaf(level=5, categories=int(Category.GENOM), confidentiality=int(Confidentiality.V))
        ),
        _record("de-identified form", leaf(form=int(Form.DEIDENTIFIED))),
        _record("highest category", leaf(categories=int(Category.ORGRES))),
        _record("another subject", leaf(subject=SubjectRef(raw32("another subject")))),
        _record("another custodian set", leaf(custodian_set=2)),
        _record(
            "every field at its widest",
            leaf(
                version=2**32 - 1,
                previous=LeafHash(b"\xff" * 32),
                categories=2**64 - 1,
                level=255,
                confidentiality=255,
                form=255,
                first_day=2**32 - 1,
                last_day=2**32 - 1,
                custodian_set=2**32 - 1,
            ),
        ),
    ]


def _requests() -> list[Json]:
    return [
        case(f"asked for {i}", {"kind": "request", "leaf": hexed(one)}, hexed(records_leaf(LeafHash(one))))
        for i, one in enumerate((leaf().hash(CHAIN_ID), raw32("another leaf"), b"\xff" * 32))
    ]


def _terms() -> list[Json]:
    return [
        case(
            f"term {field.name.lower()}",
            {"kind": "term", "field": int(field), "salt": hexed(raw32(field.name)), "value": hexed(raw32(f"v{field}"))},
            hexed(TermOpening(field, raw32(field.name), raw32(f"v{field}"), ()).leaf()),
        )
        for field in TermField
    ]


def _logs() -> list[Json]:
    return [
        case(
            f"custodian log entry {index}",
            {"kind": "log", "index": index, "entry": hexed(raw32(f"log {index}"))},
            hexed(double_hash(words(Tag.LOG, index, raw32(f"log {index}")))),
        )
        for index in (0, 1, 2**64 - 1)
    ]


def _commitments() -> list[Json]:
    salt = raw32("salt")[:16]
    masks = (Topic(0), Topic.HIV, Topic.HIV | Topic.MH, Topic(sum(Topic)))
    contents = (b"{}", '{"status":"final","valueQuantity":{"unit":"μmol/L","value":5.40}}'.encode())
    return [
        *(
            case(
                f"topics {int(mask)}",
                {"kind": "topics", "salt": hexed(salt), "topics": int(mask)},
                hexed(topics_commitment(salt, int(mask))),
            )
            for mask in masks
        ),
        *(
            case(
                f"content of {len(content)} bytes",
                {"kind": "content", "salt": hexed(salt), "content": content.decode()},
                hexed(content_commitment(salt, content)),
            )
            for content in contents
        ),
    ]
