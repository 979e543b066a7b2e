"""What the index answers, on memory and on SQLite alike."""

from __future__ import annotations

import pytest

from salus.core.audit import EntryKind, LogHead
from salus.core.errors import InputError
from salus.core.ids import ZERO32, ZERO_ADDRESS, ConsentId, ParticipantId, SubjectRef, chain_key
from salus.core.index_rows import MarkKind, ProposalStatus
from salus.core.policy import ConsentStatus, ParticipantStatus
from salus.core.ports_index import AccessFilter, EntryFilter, IndexStore, Page, RecordFilter
from salus.core.state import RecordStatus
from tests.unit.watch.ledger import (
    ADDRESSES,
    CHECKUP,
    CUSTODIANS,
    GUARDIAN,
    HOLDER,
    HOSPITAL,
    SUBJECT,
    Ledger,
    account,
    word,
)

ALL = Page(limit=1000)


def test_indexed__whole_chain__is_the_last_final_block(index: IndexStore, ledger: Ledger) -> None:
    assert index.indexed() == ledger.final()


def test_entries__no_filter__are_all_in_order_and_numbered_without_gap(index: IndexStore) -> None:
    positions = [entry.position for entry in index.entries(EntryFilter(), ALL).items]
    assert positions == list(range(1, index.head(None).count + 1))


def test_entries__every_kind__is_found_by_its_kind(index: IndexStore) -> None:
    for kind in EntryKind:
        found = index.entries(EntryFilter(kind=int(kind)), ALL).items
        assert found, kind.name
        assert {entry.kind for entry in found} == {int(kind)}


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
@pytest.mark.parametrize("newest_first", [False, True])
def test_entries__page_by_page__give_each_entry_once(index: IndexStore, limit: int, newest_first: bool) -> None:
    seen, after = [], None
    while True:
        page = index.entries(EntryFilter(), Page(after, limit, newest_first))
        assert len(page.items) <= limit
        seen += [entry.position for entry in page.items]
        if page.next is None:
            break
        after = page.next
    expected = list(range(1, index.head(None).count + 1))
    assert seen == (expected[::-1] if newest_first else expected)


def test_entries__key_of_holder__are_that_chain_alone(index: IndexStore) -> None:
    found = index.entries(EntryFilter(keys=(chain_key(HOLDER),)), ALL).items
    assert [entry.key_position for entry in found] == list(range(1, len(found) + 1))
    assert len(found) == 10


def test_entries__several_keys__are_their_union_in_order(index: IndexStore) -> None:
    keys = (chain_key(HOLDER), SUBJECT)
    both = index.entries(EntryFilter(keys=keys), ALL).items
    single = [index.entries(EntryFilter(keys=(key,)), ALL).items for key in keys]
    assert len(both) == len(single[0]) + len(single[1])
    assert [e.seq for e in both] == sorted(e.seq for e in both)


def test_entries__no_keys__find_nothing(index: IndexStore) -> None:
    assert index.entries(EntryFilter(keys=()), ALL).items == ()


def test_entries__participant__are_its_accesses_denials_and_records(index: IndexStore) -> None:
    kinds = {entry.kind for entry in index.entries(EntryFilter(participant=ParticipantId(HOSPITAL)), ALL).items}
    assert kinds == {1, 2, 3, 4, 5, int(EntryKind.DENIAL_SET)}
    kinds = {entry.kind for entry in index.entries(EntryFilter(participant=ParticipantId(CHECKUP)), ALL).items}
    assert kinds == {20, 33, 40, 41, 42, 43}


def test_entries__code_and_participant__are_joined_by_and(index: IndexStore) -> None:
    found = index.entries(EntryFilter(participant=ParticipantId(HOSPITAL), code=20), ALL).items
    assert [entry.reference for entry in found] == [word("access 4")]
    assert index.entries(EntryFilter(participant=ParticipantId(CHECKUP), code=20), ALL).items == ()


def test_entries__reference__finds_the_life_of_an_access(index: IndexStore) -> None:
    found = index.entries(EntryFilter(reference=word("access 5")), ALL).items
    assert [entry.kind for entry in found] == [1, 3, 4, 5]


def test_entries__time_range__includes_since_and_excludes_until(index: IndexStore) -> None:
    every = index.entries(EntryFilter(), ALL).items
    since, until = every[5].at, every[-4].at
    found = index.entries(EntryFilter(since=since, until=until), ALL).items
    assert found == tuple(entry for entry in every if since <= entry.at < until)


def test_entries__time_in_the_future__finds_nothing(index: IndexStore, ledger: Ledger) -> None:
    assert index.entries(EntryFilter(since=ledger.now + 1), ALL).items == ()
    assert index.entries(EntryFilter(until=1), ALL).items == ()


