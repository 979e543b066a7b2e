"""What operators ask of the journal and do in it: status by control id, release, discard, reprocess, and their log."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from oracle.audit import Auditing, Seal
from oracle.hl7.errors import Condition
from oracle.intake.receive import receive
from oracle.quarantine import Quarantine
from oracle.status import Lookup, status_json
from salus.adapters.database.oracle_acks import DatabaseAcks
from salus.adapters.database.oracle_operations import DatabaseOperations
from salus.core.acks import AckState
from salus.core.errors import ConflictError, InputError, IntegrityError, NotFoundError
from salus.core.journal import BatchState, MessageFlag, MessageState
from salus.core.operations import Deed, Selection
from tests.unit.oracle.oracle_world import PEER, Oracle, Outside, admission, identity, report, results, stay

ME = "os:night"


class Office:
    """An oracle with all that its operators use."""

    def __init__(self, path: Path) -> None:
        self.outside = Outside()
        self.oracle = Oracle(path, self.outside)
        self.store = DatabaseOperations(self.oracle.database, Seal(self.oracle.site))
        self.auditing = Auditing(self.store, self.oracle.site, self.outside.clock)
        self.quarantine = Quarantine(self.oracle.messages, self.store, self.oracle.site, self.auditing)
        self.lookup = Lookup(self.store, self.oracle.site)

    def take(self, *raws: bytes) -> None:
        self.oracle.take(*raws)
        self.oracle.pipeline.settle()

    def state(self, control_id: str) -> MessageState:
        (found,) = self.lookup.find(control_id)
        return found.message.state

    def key(self, control_id: str) -> int:
        return self.lookup.find(control_id)[0].message.key

    def execute(self, statement: str) -> None:
        with self.oracle.database.writing() as connection:
            connection.execute(text(statement))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "oracle.db")
    yield made
    made.oracle.close()


def broken(control: str) -> bytes:
    """A result without a patient's number."""
    return report(control, order=f"L-{control}").replace(b"|P1^^^HB^MR|", b"||")


def counted(office: Office) -> list[tuple[object, ...]]:
    with office.oracle.database.reading() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM oracle_figure ORDER BY 1, 2, 3"))]


# status


def test_status__of_a_message_under_way_and_done__names_record_batch_and_block(office: Office) -> None:
    office.oracle.take(report("C1"))
    (pending,) = office.lookup.find("C1")
    assert (pending.message.state, pending.versions, pending.kept) == (MessageState.PENDING, (), True)
    office.oracle.pipeline.settle()
    (done,) = office.lookup.find("C1")
    (made,) = done.versions
    assert (done.message.state, made.version, made.batch_state) == (MessageState.DONE, 1, BatchState.ANCHORED)
    assert made.root == office.outside.anchored_roots()[0]
    told = status_json(done, 31337)
    assert told["records"][0]["record"] == f"did:salus:31337:record:{made.record_id.hex()}"
    assert told["records"][0]["block"] == made.block > 0
    assert told["fault"] is None


def test_status__of_a_resend_under_another_control_id__is_that_of_the_first(office: Office) -> None:
    office.take(report("C1"))
    office.take(report("C2"))
    (again,) = office.lookup.find("C2")
    assert again.message.state is MessageState.DUPLICATE
    assert (again.of, again.result) == (office.key("C1"), MessageState.DONE)
    assert again.versions == office.lookup.find("C1")[0].versions != ()


def test_status__of_a_message_that_said_nothing_new__names_the_records_it_confirms(office: Office) -> None:
    office.take(report("C1"))
    office.take(report("C2").replace(b"LIS|HB|SALUS", b"LIS|HB|SALUT"))
    (same,) = office.lookup.find("C2")
    assert same.message.state is MessageState.DONE
    assert same.versions == ()
    assert same.confirms == (office.lookup.find("C1")[0].versions[0].record_id,)


def test_status__of_a_quarantined_message__tells_condition_place_and_advice_but_no_content(office: Office) -> None:
    office.take(broken("C1"))
    told = status_json(office.lookup.find("C1")[0], 1)
    assert told["state"] == "quarantined"
    assert told["fault"]["condition"] == Condition.REQUIRED_FIELD_MISSING
    assert told["fault"]["location"].startswith("PID-3")
    assert told["fault"]["advice"]
    assert "小明" not in str(told)
    assert "2345" not in str(told)


