from dataclasses import replace
from pathlib import Path

import pytest

from oracle.intake.ports import Peer
from oracle.model import RawMessage
from oracle.normalise import normalise
from oracle.reading import UNKNOWN_SOURCE, Heard, read_drafts, refold
from salus.core.ids import ZERO32
from salus.core.journal import BatchState, MessageState
from salus.core.state import RecordStatus
from tests.unit.oracle.oracle_world import (
    CUSTODIANS,
    PROFILE,
    SOURCE,
    Oracle,
    Outside,
    Tripwire,
    admission,
    report,
    stay,
)


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def oracle(tmp_path: Path, outside: Outside) -> Oracle:
    return Oracle(tmp_path / "oracle.db", outside)


def _values(outside: Outside) -> list[str]:
    """Result values of all anchored versions, in order."""
    entries = [entry for item in outside.anchored_items() for entry in outside.open(item).content["entry"]]
    resources = [entry["resource"] for entry in entries]
    return [str(one["valueQuantity"]["value"]) for one in resources if "valueQuantity" in one]


def test_pipeline__one_result__is_anchored_and_opens_with_the_custodians_shares(
    oracle: Oracle, outside: Outside
) -> None:
    assert oracle.take(report("1")) == [True]
    oracle.pipeline.settle()
    assert _values(outside) == ["5.40"]
    (item,) = outside.anchored_items()
    assert (item.leaf.version, item.leaf.previous) == (1, ZERO32)


def test_pipeline__correction__is_version_two_linked_to_the_first(oracle: Oracle, outside: Outside) -> None:
    oracle.take(report("1"), report("2", value="6.00", status="C"))
    oracle.pipeline.settle()
    first, second = outside.anchored_items()
    assert second.leaf.record_id == first.leaf.record_id
    assert second.leaf.version == 2
    assert second.leaf.previous == first.leaf.hash(outside.chain.chain_id)
    assert _values(outside) == ["5.40", "6.00"]


def test_pipeline__resent_content_with_other_message__makes_no_version(oracle: Oracle, outside: Outside) -> None:
    oracle.take(admission("1"))
    oracle.pipeline.settle()
    before = len(outside.anchored_items())
    oracle.take(admission("2", visit="V2"))
    oracle.pipeline.settle()
    demographics_again = len(outside.anchored_items()) - before
    assert demographics_again == 1  # the second visit only; the patient is unchanged


def test_pipeline__entered_in_error__makes_every_earlier_version_invalid(oracle: Oracle, outside: Outside) -> None:
    oracle.take(report("1"), report("2", value="6.00", status="C"), report("3", status="W"))
    oracle.pipeline.settle()
    leaves = [item.leaf.hash(outside.chain.chain_id) for item in outside.anchored_items()]
    states = [outside.chain.record_state(SOURCE, leaf, outside.chain.final()).status for leaf in leaves]
    assert states == [RecordStatus.INVALID, RecordStatus.INVALID, RecordStatus.VALID]
    assert oracle.database.backlog().invalidations == 0


def test_pipeline__result_moved_to_another_patient__invalidates_it_under_the_first(
    oracle: Oracle, outside: Outside
) -> None:
    oracle.take(report("1"), report("2", status="C", patient="P2"))
    oracle.pipeline.settle()
    first, second = outside.anchored_items()
    assert first.leaf.subject != second.leaf.subject
    state = outside.chain.record_state(SOURCE, first.leaf.hash(outside.chain.chain_id), outside.chain.final())
    assert (state.status, state.reason) == (RecordStatus.INVALID, 2)


def test_pipeline__message_that_cannot_become_records__waits_in_quarantine_and_holds_up_nobody(
    oracle: Oracle, outside: Outside
) -> None:
    bad = report("1").replace(b"PID|1||P1^^^HB^MR|", b"PID|1|||")
    assert oracle.take(bad, report("2")) == [True, True]
    oracle.pipeline.settle()
    assert len(outside.anchored_items()) == 1
    (kept,) = oracle.messages.quarantine()
    assert (kept.state, kept.fault.code, kept.fault.location) == (MessageState.QUARANTINED, 101, "PID-3")