@pytest.mark.parametrize("page", [{"limit": 0}, {"limit": 1001}, {"after": -1}, {"after": 1 << 63}])
def test_page__out_of_bounds__is_refused(page: dict[str, int]) -> None:
    with pytest.raises(InputError):
        Page(**page)


def test_head__every_chain__is_what_the_contract_stores(index: IndexStore, ledger: Ledger) -> None:
    for key in (None, chain_key(HOLDER), SUBJECT, CHECKUP, word("twin")):
        assert index.head(key) == LogHead.from_slot(ledger.log_slot(key, ledger.head()))
    assert index.head(word("nobody")) == LogHead()


def test_access__granted__has_every_field_of_its_scope(index: IndexStore) -> None:
    row = index.access(word("access 1"))
    assert row is not None
    assert (row.participant, row.reference, row.key) == (HOSPITAL, word("consent 1"), chain_key(HOLDER))
    assert (row.kind, row.purpose, row.categories, row.actions, row.level) == (1, 1, 1 << 20, 6, 4)
    assert (row.from_day, row.to_day, row.role, row.record_count) == (20688, 20780, 1, 3)
    assert (row.code, row.expiry - row.at, row.operator) == (1, 3600, account("operator"))


def test_access__all_64_category_bits__are_kept(index: IndexStore) -> None:
    row = index.access(word("access 2"))
    assert row is not None
    assert (row.categories, row.code, row.expiry) == ((1 << 64) - 1, 38, 0)


def test_access__unknown__is_none(index: IndexStore) -> None:
    assert index.access(word("nothing")) is None


def test_accesses__filters__find_what_they_say(index: IndexStore) -> None:
    def ids(which: AccessFilter) -> list[bytes]:
        return [row.access for row in index.accesses(which, ALL).items]

    every = [word(f"access {i}") for i in range(1, 6)]
    assert ids(AccessFilter()) == every
    assert ids(AccessFilter(participant=ParticipantId(HOSPITAL))) == [every[i] for i in (0, 1, 3, 4)]
    assert ids(AccessFilter(code=1, participant=ParticipantId(HOSPITAL))) == [every[0], every[4]]
    assert ids(AccessFilter(keys=(SUBJECT,))) == [every[2], every[4]]
    assert ids(AccessFilter(purpose=1 << 16)) == [every[2]]
    assert ids(AccessFilter(reference=word("consent 1"))) == every[:2]


def test_marks__emergency__are_in_order(index: IndexStore) -> None:
    marks = index.marks(word("access 5"))
    assert [m.mark for m in marks] == [MarkKind.EMERGENCY, MarkKind.REVIEWED, MarkKind.FROZEN, MarkKind.UNFROZEN]
    assert (marks[1].participant, marks[1].value) == (CHECKUP, 1)


def test_counts__whole_time__sum_to_all_accesses(index: IndexStore, ledger: Ledger) -> None:
    counts = index.counts()
    assert {(c.participant, c.purpose, c.code): c.count for c in counts} == {
        (HOSPITAL, 1, 1): 1,
        (HOSPITAL, 1, 20): 1,
        (HOSPITAL, 1, 38): 1,
        (HOSPITAL, 4, 1): 1,
        (ZERO32, 1 << 16, 1): 1,
    }
    assert sum(c.count for c in index.counts(participant=ParticipantId(HOSPITAL))) == 4
    assert index.counts(since=ledger.now + 2 * 86400) == ()
    assert index.counts(since=ledger.now, until=ledger.now + 1) == counts


def test_consents__of_holder__have_their_present_state(index: IndexStore) -> None:
    states = {row.consent: row for row in index.consents(HOLDER)}
    assert len(states) == 4
    first, second, third = (states[word(f"consent {i}")] for i in (1, 2, 3))
    assert (first.status, first.replaced_by) == (ConsentStatus.REPLACED, second.consent)
    assert (second.status, second.replaces, second.max_uses) == (ConsentStatus.REVOKED, first.consent, 3)
    assert second.granted_at < second.revoked_at
    assert (third.status, third.voided_at > 0) == (ConsentStatus.LIVE, True)
    unseen = index.consent(HOLDER, ConsentId(word("never seen")))
    assert unseen is not None
    assert (unseen.status, unseen.granted_at) == (ConsentStatus.REVOKED, 0)


def test_consents__other_holder__is_untouched_by_revoke_all(index: IndexStore) -> None:
    (row,) = index.consents(account("other holder"))
    assert (row.status, row.voided_at) == (ConsentStatus.LIVE, 0)