def test_status__control_id_used_twice_or_by_two_senders__tells_all_or_the_one_named(office: Office) -> None:
    office.take(report("C1"), report("C1", value="7.00"), report("C1", order="L9").replace(b"|LIS|", b"|LAB2|"))
    assert [bool(one.message.flags & MessageFlag.REUSED_CONTROL_ID) for one in office.lookup.find("C1")] == [
        False,
        True,
        False,
    ]
    assert len(office.lookup.find("C1", "his", "LAB2", "HB")) == 1
    assert len(office.lookup.find("C1", application="LIS")) == 2
    assert office.store.senders("his") == office.store.senders()
    assert len(office.store.senders()) == 2


def test_status__acknowledgment__is_told_as_none_owed_or_answered(office: Office) -> None:
    async def taking() -> None:
        received = (receive(report("C1")), replace(receive(report("C2", order="L2")), owed=b"head", transport="mllp"))
        futures = [office.oracle.journal.append(one, PEER) for one in received]
        office.oracle.journal.commit_group()
        await asyncio.gather(*futures)

    asyncio.run(taking())
    assert office.lookup.find("C1")[0].acknowledgment is None
    (owed,) = office.lookup.find("C2")
    assert (owed.acknowledgment, status_json(owed, 1)["acknowledgment"]) == (AckState.OWED, "owed")
    acks = DatabaseAcks(office.oracle.database)
    acks.answered([one.key for one in acks.owed("his", ("mllp",), 10)])
    assert office.lookup.find("C2")[0].acknowledgment is AckState.ANSWERED


@pytest.mark.parametrize("ask", [{"control_id": "C2"}, {"control_id": "C1", "source": "other"}, {"control_id": ""}])
def test_status__of_nothing_that_came__not_found(ask: dict[str, str], office: Office) -> None:
    office.take(report("C1"))
    with pytest.raises(NotFoundError):
        office.lookup.find(**ask)


def test_status__sender_the_journal_did_not_note__is_found_by_naming_it(office: Office) -> None:
    office.take(report("C1"))
    office.execute("DELETE FROM oracle_sender")
    with pytest.raises(NotFoundError):
        office.lookup.find("C1")
    assert office.lookup.find("C1", "his", "LIS", "HB")[0].message.state is MessageState.DONE


# quarantine


def test_release__of_what_nobody_mended__is_back_with_its_attempts_counted(office: Office) -> None:
    office.take(broken("C1"))
    assert office.quarantine.release(Selection((office.key("C1"),)), ME) == [office.key("C1")]
    assert office.state("C1") is MessageState.PENDING
    office.oracle.pipeline.settle()
    assert office.state("C1") is MessageState.QUARANTINED
    assert office.lookup.find("C1")[0].message.attempts == 1


def test_release__of_all_with_a_condition__leaves_others(office: Office) -> None:
    odd = report("C3").replace(b"UNICODE UTF-8", b"EBCDIC").decode().encode("gb18030")
    office.take(broken("C1"), odd, broken("C2"))
    found = [office.lookup.find(control)[0].message for control in ("C1", "C2", "C3")]
    wanted = [one.key for one in found if one.fault.code == Condition.REQUIRED_FIELD_MISSING]
    assert 1 < len(wanted) < sum(one.state is MessageState.QUARANTINED for one in found)
    assert office.quarantine.release(Selection(condition=Condition.REQUIRED_FIELD_MISSING), ME) == sorted(wanted)


def test_discard__then_release_by_key__brings_it_back(office: Office) -> None:
    office.take(broken("C1"))
    key = office.key("C1")
    office.quarantine.discard(Selection((key,)), ME, "test patient of the vendor")
    assert office.state("C1") is MessageState.DISCARDED
    assert office.quarantine.list() == []
    assert office.oracle.database.backlog().quarantined == 0
    assert office.quarantine.release(Selection(condition=Condition.REQUIRED_FIELD_MISSING), ME) == []
    office.quarantine.release(Selection((key,)), ME)
    assert office.state("C1") is MessageState.PENDING


def test_discard__bytes__go_when_their_time_ends(office: Office) -> None:
    office.take(broken("C1"))
    office.quarantine.discard(Selection((office.key("C1"),)), ME, "no patient")
    assert office.oracle.purge(office.outside.clock.now() + 1) == 1
    with pytest.raises(ConflictError, match="erased"):
        office.quarantine.release(Selection((office.key("C1"),)), ME)


@pytest.mark.parametrize("verb", ["release", "discard"])
def test_quarantine__message_that_is_done_or_unknown__refused_and_nothing_logged(verb: str, office: Office) -> None:
    office.take(report("C1"), broken("C2"))
    act = getattr(office.quarantine, verb)
    with pytest.raises(ConflictError, match="done"):
        act(Selection((office.key("C2"), office.key("C1"))), ME, "why")
    with pytest.raises(NotFoundError):
        act(Selection((99,)), ME, "why")
    assert office.state("C2") is MessageState.QUARANTINED
    assert office.store.audit() == []


