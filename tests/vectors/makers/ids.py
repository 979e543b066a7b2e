"""Identifiers, tags and directory roles (protocol sections 1 and 2)."""

from __future__ import annotations

from salus.core.calls import verb_id
from salus.core.contracts import CONTRACTS
from salus.core.hashing import Tag
from salus.core.ids import RecordId, chain_key, order_id, participant_id, record_id, role_id, subject_ref
from tests.vectors.samples import CHAIN_ID, GRANTEE, HOLDER, SUBJECT, Json, account, case, hexed, raw32


def make() -> list[Json]:
    """`input.kind` is tag, participant, subject, record, order, role, chainKey or verb."""
    applicant, salt, seed, secret = account("applicant"), raw32("salt"), raw32("seed"), raw32("site secret")
    return [
        *(case(f"tag {t.name}", {"kind": "tag", "name": t.name}, hexed(t.value)) for t in Tag),
        *(case(f"role {name}", {"kind": "role", "contract": name}, hexed(role_id(name))) for name in CONTRACTS),
        *(
            case(f"verb {verb}", {"kind": "verb", "name": verb}, hexed(verb_id(verb)))
            for verb in ("deposit", "list", "release", "destroy")
        ),
        case(
            "participant",
            {"kind": "participant", "chainId": CHAIN_ID, "applicant": applicant, "salt": hexed(salt)},
            hexed(participant_id(CHAIN_ID, applicant, salt)),
        ),
        case(
            "subject",
            {"kind": "subject", "chainId": CHAIN_ID, "sourceId": hexed(GRANTEE), "seed": hexed(seed)},
            hexed(subject_ref(CHAIN_ID, GRANTEE, seed)),
        ),
        *(
            case(
                f"record {key}",
                {"kind": "record", "siteSecret": hexed(secret), "recordKey": key},
                hexed(record_id(secret, key)),
            )
            for key in ("ORU|LIS|2026-1|1", "ADT|门诊|1")
        ),
        case(
            "order",
            {"kind": "order", "recordId": hexed(raw32("record")), "subjectRef": hexed(SUBJECT)},
            hexed(order_id(RecordId(raw32("record")), SUBJECT)),
        ),
        case("chain of a holder", {"kind": "chainKey", "owner": HOLDER}, hexed(chain_key(HOLDER))),
        case("chain of a subject", {"kind": "chainKey", "owner": hexed(SUBJECT)}, hexed(chain_key(SUBJECT))),
    ]