def test_update__of_many_groups_in_one_message__is_read_once_for_all(
    oracle: Oracle, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def message(control: str, value: str) -> bytes:
        first, *rest = report(control, value=value, status="C").split(b"\rOBR")
        groups = (b"\rOBR" + rest[0].replace(b"|L1|", b"|L%d|" % number) for number in range(40))
        return first + b"".join(one.rstrip(b"\r") for one in groups) + b"\r"

    read = []
    monkeypatch.setattr("oracle.reading.normalise", lambda *given: read.append(given) or normalise(*given))
    for number in range(3):
        oracle.take(message(f"G{number}", f"5.{number}"))
        oracle.pipeline.settle()
    assert sorted({item.leaf.version for item in outside.anchored_items()}) == [1, 2, 3]
    assert len(outside.anchored_items()) == 120
    assert len(read) == 3 + 2 + 3  # each when it came, and once more what it is folded with


def test_journal__same_control_id_from_two_sources__are_two_messages(tmp_path: Path, outside: Outside) -> None:
    profiles = {"his": PROFILE, "lis": replace(PROFILE, authority="TJ")}
    oracle = Oracle(tmp_path / "two.db", outside, sources=profiles)
    first, other = report("1"), report("1", value="9.99")
    for raw in (first, other, first):
        for name in profiles:
            assert oracle.take(raw, peer=Peer("mllp", "127.0.0.1", name)) == [True]
    oracle.pipeline.settle()
    with oracle.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT listener, count(*) FROM oracle_message GROUP BY 1").fetchall()
    assert {tuple(row) for row in rows} == {("his", 2), ("lis", 2)}
    assert len({item.leaf.record_id for item in outside.anchored_items()}) == 2


@pytest.mark.parametrize("most", [3, 100])
def test_update__label_of_a_message_long_ago__is_not_lowered(
    oracle: Oracle, outside: Outside, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("oracle.pipeline.MOST_FOLDED", most)
    arv = "ARV|1|A|x|PSY"
    for number in range(8):
        segments = (arv,) if number == 1 else (f"PV2|||^{number}",)
        oracle.take(stay(f"U{number}", said=f"202611010{number}0000", segments=segments))
        oracle.pipeline.settle()
    newest = {item.leaf.record_id: item.leaf for item in outside.anchored_items()}
    (encounter,) = [leaf for leaf in newest.values() if leaf.version == 8]
    assert (encounter.level, encounter.confidentiality) == (5, 4)


def test_refold__told_by_two_sources__is_labelled_by_the_higher_of_their_levels() -> None:
    strict, plain = replace(PROFILE, level=5), replace(PROFILE, level=0)
    told = [(1, RawMessage("strict", report("1"))), (2, RawMessage("plain", report("2", value="6.1", status="C")))]
    (key,) = {draft.record_key for draft in read_drafts(report("1"), PROFILE)}
    refolded = refold(told, key.encode(), Heard(str.encode), str.encode, {"strict": strict, "plain": plain})
    assert {draft.labels.level for draft in refolded.drafts} == {5}


def test_pipeline__message_of_a_source_not_in_force__waits_in_quarantine_alone(
    oracle: Oracle, outside: Outside
) -> None:
    oracle.take(report("1"), report("2", order="L2"))
    with oracle.database.writing() as connection:  # its file was taken away
        connection.exec_driver_sql("UPDATE oracle_message SET listener = 'gone' WHERE key = 1")
    oracle.pipeline.settle()
    found = oracle.messages.message(1)
    assert (found.state, found.fault) == (MessageState.QUARANTINED, UNKNOWN_SOURCE)
    assert len(outside.anchored_items()) == 1


def test_pipeline__custodian_away__keeps_the_batch_until_all_have_it(oracle: Oracle, outside: Outside) -> None:
    outside.custodians.stop(CUSTODIANS[1])
    oracle.take(report("1"))
    oracle.pipeline.settle()
    assert outside.anchored_roots() == []
    (batch,) = oracle.outbox.batches(BatchState.OPEN, 10)
    assert batch.acknowledged == 0b101
    outside.custodians.start(CUSTODIANS[1])
    oracle.pipeline.settle()
    assert outside.anchored_roots() == []  # its pause is not over
    oracle.now += 1
    oracle.pipeline.settle()
    assert len(outside.anchored_roots()) == 1


def test_pipeline__not_final__is_not_anchored_yet(oracle: Oracle, outside: Outside) -> None:
    outside.chain.hold_final()
    oracle.take(report("1"))
    oracle.pipeline.settle()
    assert oracle.database.backlog().open_batches == 1
    assert oracle.pipeline.anchor() == 0
    assert len(outside.anchored_roots()) == 1
    outside.chain.release_final()
    assert oracle.pipeline.anchor() == 1


def test_pipeline__anchored_batch__has_its_shares_erased(oracle: Oracle, outside: Outside) -> None:
    oracle.take(report("1"))
    oracle.pipeline.settle()
    with oracle.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM oracle_secret").scalar_one() == 0


def test_pipeline__more_than_a_batch__makes_several_in_order(oracle: Oracle, outside: Outside) -> None:
    raws = [report(str(place), order=f"L{place}", value=f"{place}") for place in range(1, 31)]
    oracle.take(*raws)
    while oracle.pipeline.seal(run=7):
        pass
    assert oracle.pipeline.deposit(at_least=31) == 0
    oracle.pipeline.settle()
    assert _values(outside) == [str(place) for place in range(1, 31)]


def test_pipeline__database_at_rest__shows_neither_content_nor_numbers(
    oracle: Oracle, outside: Outside, tmp_path: Path
) -> None:
    oracle.take(report("CONTROL-77", order="ORDER-55", patient="MRN-42"))
    oracle.pipeline.settle()
    oracle.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (b"CONTROL-77", b"ORDER-55", b"MRN-42", "王".encode(), b"5.40", b"2345-7"):
        assert secret not in stored


def test_pipeline__level_five_item__goes_alone_and_needs_all_custodians(oracle: Oracle, outside: Outside) -> None:
    oracle.take(report("1", item="56888-1^HIV抗体^LN", value="0.1"))
    oracle.pipeline.settle()
    (item,) = outside.anchored_items()
    assert item.leaf.level == 5
    assert item.inner_share is not None
    assert _values(outside) == ["0.1"]


def test_tripwire__never_tripped__counts_steps(tmp_path: Path, outside: Outside) -> None:
    wire = Tripwire()
    oracle = Oracle(tmp_path / "oracle.db", outside, wire)
    oracle.take(report("1"))
    oracle.pipeline.settle()
    assert wire.steps >= 16