@pytest.mark.parametrize("reason", ["", "  ", "x" * 401])
def test_discard__without_a_reason_or_with_a_long_one__refused(reason: str, office: Office) -> None:
    office.take(broken("C1"))
    with pytest.raises(InputError):
        office.quarantine.discard(Selection((office.key("C1"),)), ME, reason)
    assert office.state("C1") is MessageState.QUARANTINED


def test_show__of_a_kept_message__is_logged(office: Office) -> None:
    raw = broken("C1")
    office.take(raw)
    assert office.quarantine.show(office.key("C1"), ME, "called by the ward").raw == raw
    (row,) = office.auditing.rows()
    assert (row.actor, row.deed, row.message, row.reason) == (ME, Deed.SHOW, office.key("C1"), "called by the ward")


# reprocess


def test_reprocess__of_everything__changes_no_record_and_no_figure(office: Office) -> None:
    raws = [
        admission("A1"),
        report("R1"),
        report("R2", value="6.00", status="C", at="20261101083000"),
        identity("I1", "A40", prior="P2", survivor="P1"),
        report("R3", order="L2", patient="P2"),
    ]
    for raw in raws:
        office.take(raw)
    before, figures = len(office.outside.anchored_items()), counted(office)
    sent = len(office.outside.writer.sent)
    keys = office.quarantine.reprocess(Selection(since=1), ME, "new code table")
    assert len(keys) == len(raws)
    office.oracle.pipeline.settle()
    assert {office.state(control) for control in ("A1", "R1", "R2", "I1", "R3")} == {MessageState.DONE}
    assert len(office.outside.anchored_items()) == before
    assert len(office.outside.writer.sent) == sent
    assert counted(office) == figures
    assert office.oracle.database.backlog().pending == 0


def test_reprocess__merge_that_was_undone_since__stays_undone(office: Office) -> None:
    office.take(report("R1"), report("R2", order="L2", patient="P2"))
    office.take(identity("I1", "A40", prior="P2", survivor="P1"))
    office.take(identity("I2", "A37", prior="P2", survivor="P1", said="20261103090000"))
    sent = [call.function for call in office.outside.writer.sent]
    assert [name for name in sent if "link" in name] == ["link", "unlink"]
    office.quarantine.reprocess(Selection((office.key("I1"),)), ME)
    office.oracle.pipeline.settle()
    assert office.state("I1") is MessageState.DONE
    assert [call.function for call in office.outside.writer.sent] == sent
    assert office.oracle.database.backlog().links == 0


@pytest.mark.parametrize("seed", range(12))
def test_reprocess__in_any_order_and_number__changes_no_record(seed: int, office: Office) -> None:
    chance = Random(seed)
    story = [
        results("S1", ("2345-7", "5.4", "P"), ("718-7", "130", "F"), status="P"),
        results("S2", ("2345-7", "5.4", "F"), ("718-7", "130", "F"), said="20261101090000"),
        results("S3", ("2345-7", "6.1", "C"), ("718-7", "130", "F"), status="C", said="20261101100000"),
        results("S4", ("2345-7", "5.4", "F"), said="20261101090000", order="L2"),
        results("S5", ("2345-7", "5.4", "W"), said="20261101110000", order="L2"),
        stay("S6", "A01"),
        stay("S7", "A08", said="20261101120000"),
        stay("S8", "A03", said="20261102090000", discharged="20261102090000"),
    ]
    chance.shuffle(story)
    for raw in story:
        office.take(raw)
    before = [(item.leaf.record_id, item.leaf.version) for item in office.outside.anchored_items()]
    done = [key for key in range(1, len(story) + 1) if office.store.status(key).message.state is MessageState.DONE]
    assert len(done) >= 6
    for _ in range(4):
        office.quarantine.reprocess(Selection(tuple(chance.sample(done, chance.randint(1, len(done))))), ME)
        office.oracle.pipeline.settle()
    assert [(item.leaf.record_id, item.leaf.version) for item in office.outside.anchored_items()] == before
    assert {office.store.status(key).message.state for key in done} == {MessageState.DONE}


