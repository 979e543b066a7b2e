"""Terms trees of consents, opened field by field (protocol section 3)."""

from __future__ import annotations

from salus.core.consent import TermField, Terms, topics_value
from salus.core.hashing import sha256
from salus.core.ids import LeafHash
from salus.core.labels import Topic
from salus.core.merkle import records_root
from tests.vectors.samples import Json, case, hexed, raw32


def make() -> list[Json]:
    """`values` and `salts` are of the fields 1 to 7, in order; every field is opened."""
    excluded = records_root([LeafHash(raw32("excluded 1")), LeafHash(raw32("excluded 2"))])
    notice = sha256("只在本次诊疗中使用".encode())
    return [
        _terms("nothing but salts", {}),
        _terms("hiv allowed", {TermField.TOPICS: topics_value(Topic.HIV)}),
        _terms("all topics allowed", {TermField.TOPICS: topics_value(sum(Topic))}),
        _terms("two records excluded", {TermField.EXCLUDED: excluded}),
        _terms("notice", {TermField.TOPICS: topics_value(0), TermField.NOTICE: notice}),
        _terms("every field", {field: raw32(f"value {field.name}") for field in TermField}),
    ]


def _terms(name: str, values: dict[TermField, bytes]) -> Json:
    salts = {field: raw32(f"{name} salt {field.name}") for field in TermField}
    terms = Terms(values, salts)
    given = {
        "values": [hexed(values.get(field, bytes(32))) for field in TermField],
        "salts": [hexed(salts[field]) for field in TermField],
    }
    return case(name, given, {"root": hexed(terms.root), "openings": [terms.open(f).to_json() for f in TermField]})