def test_subject__after_a_busy_life__has_its_present_state(index: IndexStore) -> None:
    row = index.subject(SubjectRef(SUBJECT))
    assert row is not None
    assert (row.source, row.controller, row.guardian, row.epoch) == (CHECKUP, account("third phone"), GUARDIAN, 2)
    assert (row.frozen, row.held, row.retention_years, row.survivor) == (False, True, 3, ZERO32)
    assert (row.pending_until, row.pending_account) == (0, ZERO_ADDRESS)


@pytest.mark.parametrize("who", [account("third phone"), GUARDIAN])
def test_subjects_of__controller_or_guardian__finds_the_subject(index: IndexStore, who: str) -> None:
    assert [row.subject for row in index.subjects_of(who)] == [SUBJECT]  # type: ignore[arg-type] # an account


def test_subjects_of__former_controller__finds_nothing(index: IndexStore) -> None:
    assert index.subjects_of(account("controller")) == ()


def test_denials__set__are_told(index: IndexStore) -> None:
    assert [(d.participant, d.denial) for d in index.denials(SubjectRef(SUBJECT))] == [(HOSPITAL, 2)]


def test_participants__all__have_kind_roles_and_status(index: IndexStore) -> None:
    rows = {row.participant: row for row in index.participants()}
    assert len(rows) == 5
    hospital = rows[ParticipantId(HOSPITAL)]
    assert (hospital.status, hospital.roles, hospital.hourly_quota) == (ParticipantStatus.ACTIVE, 133, 50)
    assert hospital.since > 0
    assert hospital.accreditation == word("new papers")
    assert rows[ParticipantId(CUSTODIANS[2])].status == ParticipantStatus.EXPELLED
    assert rows[ParticipantId(CHECKUP)].accredited_until == (1 << 64) - 1


def test_operators__removed__are_told_as_inactive(index: IndexStore) -> None:
    found = {row.operator: row.active for row in index.operators(ParticipantId(HOSPITAL))}
    assert found == {account("hospital operator"): True, account("second operator"): False}


def test_custodian_sets__formed__keep_the_order_of_members(index: IndexStore) -> None:
    (row,) = index.custodian_sets()
    assert (row.number, row.threshold, row.member_ids()) == (1, 2, tuple(CUSTODIANS))


def test_anchors__by_participant_and_root__are_found(index: IndexStore) -> None:
    row = index.anchor(ParticipantId(CHECKUP), word("batch"))
    assert row is not None
    assert (row.count, row.custodian_set, row.tag) == (3, 1, 1)
    assert [a.tag for a in index.anchors(ParticipantId(CUSTODIANS[0]), ALL).items] == [2]
    assert len(index.anchors(None, ALL).items) == 2
    assert index.anchor(ParticipantId(HOSPITAL), word("batch")) is None


def test_records__invalid_and_destroyed__have_their_state(index: IndexStore) -> None:
    leaf = index.record(ParticipantId(CHECKUP), word("leaf"), SubjectRef(SUBJECT))
    assert leaf is not None
    assert (leaf.status, leaf.reason, leaf.subject) == (RecordStatus.INVALID, 2, SUBJECT)
    record = index.record(ParticipantId(CHECKUP), word("record"), SubjectRef(SUBJECT))
    assert record is not None
    assert (record.status, record.attestations, record.destroyed_at > 0) == (RecordStatus.DESTROYED, 2, True)
    destroyed = index.records(RecordFilter(status=RecordStatus.DESTROYED), ALL).items
    assert [row.record for row in destroyed] == [word("record")]
    assert len(index.records(RecordFilter(subject=SubjectRef(SUBJECT)), ALL).items) == 2
    attested = index.attestations(ParticipantId(CHECKUP), word("record"))
    assert [a.custodian for a in attested] == CUSTODIANS[:2]


def test_proposals__executed_and_cancelled__are_told_with_votes_and_calls(index: IndexStore) -> None:
    proposal = index.proposal(word("proposal"))
    assert proposal is not None
    assert (proposal.status, proposal.approvals, proposal.calls) == (ProposalStatus.EXECUTED, 2, 1)
    assert proposal.reached_at > proposal.proposed_at > 0
    assert [(c.target, c.call_data) for c in index.proposed_calls(word("proposal"))] == [
        (ADDRESSES["Council"], b"\x01\x02")
    ]
    assert [vote.cancels for vote in index.votes(word("other"))] == [True]
    assert {p.status for p in index.proposals(ALL).items} == {ProposalStatus.EXECUTED, ProposalStatus.CANCELLED}


def test_council__members_and_rules__are_told(index: IndexStore) -> None:
    members, rules = index.council()
    assert sum(member.active for member in members) == 2
    assert {rule.name: rule.value for rule in rules} == {"threshold": 2, "delaySeconds": 60}
    assert {row.account for row in index.directory()} == set(ADDRESSES.values()) - {ADDRESSES["Council"]}
    assert sum(writer.admitted for writer in index.writers()) == 4