def test_reprocess__pages__go_on_after_the_last_key(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.quarantine.MOST_AT_ONCE", 2)
    office.take(*(report(f"C{place}", order=f"L{place}") for place in range(3)))
    first = office.quarantine.reprocess(Selection(kind="ORU^R01"), ME)
    rest = office.quarantine.reprocess(Selection(kind="ORU^R01", after=first[-1]), ME)
    assert [*first, *rest] == [1, 2, 3]
    assert office.quarantine.reprocess(Selection(kind="ADT^A01"), ME) == []


def test_reprocess__duplicate_pending_or_erased__refused(office: Office) -> None:
    office.take(report("C1"))
    office.take(report("C2"))
    office.oracle.take(report("C3", order="L3"))
    for control, why in (("C2", "duplicate"), ("C3", "pending")):
        with pytest.raises(ConflictError, match=why):
            office.quarantine.reprocess(Selection((office.key(control),)), ME)
    office.execute("DELETE FROM oracle_raw WHERE message = 1")
    with pytest.raises(ConflictError, match="erased"):
        office.quarantine.reprocess(Selection((1,)), ME)
    assert office.quarantine.reprocess(Selection(kind="ORU^R01"), ME) == []


# the log


def four_deeds(office: Office) -> None:
    office.take(broken("C1"), broken("C2"), report("C3", order="L3"))
    one, two, three = (office.key(control) for control in ("C1", "C2", "C3"))
    office.quarantine.show(one, ME)
    office.quarantine.release(Selection((one,)), ME, "mended")
    office.quarantine.discard(Selection((two,)), "0xoperator", "test message")
    office.quarantine.reprocess(Selection((three,)), ME)


def test_audit__untouched__is_whole_and_tells_all(office: Office) -> None:
    assert office.auditing.check().rows == 0
    four_deeds(office)
    whole = office.auditing.check()
    assert (whole.rows, whole.wrong) == (4, "")
    rows = office.auditing.rows()
    assert [row.deed for row in rows] == [Deed.SHOW, Deed.RELEASE, Deed.DISCARD, Deed.REPROCESS]
    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert {row.actor for row in rows} == {ME, "0xoperator"}
    assert office.auditing.rows(after=2, limit=1)[0].reason == "test message"


TAMPERED = {
    "a row removed": "DELETE FROM oracle_audit WHERE number = 2",
    "the last row removed": "DELETE FROM oracle_audit WHERE number = 4",
    "all removed": "DELETE FROM oracle_audit",
    "another actor": "UPDATE oracle_audit SET actor = 'os:other' WHERE number = 3",
    "another time": "UPDATE oracle_audit SET at = at + 1 WHERE number = 4",
    "another message": "UPDATE oracle_audit SET message = 9 WHERE number = 1",
    "another deed": "UPDATE oracle_audit SET deed = 'show' WHERE number = 2",
    "no reason": "UPDATE oracle_audit SET reason = x'' WHERE number = 3",
    "two exchanged": "UPDATE oracle_audit SET message = CASE number WHEN 1 THEN 2 ELSE 1 END WHERE number < 3",
    "the mark of the end": "UPDATE oracle_meta SET value = x'0000000000000004' WHERE name = 'audit_head'",
}


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
def test_audit__changed_behind_its_back__shows(statement: str, office: Office) -> None:
    four_deeds(office)
    office.execute("UPDATE oracle_message SET duplicate_of = NULL")  # unrelated changes don't count
    assert office.auditing.check().wrong == ""
    for verb in ("update", "delete"):
        office.execute(f"DROP TRIGGER oracle_audit_no_{verb}")
    office.execute(statement)
    assert re.search("missing|as it was written|damaged", office.auditing.check().wrong)


def test_audit__its_end_cut_off__takes_no_further_row(office: Office) -> None:
    four_deeds(office)
    office.execute("DROP TRIGGER oracle_audit_no_delete")
    office.execute("DELETE FROM oracle_audit WHERE number = 4")
    with pytest.raises(IntegrityError):
        office.quarantine.show(office.key("C1"), ME)


@pytest.mark.parametrize("statement", ["UPDATE oracle_audit SET actor = ''", "DELETE FROM oracle_audit"])
def test_audit__table__refuses_changes(statement: str, office: Office) -> None:
    four_deeds(office)
    with pytest.raises(SQLAlchemyError, match="append-only"):
        office.execute(statement)


def test_audit__actor_of_no_name__refused(office: Office) -> None:
    for actor in ("", "x" * 65):
        with pytest.raises(InputError):
            office.auditing.order(actor, Deed.SHOW)


def test_backlog__pending_bytes__are_those_of_pending_messages(office: Office) -> None:
    office.oracle.take(report("C1"), report("C2", order="L2"))
    with office.oracle.database.reading() as connection:
        size = connection.execute(text("SELECT sum(length(sealed)) FROM oracle_raw")).scalar_one()
    assert office.oracle.database.backlog().pending_bytes == size > 0
    office.oracle.pipeline.settle()
    assert office.oracle.database.backlog().pending_bytes == 0
