"""The index: chain facts, counts of accesses, alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "index_0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _create_blocks() -> None:
    op.create_table(
        "blocks",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("timestamp", _BIG, nullable=False),
        sa.Column("events", _BIG, nullable=False),
    )
    op.create_index(
        "blocks_empty", "blocks", ["seq"], sqlite_where=sa.text("events = 0"), postgresql_where=sa.text("events = 0")
    )
    op.create_index("blocks_by_timestamp", "blocks", ["timestamp", "seq"])


def _create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("position", _BIG, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("key_position", _BIG, nullable=False),
        sa.Column("kind", _BIG, nullable=False),
        sa.Column("code", _BIG, nullable=False),
        sa.Column("reference", sa.LargeBinary(), nullable=False),
        sa.Column("emitter", sa.Text(), nullable=False),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("participant", sa.LargeBinary(), nullable=True),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("key_head", sa.LargeBinary(), nullable=False),
        sa.Column("tx", sa.LargeBinary(), nullable=False),
    )
    op.create_index("entries_by_code", "entries", ["code", "seq"])
    op.create_index("entries_by_key", "entries", ["key", "seq"])
    op.create_index("entries_by_kind", "entries", ["kind", "seq"])
    op.create_index("entries_by_kind_code", "entries", ["kind", "code", "seq"])
    op.create_index("entries_by_participant", "entries", ["participant", "seq"])
    op.create_index("entries_by_participant_code", "entries", ["participant", "code", "seq"])
    op.create_index("entries_by_participant_kind", "entries", ["participant", "kind", "seq"])
    op.create_index("entries_by_participant_kind_code", "entries", ["participant", "kind", "code", "seq"])
    op.create_index("entries_by_reference", "entries", ["reference", "seq"])


def _create_accesses() -> None:
    op.create_table(
        "accesses",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("access", sa.LargeBinary(), nullable=False),
        sa.Column("participant", sa.LargeBinary(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("kind", _BIG, nullable=False),
        sa.Column("reference", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", _BIG, nullable=False),
        sa.Column("categories", _BIG, nullable=False),
        sa.Column("actions", _BIG, nullable=False),
        sa.Column("level", _BIG, nullable=False),
        sa.Column("confidentiality", _BIG, nullable=False),
        sa.Column("form", _BIG, nullable=False),
        sa.Column("from_day", _BIG, nullable=False),
        sa.Column("to_day", _BIG, nullable=False),
        sa.Column("role", _BIG, nullable=False),
        sa.Column("record_count", _BIG, nullable=False),
        sa.Column("records_root", sa.LargeBinary(), nullable=False),
        sa.Column("user_digest", sa.LargeBinary(), nullable=False),
        sa.Column("code", _BIG, nullable=False),
        sa.Column("expiry", _BIG, nullable=False),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("tx", sa.LargeBinary(), nullable=False),
    )
    op.create_index("accesses_by_access", "accesses", ["access"])
    op.create_index("accesses_by_code", "accesses", ["code", "seq"])
    op.create_index("accesses_by_key", "accesses", ["key", "seq"])
    op.create_index("accesses_by_participant", "accesses", ["participant", "seq"])
    op.create_index("accesses_by_participant_code", "accesses", ["participant", "code", "seq"])
    op.create_index("accesses_by_participant_purpose", "accesses", ["participant", "purpose", "seq"])
    op.create_index("accesses_by_purpose", "accesses", ["purpose", "seq"])
    op.create_index("accesses_by_purpose_code", "accesses", ["purpose", "code", "seq"])
    op.create_index("accesses_by_reference", "accesses", ["reference", "seq"])


def _create_marks() -> None:
    op.create_table(
        "marks",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("access", sa.LargeBinary(), nullable=False),
        sa.Column("mark", _BIG, nullable=False),
        sa.Column("participant", sa.LargeBinary(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("value", _BIG, nullable=False),
        sa.Column("at", _BIG, nullable=False),
    )
    op.create_index("marks_by_access", "marks", ["access"])


def _create_consents() -> None:
    op.create_table(
        "consents",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("holder", sa.Text(), primary_key=True, autoincrement=False),
        sa.Column("consent", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("status", _BIG, nullable=False),
        sa.Column("epoch", _BIG, nullable=False),
        sa.Column("max_uses", _BIG, nullable=False),
        sa.Column("granted_at", _BIG, nullable=False),
        sa.Column("revoked_at", _BIG, nullable=False),
        sa.Column("voided_at", _BIG, nullable=False),
        sa.Column("replaces", sa.LargeBinary(), nullable=False),
        sa.Column("replaced_by", sa.LargeBinary(), nullable=False),
    )
    op.create_index(
        "consents_present",
        "consents",
        ["holder", "consent"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("consents_until", "consents", ["until"])


def _create_holders() -> None:
    op.create_table(
        "holders",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("holder", sa.Text(), primary_key=True, autoincrement=False),
        sa.Column("epoch", _BIG, nullable=False),
    )
    op.create_index(
        "holders_present",
        "holders",
        ["holder"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("holders_until", "holders", ["until"])


def _create_subjects() -> None:
    op.create_table(
        "subjects",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("subject", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("guardian", sa.Text(), nullable=False),
        sa.Column("epoch", _BIG, nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("retention_years", _BIG, nullable=False),
        sa.Column("survivor", sa.LargeBinary(), nullable=False),
        sa.Column("bound_at", _BIG, nullable=False),
        sa.Column("pending_account", sa.Text(), nullable=False),
        sa.Column("pending_guardian", sa.Boolean(), nullable=False),
        sa.Column("pending_until", _BIG, nullable=False),
    )
    op.create_index("subjects_by_controller", "subjects", ["controller"])
    op.create_index("subjects_by_guardian", "subjects", ["guardian"])
    op.create_index(
        "subjects_present",
        "subjects",
        ["subject"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("subjects_until", "subjects", ["until"])


def _create_denials() -> None:
    op.create_table(
        "denials",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("subject", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("participant", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("denial", _BIG, nullable=False),
    )
    op.create_index(
        "denials_present",
        "denials",
        ["subject", "participant"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("denials_until", "denials", ["until"])


def _create_participants() -> None:
    op.create_table(
        "participants",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("participant", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("kind", _BIG, nullable=False),
        sa.Column("roles", _BIG, nullable=False),
        sa.Column("status", _BIG, nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("accreditation", sa.LargeBinary(), nullable=False),
        sa.Column("accredited_until", _BIG, nullable=False),
        sa.Column("hourly_quota", _BIG, nullable=False),
        sa.Column("encryption_key", sa.LargeBinary(), nullable=False),
        sa.Column("validator", sa.Text(), nullable=False),
        sa.Column("applied_at", _BIG, nullable=False),
        sa.Column("since", _BIG, nullable=False),
    )
    op.create_index(
        "participants_present",
        "participants",
        ["participant"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("participants_until", "participants", ["until"])


def _create_operators() -> None:
    op.create_table(
        "operators",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("operator", sa.Text(), primary_key=True, autoincrement=False),
        sa.Column("participant", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
    )
    op.create_index("operators_by_participant", "operators", ["participant"])
    op.create_index(
        "operators_present",
        "operators",
        ["operator"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("operators_until", "operators", ["until"])


def _create_custodian_sets() -> None:
    op.create_table(
        "custodian_sets",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("threshold", _BIG, nullable=False),
        sa.Column("members", sa.LargeBinary(), nullable=False),
        sa.Column("at", _BIG, nullable=False),
    )


def _create_anchors() -> None:
    op.create_table(
        "anchors",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("participant", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("count", _BIG, nullable=False),
        sa.Column("custodian_set", _BIG, nullable=False),
        sa.Column("tag", _BIG, nullable=False),
        sa.Column("at", _BIG, nullable=False),
    )
    op.create_index("anchors_by_participant", "anchors", ["participant", "seq"])
    op.create_index("anchors_by_participant_root", "anchors", ["participant", "root"])
    op.create_index("anchors_by_root", "anchors", ["root"])


def _create_records() -> None:
    op.create_table(
        "records",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("source", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("record", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("subject", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("status", _BIG, nullable=False),
        sa.Column("reason", _BIG, nullable=False),
        sa.Column("custodian_set", _BIG, nullable=False),
        sa.Column("invalidated_at", _BIG, nullable=False),
        sa.Column("ordered_at", _BIG, nullable=False),
        sa.Column("erasable_from", _BIG, nullable=False),
        sa.Column("attestations", _BIG, nullable=False),
        sa.Column("destroyed_at", _BIG, nullable=False),
    )
    op.create_index("records_by_record", "records", ["record", "seq"])
    op.create_index("records_by_subject", "records", ["subject", "seq"])
    op.create_index(
        "records_present",
        "records",
        ["source", "record", "subject"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("records_until", "records", ["until"])


def _create_attestations() -> None:
    op.create_table(
        "attestations",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("custodian", sa.LargeBinary(), nullable=False),
        sa.Column("erased", _BIG, nullable=False),
        sa.Column("at", _BIG, nullable=False),
    )
    op.create_index("attestations_by_source_record", "attestations", ["source", "record"])


def _create_proposals() -> None:
    op.create_table(
        "proposals",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("proposal", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("proposer", sa.Text(), nullable=False),
        sa.Column("status", _BIG, nullable=False),
        sa.Column("calls", _BIG, nullable=False),
        sa.Column("approvals", _BIG, nullable=False),
        sa.Column("proposed_at", _BIG, nullable=False),
        sa.Column("reached_at", _BIG, nullable=False),
        sa.Column("closed_at", _BIG, nullable=False),
        sa.Column("executor", sa.Text(), nullable=False),
    )
    op.create_index(
        "proposals_present",
        "proposals",
        ["proposal"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("proposals_until", "proposals", ["until"])


def _create_proposed_calls() -> None:
    op.create_table(
        "proposed_calls",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("proposal", sa.LargeBinary(), nullable=False),
        sa.Column("position", _BIG, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("call_data", sa.LargeBinary(), nullable=False),
    )
    op.create_index("proposed_calls_by_proposal", "proposed_calls", ["proposal"])


def _create_votes() -> None:
    op.create_table(
        "votes",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("proposal", sa.LargeBinary(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("cancels", sa.Boolean(), nullable=False),
        sa.Column("at", _BIG, nullable=False),
    )
    op.create_index("votes_by_proposal", "votes", ["proposal"])


def _create_members() -> None:
    op.create_table(
        "members",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("member", sa.Text(), primary_key=True, autoincrement=False),
        sa.Column("active", sa.Boolean(), nullable=False),
    )
    op.create_index(
        "members_present",
        "members",
        ["member"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("members_until", "members", ["until"])


def _create_rules() -> None:
    op.create_table(
        "rules",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("name", sa.Text(), primary_key=True, autoincrement=False),
        sa.Column("value", _BIG, nullable=False),
    )
    op.create_index(
        "rules_present",
        "rules",
        ["name"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("rules_until", "rules", ["until"])


def _create_tenures() -> None:
    op.create_table(
        "tenures",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("role", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("at", _BIG, nullable=False),
    )


def _create_writers() -> None:
    op.create_table(
        "writers",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until", _BIG, nullable=True),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("writer", sa.Text(), primary_key=True, autoincrement=False),
        sa.Column("admitted", sa.Boolean(), nullable=False),
    )
    op.create_index(
        "writers_present",
        "writers",
        ["writer"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("writers_until", "writers", ["until"])


def _create_access_counts() -> None:
    op.create_table(
        "access_counts",
        sa.Column("day", _BIG, primary_key=True, autoincrement=False),
        sa.Column("participant", sa.LargeBinary(), primary_key=True, autoincrement=False),
        sa.Column("purpose", _BIG, primary_key=True, autoincrement=False),
        sa.Column("code", _BIG, primary_key=True, autoincrement=False),
        sa.Column("count", _BIG, nullable=False),
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.LargeBinary(), nullable=False),
        sa.Column("block", _BIG, nullable=False),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("resolved_at", _BIG, nullable=True),
    )
    op.create_index(
        "alerts_open",
        "alerts",
        ["kind", "reference"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )


def upgrade() -> None:
    """Create every table."""
    _create_blocks()
    _create_entries()
    _create_accesses()
    _create_marks()
    _create_consents()
    _create_holders()
    _create_subjects()
    _create_denials()
    _create_participants()
    _create_operators()
    _create_custodian_sets()
    _create_anchors()
    _create_records()
    _create_attestations()
    _create_proposals()
    _create_proposed_calls()
    _create_votes()
    _create_members()
    _create_rules()
    _create_tenures()
    _create_writers()
    _create_access_counts()
    _create_alerts()


def downgrade() -> None:
    """Drop every table."""
    for name in (
        "alerts",
        "access_counts",
        "writers",
        "tenures",
        "rules",
        "members",
        "votes",
        "proposed_calls",
        "proposals",
        "attestations",
        "records",
        "anchors",
        "custodian_sets",
        "operators",
        "participants",
        "denials",
        "subjects",
        "holders",
        "consents",
        "marks",
        "accesses",
        "entries",
        "blocks",
    ):
        op.drop_table(name)
