"""Updates, merges, links and moves through the whole write path, over SQLite and an in-memory chain."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oracle.agreements import Agreements
from oracle.hl7.errors import Condition
from oracle.hl7.message import parse
from oracle.link import MOST
from oracle.normalise import NormaliseError, identity_changes
from oracle.subjects import subject_hash
from salus.adapters.database.oracle_links import DatabaseLinks
from salus.adapters.database.oracle_messages import settle
from salus.adapters.memory import MemorySigner
from salus.core.errors import ConflictError, NotFoundError, SignatureError
from salus.core.ids import ZERO32, RecordId, SubjectRef
from salus.core.journal import MessageOutcome, MessageState
from salus.core.state import RecordStatus
from salus.flows.link import sign_link
from tests.unit.oracle.oracle_world import (
    OPERATOR,
    PROFILE,
    SOURCE,
    Oracle,
    Outside,
    admission,
    identity,
    report,
    results,
    stay,
)

SODIUM, GLUCOSE = "2951-2", "2345-7"


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def oracle(tmp_path: Path, outside: Outside) -> Oracle:
    return Oracle(tmp_path / "oracle.db", outside)


def _send(oracle: Oracle, *raws: bytes, at_once: bool = False) -> None:
    for group in [raws] if at_once else [(raw,) for raw in raws]:
        assert oracle.take(*group) == [True] * len(group)
        oracle.pipeline.settle()
    assert oracle.messages.quarantine() == []


def _newest(outside: Outside) -> dict[RecordId, tuple[SubjectRef, Any]]:
    """Subject and content of the newest version of each record."""
    found = {}
    for item in sorted(outside.anchored_items(), key=lambda one: one.leaf.version):
        found[item.leaf.record_id] = (item.leaf.subject, outside.open(item).content)
    return found


def _values(outside: Outside) -> set[str]:
    resources = [entry["resource"] for _, content in _newest(outside).values() for entry in content.get("entry", ())]
    return {str(one["valueQuantity"]["value"]) for one in resources if "valueQuantity" in one}


def _subject(oracle: Oracle, number: str) -> SubjectRef:
    name = subject_hash(oracle.site, f"HB|{number}")
    return oracle.records.subjects([name])[name].subject


def _survivor(oracle: Oracle, outside: Outside, number: str) -> SubjectRef:
    return outside.chain.subject(_subject(oracle, number), outside.chain.head()).survivor


def _invalid(outside: Outside) -> int:
    final = outside.chain.final()
    leaves = [item.leaf.hash(outside.chain.chain_id) for item in outside.anchored_items()]
    states = [outside.chain.record_state(SOURCE, leaf, final) for leaf in leaves]
    return sum(state.status is RecordStatus.INVALID for state in states)


def test_pipeline__partial_results__add_up_in_one_record(oracle: Oracle, outside: Outside) -> None:
    _send(oracle, results("1", (GLUCOSE, "5.4", "F")), results("2", (SODIUM, "140", "F"), said="20261101093000"))
    assert _values(outside) == {"5.4", "140"}
    assert [item.leaf.version for item in outside.anchored_items()] == [1, 2]


def test_pipeline__partial_results_in_one_run__add_up_too(oracle: Oracle, outside: Outside) -> None:
    later = results("2", (SODIUM, "140", "F"), said="20261101093000")
    _send(oracle, results("1", (GLUCOSE, "5.4", "F")), later, at_once=True)
    assert _values(outside) == {"5.4", "140"}


def test_pipeline__stale_message__makes_no_version_and_is_counted(oracle: Oracle, outside: Outside) -> None:
    _send(oracle, results("2", (GLUCOSE, "5.9", "C"), said="20261101093000"), results("1", (GLUCOSE, "5.4", "F")))
    assert len(outside.anchored_items()) == 1
    assert oracle.metrics.registry.get_sample_value("salus_oracle_stale_total") == 1


def test_pipeline__silent_change_of_a_final_value__makes_a_version_and_an_alarm(
    oracle: Oracle, outside: Outside
) -> None:
    _send(oracle, results("1", (GLUCOSE, "5.4", "F")), results("2", (GLUCOSE, "5.9", "F"), said="20261101093000"))
    assert len(outside.anchored_items()) == 2
    assert oracle.metrics.registry.get_sample_value("salus_oracle_silent_changes_total") == 1


def test_pipeline__one_result_of_another_patient__invalidates_what_was_there_and_hides_its_value(
    oracle: Oracle, outside: Outside
) -> None:
    _send(
        oracle,
        results("1", (GLUCOSE, "5.4", "F"), (SODIUM, "140", "F")),
        results("2", (GLUCOSE, "5.4", "W"), said="20261101093000"),
        results("3", (SODIUM, "141", "C"), said="20261101100000"),
    )
    first, second, third = (item.leaf.hash(outside.chain.chain_id) for item in outside.anchored_items())
    states = [outside.chain.record_state(SOURCE, leaf, outside.chain.final()) for leaf in (first, second, third)]
    assert [state.status for state in states] == [RecordStatus.INVALID, RecordStatus.VALID, RecordStatus.VALID]
    assert states[0].reason == 2
    assert _values(outside) == {"141"}


def test_pipeline__message_no_longer_kept__is_left_out_and_counted(oracle: Oracle, outside: Outside) -> None:
    _send(oracle, results("1", (GLUCOSE, "5.4", "F")))
    outside.clock.tick(40 * 86_400)
    assert oracle.purge(outside.clock.now() - 30 * 86_400) == 1
    _send(oracle, results("2", (SODIUM, "140", "F"), said="20261101093000"))
    assert _values(outside) == {"140"}
    assert oracle.metrics.registry.get_sample_value("salus_oracle_unfolded_total") == 1


def test_purge__record_that_still_changes__keeps_its_earlier_messages(oracle: Oracle, outside: Outside) -> None:
    _send(oracle, results("1", (GLUCOSE, "5.4", "F")))
    outside.clock.tick(40 * 86_400)
    _send(oracle, results("2", (SODIUM, "140", "F"), said="20261101093000"))
    assert oracle.purge(outside.clock.now() - 30 * 86_400) == 0


def test_merge__two_numbers__are_linked_on_chain_and_records_stay_where_they_are(
    oracle: Oracle, outside: Outside
) -> None:
    _send(oracle, stay("1", patient="P2", visit="V2"), identity("2", "A40", prior="P2", survivor="P1"))
    assert _survivor(oracle, outside, "P2") == _subject(oracle, "P1")
    before = _subject(oracle, "P2")
    _send(oracle, stay("3", "A03", patient="P1", visit="V2", said="20261103090000", discharged="20261103080000"))
    visits = [
        subject for subject, content in _newest(outside).values() if "'VN'" in str(content) and "V2" in str(content)
    ]
    assert visits == [before]
    assert _invalid(outside) == 0


def test_update__dated_far_ahead__has_the_last_word_only_until_the_next(oracle: Oracle, outside: Outside) -> None:
    forged = report("M1", value="66.6", at="99981231235900")
    _send(oracle, report("M0", value="5.1"), forged)
    outside.clock.tick(60)
    _send(oracle, report("M2", value="7.3", status="C", at="20270101080030"))
    outside.clock.tick(60)
    _send(oracle, report("M3", value="7.4", status="C", at="20270101080130"))
    assert "7.4" in _values(outside)
    assert "66.6" not in _values(outside)
    assert oracle.metrics.registry.get_sample_value("salus_oracle_ahead_total") >= 1


@pytest.mark.parametrize(
    ("event", "prior", "survivor"),
    [
        ("A40", "T1^^^OTHER", "P1"),
        ("A40", "P1", "T1^^^OTHER&1.2.3&ISO"),
        ("A24", "T1^^^OTHER", "P1"),
        ("A44", "T1^^^OTHER", "P1"),
    ],
)
def test_merge__number_of_an_authority_the_source_does_not_speak_for__waits_for_a_person(
    oracle: Oracle, outside: Outside, event: str, prior: str, survivor: str
) -> None:
    oracle.take(identity("1", event, prior, survivor, account="AC1"))
    oracle.pipeline.settle()
    (waiting,) = oracle.messages.quarantine()
    assert waiting.fault.code == Condition.UNKNOWN_KEY
    assert oracle.database.backlog().links == 0


def test_merge__number_of_an_authority_the_file_names__is_done() -> None:
    raw = identity("1", "A40", "T1^^^OTHER", "P1")
    message = parse(raw.decode())
    with pytest.raises(NormaliseError):
        identity_changes(message, PROFILE)
    (change,) = identity_changes(message, replace(PROFILE, systems=(("OTHER", "urn:oid:1.2.3"),)))
    assert (change.subject_key, change.survivor_key) == ("OTHER|T1", "HB|P1")


def test_merge__that_tells_of_the_patient_too__says_of_it_once_and_what_was_said_last(
    oracle: Oracle, outside: Outside
) -> None:
    _send(oracle, admission("1", "P3", "V1"), admission("2", "P3", "V2"), identity("3", "A40", "P2", "P3"))
    told: dict[RecordId, list[tuple[int, int]]] = {}
    for item in outside.anchored_items():
        told.setdefault(item.leaf.record_id, []).append((item.leaf.version, item.leaf.last_day))
    [of_the_patient] = [versions for versions in told.values() if len(versions) > 1]
    assert [number for number, _ in of_the_patient] == [1, 2]
    assert of_the_patient[1][1] == of_the_patient[0][1] + 1  # the merge came a day later


def test_merge__hundreds_of_pairs_in_one_message__waits_for_a_person() -> None:
    head, person, mrg = identity("1", "A40", "P2", "P1").decode().split("\r", 2)[0], "PID|1||P1", "MRG|P2"
    raw = "\r".join((head, *(f"{person}-{n}\r{mrg}-{n}" for n in range(100))))
    assert len(identity_changes(parse(raw), PROFILE)) == 100
    with pytest.raises(NormaliseError):
        identity_changes(parse(raw + "\r" + person + "\r" + mrg), PROFILE)


def test_merge__again_or_reversed__changes_nothing(oracle: Oracle, outside: Outside) -> None:
    _send(oracle, identity("1", "A40", "P2", "P1"), identity("2", "A40", "P2", "P1", said="20261103000000"))
    _send(oracle, identity("3", "A18", "P1", "P2", said="20261104000000"))
    assert _survivor(oracle, outside, "P2") == _subject(oracle, "P1")
    assert [call.function for call in outside.writer.sent if call.function != "anchor"] == ["link"]


def test_merge__of_a_survivor__takes_along_those_merged_into_it(oracle: Oracle, outside: Outside) -> None:
    _send(oracle, identity("1", "A40", "P3", "P2"), identity("2", "A40", "P2", "P1", said="20261103000000"))
    root = _subject(oracle, "P1")
    assert {_survivor(oracle, outside, number) for number in ("P2", "P3")} == {root}
    assert _survivor(oracle, outside, "P1") == ZERO32


def test_merge__into_a_merged_one__goes_to_the_survivor(oracle: Oracle, outside: Outside) -> None:
    _send(oracle, identity("1", "A40", "P2", "P1"), identity("2", "A40", "P3", "P2", said="20261103000000"))
    assert _survivor(oracle, outside, "P3") == _subject(oracle, "P1")


def test_link_and_unlink__two_people__leave_no_link(oracle: Oracle, outside: Outside) -> None:
    _send(oracle, identity("1", "A24", "P2", "P1"))
    assert _survivor(oracle, outside, "P2") == _subject(oracle, "P1")
    _send(oracle, identity("2", "A37", "P2", "P1", said="20261103000000"))
    assert _survivor(oracle, outside, "P2") == ZERO32


def test_merge__of_a_claimed_subject__waits_for_the_patient_and_holds_up_nobody(
    oracle: Oracle, outside: Outside
) -> None:
    _send(oracle, stay("1", patient="P2", visit="V2"))
    outside.chain.set_subject(_subject(oracle, "P2"), SOURCE, OPERATOR.address)
    _send(oracle, identity("2", "A40", "P2", "P1"), identity("3", "A40", "P4", "P3", said="20261103000000"))
    assert _survivor(oracle, outside, "P2") == ZERO32
    assert _survivor(oracle, outside, "P4") == _subject(oracle, "P3")
    assert oracle.database.backlog().links == 1


def test_merge__more_waiting_ones_than_are_tried_at_once__hold_up_nobody(oracle: Oracle, outside: Outside) -> None:
    _send(oracle, stay("1", patient="C", visit="V9"))
    outside.chain.set_subject(_subject(oracle, "C"), SOURCE, OPERATOR.address)
    waiting = [identity(f"W{n}", "A40", f"C{n}", "C", said=f"20261103{n:06}") for n in range(MOST + 3)]
    oracle.take(*waiting)
    oracle.take(identity("2", "A40", "P4", "P3", said="20261104000000"))
    for _ in range(3):
        oracle.pipeline.settle()
    assert _survivor(oracle, outside, "P4") == _subject(oracle, "P3")
    assert oracle.database.backlog().links == MOST + 3
    assert (
        len(Agreements(DatabaseLinks(oracle.database), outside.chain, outside.clock).waiting(OPERATOR.address)) > MOST
    )


def _sign(oracle: Oracle, outside: Outside, signer: MemorySigner) -> int:
    """Sign all that waits for a controller; how many links."""
    desk = Agreements(DatabaseLinks(oracle.database), outside.chain, outside.clock)
    domain = outside.chain.domain("SubjectRegistry")
    waiting = desk.waiting(signer.address)
    for one in waiting:
        desk.sign(one.key, signer.address, one.words.deadline, sign_link(signer, one.words, domain))
    return len(waiting)


def test_merge__of_two_claimed_subjects__needs_both_signatures_of_the_same_words(
    oracle: Oracle, outside: Outside
) -> None:
    first, second, stranger = (MemorySigner.named(name) for name in ("first", "second", "stranger"))
    _send(oracle, stay("1", patient="P2", visit="V2"), stay("2", patient="P1", visit="V1"))
    outside.chain.set_subject(_subject(oracle, "P2"), SOURCE, first.address)
    outside.chain.set_subject(_subject(oracle, "P1"), SOURCE, second.address)
    _send(oracle, identity("3", "A40", "P2", "P1"))
    assert [_sign(oracle, outside, signer) for signer in (stranger, first)] == [0, 1]
    oracle.now += 60
    oracle.pipeline.settle()
    assert _survivor(oracle, outside, "P2") == ZERO32
    assert _sign(oracle, outside, second) == 1
    oracle.now += 60
    oracle.pipeline.settle()
    assert _survivor(oracle, outside, "P2") == _subject(oracle, "P1")
    assert _sign(oracle, outside, first) == 0


@pytest.mark.parametrize("side", ["P2", "P1"])
def test_unlink__of_claimed_subjects__takes_the_word_of_either_side(
    side: str, oracle: Oracle, outside: Outside
) -> None:
    people = {number: MemorySigner.named(number) for number in ("P2", "P1")}
    _send(oracle, identity("1", "A40", "P2", "P1"))
    for number, person in people.items():
        outside.chain.set_subject(_subject(oracle, number), SOURCE, person.address)
    _send(oracle, identity("2", "A37", "P2", "P1", said="20261103000000"))
    assert _survivor(oracle, outside, "P2") == _subject(oracle, "P1")
    desk = Agreements(DatabaseLinks(oracle.database), outside.chain, outside.clock)
    nonces = {}
    for number, person in people.items():
        (asked,) = desk.waiting(person.address)
        assert (asked.typed_data["primaryType"], asked.words.by) == ("SubjectUnlink", _subject(oracle, number))
        nonces[number] = asked.words.nonce
    assert nonces == {"P2": 1, "P1": 0}
    assert _sign(oracle, outside, people[side]) == 1
    oracle.now += 60
    oracle.pipeline.settle()
    assert _survivor(oracle, outside, "P2") == ZERO32
    assert outside.writer.sent[-1].args[0][2] == _subject(oracle, side)


def test_unlink__of_an_unclaimed_subject__asks_nobody(oracle: Oracle, outside: Outside) -> None:
    owner = MemorySigner.named("owner")
    _send(oracle, identity("1", "A40", "P2", "P1"))
    outside.chain.set_subject(_subject(oracle, "P1"), SOURCE, owner.address)
    oracle.take(identity("2", "A37", "P2", "P1", said="20261103000000"))
    desk = Agreements(DatabaseLinks(oracle.database), outside.chain, outside.clock)
    assert desk.waiting(owner.address) == []
    oracle.pipeline.settle()
    assert _survivor(oracle, outside, "P2") == ZERO32


def test_unlink__from_an_unclaimed_survivor__waits_for_the_patient(oracle: Oracle, outside: Outside) -> None:
    owner = MemorySigner.named("owner")
    _send(oracle, identity("1", "A40", "P2", "P1"))
    outside.chain.set_subject(_subject(oracle, "P2"), SOURCE, owner.address)
    _send(oracle, identity("2", "A37", "P2", "P1", said="20261103000000"))
    assert _survivor(oracle, outside, "P2") == _subject(oracle, "P1")
    assert _sign(oracle, outside, owner) == 1
    oracle.now += 60
    oracle.pipeline.settle()
    assert _survivor(oracle, outside, "P2") == ZERO32


def test_merge__signature_of_another_account_or_of_other_words__is_refused(oracle: Oracle, outside: Outside) -> None:
    mine, other = MemorySigner.named("mine"), MemorySigner.named("other")
    _send(oracle, stay("1", patient="P2", visit="V2"))
    outside.chain.set_subject(_subject(oracle, "P2"), SOURCE, mine.address)
    _send(oracle, identity("3", "A40", "P2", "P1"))
    desk = Agreements(DatabaseLinks(oracle.database), outside.chain, outside.clock)
    (asked,) = desk.waiting(mine.address)
    domain = outside.chain.domain("SubjectRegistry")
    deadline = asked.words.deadline
    with pytest.raises(NotFoundError):
        desk.sign(asked.key, other.address, deadline, sign_link(other, asked.words, domain))
    with pytest.raises(SignatureError):
        desk.sign(asked.key, mine.address, deadline, sign_link(other, asked.words, domain))
    with pytest.raises(ConflictError):
        desk.sign(asked.key, mine.address, deadline + 1, sign_link(mine, asked.words, domain))
    oracle.now += 60
    oracle.pipeline.settle()
    assert _survivor(oracle, outside, "P2") == ZERO32


def test_merge__agreement_out_of_date__is_asked_for_again(oracle: Oracle, outside: Outside) -> None:
    mine = MemorySigner.named("mine")
    _send(oracle, stay("1", patient="P2", visit="V2"))
    outside.chain.set_subject(_subject(oracle, "P2"), SOURCE, mine.address)
    _send(oracle, identity("3", "A40", "P2", "P1"))
    assert _sign(oracle, outside, mine) == 1
    outside.clock.tick(8 * 86_400)
    oracle.now += 60
    oracle.pipeline.settle()
    assert _survivor(oracle, outside, "P2") == ZERO32
    assert _sign(oracle, outside, mine) == 1
    oracle.now += 60
    oracle.pipeline.settle()
    assert _survivor(oracle, outside, "P2") == _subject(oracle, "P1")


def test_move__of_an_account__files_the_stay_and_its_reports_under_the_other_patient(
    oracle: Oracle, outside: Outside
) -> None:
    _send(
        oracle,
        stay("1", "A01", account="ACC1"),
        results("2", (GLUCOSE, "5.4", "F")),
        results("3", (SODIUM, "140", "F"), visit="V9", order="L9"),
        identity("4", "A44", prior="P1", survivor="P2", account="ACC1"),
    )
    target = _subject(oracle, "P2")
    moved = {str(content) for subject, content in _newest(outside).values() if subject == target}
    assert any("心内科" in one for one in moved)
    assert not any("140" in one for one in moved)
    assert _invalid(outside) == 1
    _send(oracle, identity("5", "A45", prior="P1", survivor="P2", visit="V1", said="20261103000000"))
    moved = {str(content) for subject, content in _newest(outside).values() if subject == target}
    assert any("5.4" in one for one in moved)
    assert _invalid(outside) == 2


def test_move__then_what_comes_late_for_the_first_patient__stays_with_the_second(
    oracle: Oracle, outside: Outside
) -> None:
    _send(
        oracle,
        stay("1", "A01", account="ACC1", said="20261101090000"),
        identity("2", "A44", prior="P1", survivor="P2", account="ACC1", said="20261102090000"),
        stay("3", "A08", account="ACC1", said="20261101100000", segments=("DG1|1||I20.0^心绞痛^I10",)),
    )
    visits = [subject for subject, content in _newest(outside).values() if "心内科" in str(content)]
    assert visits == [_subject(oracle, "P2")]


def test_message_without_the_second_number__waits_in_quarantine(oracle: Oracle) -> None:
    assert oracle.take(identity("1", "A40", prior="", survivor="P1")) == [True]
    oracle.pipeline.settle()
    (waiting,) = oracle.messages.quarantine()
    assert (waiting.state, waiting.fault.location) == (MessageState.QUARANTINED, "MRG-1")


def _month() -> list[bytes]:
    """A stay, its reports with every kind of change, and a merge, each at its own time."""
    return [
        stay("1", "A01", said="20261101070000", segments=("DG1|1||I20.0^心绞痛^I10",), account="ACC1"),
        results("2", (GLUCOSE, "5.4", "P"), (SODIUM, "139", "F"), status="P", said="20261101080000"),
        results("3", (GLUCOSE, "5.5", "F"), said="20261101083000"),
        results("4", (GLUCOSE, "5.6", "C"), (SODIUM, "", "U"), said="20261101090000"),
        results("5", ("56888-1", "0.1", "F"), order="L2", said="20261101093000"),
        results("6", ("56888-1", "0.2", "C"), order="L2", said="20261101094000"),
        stay("7", "A08", said="20261102070000", segments=("DG1|1||I21.9^急性心肌梗死^I10",), account="ACC1"),
        results("8", (SODIUM, "141", "F"), order="L3", patient="P2", visit="V2", said="20261102080000"),
        identity("9", "A40", prior="P2", survivor="P1", said="20261102090000"),
        stay("10", "A03", said="20261103100000", discharged="20261103095500", account="ACC1"),
        results("11", (SODIUM, "142", "C"), order="L3", patient="P2", visit="V2", said="20261103110000"),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_resend_storm__three_times_shuffled_with_new_control_ids__leaves_the_same_state(
    tmp_path: Path, seed: int
) -> None:
    calm, stormy = Outside(), Outside()
    straight = Oracle(tmp_path / "calm.db", calm)
    _send(straight, *_month())
    chance = random.Random(seed)
    storm = [
        raw.replace(b"ADT_A01|", b"ADT_A01|").replace(b"|P|2.5.1|", f"-{copy}|P|2.5.1|".encode())
        for copy in range(3)
        for raw in _month()
    ]
    chance.shuffle(storm)
    oracle = Oracle(tmp_path / "storm.db", stormy)
    for place in range(0, len(storm), 5):
        _send(oracle, *storm[place : place + 5], at_once=True)
    for number in ("P1", "P2"):
        before, after = (_survivor(one, world, number) for one, world in ((straight, calm), (oracle, stormy)))
        assert (before == ZERO32) == (after == ZERO32)
    assert _state(calm, straight) == _state(stormy, oracle)


def _state(outside: Outside, oracle: Oracle) -> set[tuple[RecordId, str, str]]:
    """Newest content of each record, and under which of the source's numbers."""
    numbers = {_subject(oracle, number): number for number in ("P1", "P2")}
    return {(record, numbers[subject], str(content)) for record, (subject, content) in _newest(outside).items()}


def test_pipeline__fault_of_ours_in_folding__fails_that_message_and_holds_up_nobody(
    oracle: Oracle, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    _send(oracle, results("1", (GLUCOSE, "5.4", "F")))

    def broken(*_: object) -> None:
        raise KeyError("ours")

    with monkeypatch.context() as patched:
        patched.setattr("oracle.reading.fold", broken)
        later = results("2", (SODIUM, "140", "F"), said="20261101093000")
        oracle.take(later, results("3", (SODIUM, "141", "F"), order="L2"))
        oracle.pipeline.settle()
    (waiting,) = oracle.messages.quarantine()
    assert waiting.state is MessageState.FAILED
    assert _values(outside) == {"5.4", "141"}
    with oracle.database.writing() as connection:
        settle(connection, [MessageOutcome(waiting.key, MessageState.PENDING)])
    oracle.pipeline.settle()
    assert _values(outside) == {"5.4", "140", "141"}
