"""Retention and destruction at the source: what is due, who agreed, what is ordered, and what is carried out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from oracle.destruction import FIRST_SECONDS, Destruction, DestructionWatch, Filed, Swept
from oracle.retention import Due, RetentionDesk
from oracle.store import Erasing
from salus.adapters.database.oracle_retention import DatabaseRetention
from salus.adapters.memory import MemoryCustodians, MemorySigner, MemoryWriter
from salus.core import hpke, signatures
from salus.core.custody import attestation_digest
from salus.core.errors import ChainRevert, ConflictError, NotFoundError, SignatureError, UnavailableError
from salus.core.hashing import sha256
from salus.core.ids import ParticipantId, RecordId, SubjectRef, hex32, order_id
from salus.core.policy import ParticipantRole
from salus.core.retention import DAY_SECONDS, GRACE_DAYS, Agreement, Standing, due_at
from salus.core.state import RecordStatus
from salus.flows.bind import sign_destruction
from salus.flows.custody import Caller
from tests.unit.oracle.oracle_world import CUSTODIAN_KEYS, CUSTODIANS, OPERATOR, SOURCE, Oracle, Outside, report

PATIENT = MemorySigner.named("patient of the source")
STRANGER = MemorySigner.named("stranger")
COOLING_OFF = 600
LATER = tuple(ParticipantId(sha256(f"later custodian {i}".encode())) for i in range(3))


class Scene:
    """A source with two records of a claimed patient and one of another; their years are counted from `begun`."""

    def __init__(self, path: Path) -> None:
        self.outside = outside = Outside()
        self.clock, self.chain = outside.clock, outside.chain
        self.oracle = Oracle(path, outside)
        self.oracle.take(
            report("1", "L1", patient="P1"), report("2", "L2", patient="P1"), report("3", "L3", patient="P2")
        )
        self.oracle.pipeline.settle()
        self.begun = self.chain.anchor(SOURCE, outside.anchored_roots()[0], self.chain.head()).anchored_at
        self.leaves = [item.leaf for item in outside.anchored_items()]
        self.subject = self.leaves[0].subject
        self.chain.set_subject(self.subject, SOURCE, PATIENT.address)
        self.asked: list[ParticipantId] = []
        self.custodians = MemoryCustodians({one: self._custodian(one) for one in CUSTODIANS})
        self.writer = MemoryWriter(
            self.chain,
            SOURCE,
            {("RecordRegistry", "order"): self._order, ("RecordRegistry", "attest"): self._attest},
        )
        self.start()

    knows_all = True

    def start(self) -> None:
        """A new process over the same disks."""
        chain, oracle, outside = self.chain, self.oracle, self.outside
        self.store = DatabaseRetention(oracle.database, SOURCE)
        self.desk = RetentionDesk(self.store, chain, SOURCE, GRACE_DAYS)
        erasing = Erasing(
            oracle.records, outside.content, chain, self.clock, oracle.site, SOURCE, lambda: self.knows_all
        )
        caller = Caller(OPERATOR, chain.domain("Council"), self.clock, outside.randomness)
        self.destruction = Destruction(
            self.store,
            self.desk,
            oracle.records,
            erasing,
            outside.content,
            chain,
            self.writer,
            self.custodians,
            caller,
            SOURCE,
            self.clock,
            oracle.metrics,
            lambda _: None,
        )

    def _order(self, destruction: tuple[bytes, bytes, bytes, int, int], signature: bytes) -> None:
        _, record, subject, number, deadline = destruction
        state = self.chain.subject(SubjectRef(subject), self.chain.head())
        agreed = Agreement(RecordId(record), SubjectRef(subject), number, deadline, signature)
        try:
            signatures.check(self.desk.digest(agreed), signature, state.controller)
        except SignatureError as error:
            raise ChainRevert("RecordRegistryInvalidSignature", {}) from error
        if state.hold:
            raise ChainRevert("RecordRegistryHeld", {})
        self.order(RecordId(record), SubjectRef(subject))

    def order(self, record: RecordId, subject: SubjectRef) -> None:
        """An order by whomever."""
        self.chain.order(SOURCE, record, subject=subject, erasable_from=self.clock.now() + COOLING_OFF)

    def _attest(self, attestation: tuple[bytes, bytes, bytes, bytes, int], _: bytes) -> None:
        record, subject, custodian = attestation[1:4]
        name = order_id(RecordId(record), SubjectRef(subject))
        state = self.chain.record_state(SOURCE, name, self.chain.head())
        bits = state.attestations | 1 << CUSTODIANS.index(ParticipantId(custodian))
        status = RecordStatus.DESTROYED if bits.bit_count() >= 2 else RecordStatus.ORDERED
        self.chain.set_record_state(SOURCE, name, attestations=bits, status=status)

    def _custodian(self, me: ParticipantId) -> Any:
        def answer(verb: str, value: dict[str, Any]) -> dict[str, Any]:
            body = value["body"]
            assert verb == "destroy"
            self.asked.append(me)
            words = (bytes.fromhex(body[name][2:]) for name in ("sourceId", "recordId", "subjectRef"))
            source, record, subject = words
            domain = self.chain.domain("RecordRegistry")
            digest = attestation_digest(domain, ParticipantId(source), RecordId(record), SubjectRef(subject), me, 1)
            return {"erased": 1, "attestation": hex32(MemorySigner.named("custodian").sign(digest))}

        return answer

    def pass_until(self, at: int) -> None:
        """Let time pass on chain too."""
        self.clock.tick(at - self.clock.now())
        self.chain.advance()

    def pass_years(self, years: int = 5, days: int = 0) -> None:
        """Until so many days after the end of a retention of so many years."""
        self.pass_until(due_at(self.begun, years) + days * DAY_SECONDS)

    def choose(self, years: int) -> None:
        """The patient's choice."""
        self.chain.set_subject(self.subject, SOURCE, PATIENT.address, retention_years=years)

    def agreement(self, record: RecordId, by: MemorySigner = PATIENT, seconds: int = 30 * DAY_SECONDS) -> Agreement:
        """The patient's word about a record."""
        deadline = self.clock.now() + seconds
        domain = self.chain.domain("RecordRegistry")
        signature = sign_destruction(by, SOURCE, record, self.subject, 1, deadline, domain)
        return Agreement(record, self.subject, 1, deadline, signature)

    def agree(self, record: RecordId) -> None:
        """Sign and hand in."""
        self.desk.agree(PATIENT.address, self.agreement(record))

    def is_here(self, record: RecordId) -> bool:
        """Whether any envelope of a record is in the content store."""
        return any(self._has(leaf.envelope_digest) for leaf in self.oracle.records.versions(record))

    def _has(self, digest: bytes) -> bool:
        try:
            return bool(self.outside.content.get(digest))
        except NotFoundError:
            return False

    def metric(self, name: str) -> float:
        """A figure as it is scraped."""
        lines = generate_latest(self.oracle.metrics.registry).decode().splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[-1])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "oracle.db")
    yield made
    made.oracle.close()


def _standings(found: list[Due]) -> list[Standing]:
    return [one.standing for one in found]


def test_due__five_years__lists_nothing_the_second_before_and_all_then(scene: Scene) -> None:
    scene.pass_until(due_at(scene.begun, 5) - 1)
    assert scene.desk.due() == []
    assert _standings(scene.desk.due(within_days=1)) == [Standing.KEPT] * 3
    scene.pass_years()
    assert _standings(scene.desk.due()) == [Standing.DUE] * 3
    scene.pass_years(days=GRACE_DAYS)
    assert _standings(scene.desk.due()) == [Standing.OVER] * 3


def test_due__one_year_chosen_held_or_ordered__is_that_patients_alone(scene: Scene) -> None:
    scene.choose(1)
    scene.pass_years(1)
    assert {one.copy.subject for one in scene.desk.due()} == {scene.subject}
    first, second = (one.copy.record_id for one in scene.desk.due())
    scene.order(first, scene.subject)
    assert [one.copy.record_id for one in scene.desk.due()] == [second]
    scene.chain.set_hold(scene.subject, hold=True)
    assert scene.desk.due() == []
    scene.chain.set_hold(scene.subject, hold=False)
    scene.choose(5)
    assert scene.desk.due() == []


def test_due_of__another_account__learns_nothing(scene: Scene) -> None:
    scene.pass_years()
    assert len(scene.desk.due_of(PATIENT.address, scene.subject)) == 2
    with pytest.raises(NotFoundError):
        scene.desk.due_of(STRANGER.address, scene.subject)


def test_due__more_records_than_a_page__lists_each_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.retention._PAGE", 1)
    scene.pass_years()
    assert len({one.copy.record_id for one in scene.desk.due()}) == 3
    assert len(scene.desk.due(most=2)) == 2


def test_agree__patient_of_more_records_than_a_list_tells__is_kept_and_ordered(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oracle.retention._PAGE", 1)
    monkeypatch.setattr(RetentionDesk.due, "__defaults__", (0, None, 1))  # a list that ends after one
    scene.pass_years()
    _, last = (leaf.record_id for leaf in scene.leaves if leaf.subject == scene.subject)
    scene.agree(last)
    assert scene.destruction.sweep().filing == Filed(1)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"by": STRANGER}, SignatureError, id="another's signature"),
        pytest.param({"seconds": 90 * DAY_SECONDS}, ConflictError, id="a deadline far away"),
        pytest.param({"seconds": 0}, ConflictError, id="a deadline that has passed"),
        pytest.param({"record": RecordId(bytes(32))}, NotFoundError, id="no such record"),
    ],
)
def test_agree__wrong__is_not_kept(scene: Scene, change: dict[str, Any], error: type[Exception]) -> None:
    scene.pass_years()
    with pytest.raises(error):
        scene.desk.agree(PATIENT.address, scene.agreement(**{"record": scene.leaves[0].record_id} | change))
    assert scene.store.agreements() == []


def test_agree__not_due_yet__is_refused(scene: Scene) -> None:
    with pytest.raises(NotFoundError):
        scene.agree(scene.leaves[0].record_id)


def test_sweep__agreed__is_ordered_carried_out_after_its_cooling_off_and_proven_absent(scene: Scene) -> None:
    scene.pass_years()
    record, other = (leaf.record_id for leaf in scene.leaves if leaf.subject == scene.subject)
    scene.agree(record)
    assert [one.agreed for one in scene.desk.due_of(PATIENT.address, scene.subject)] == [True, False]
    assert scene.destruction.sweep() == Swept(Filed(1), 0, 1)
    assert scene.destruction.sweep() == Swept(Filed(dropped=1), 0, 1)  # the agreement is used up
    assert scene.metric("salus_oracle_destructions_open") == 1
    assert scene.metric("salus_oracle_destructions_overdue") == 0
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    assert scene.metric("salus_oracle_destructions_overdue") == 1
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)
    name = order_id(record, scene.subject)
    assert scene.chain.record_state(SOURCE, name, scene.chain.head()).status is RecordStatus.DESTROYED
    assert not scene.is_here(record)
    assert scene.is_here(other)
    assert scene.oracle.records.sealed_rows(record) == ([], [])
    assert scene.metric("salus_oracle_destructions_overdue") == 0
    assert [one.copy.record_id for one in scene.desk.due_of(PATIENT.address, scene.subject)] == [other]


def test_sweep__silent_patient__orders_nothing(scene: Scene) -> None:
    scene.pass_years(days=GRACE_DAYS + 1)
    assert scene.destruction.sweep() == Swept(Filed(), 0, 0)
    assert scene.writer.sent == []


@pytest.mark.parametrize("change", ["kept longer", "held", "another controller", "deadline"])
def test_file__agreement_no_longer_good__is_dropped_and_nothing_ordered(scene: Scene, change: str) -> None:
    scene.choose(1)
    scene.pass_years(1)
    scene.agree(scene.leaves[0].record_id)
    match change:
        case "kept longer":
            scene.choose(5)
        case "held":
            scene.chain.set_hold(scene.subject, hold=True)
        case "another controller":
            scene.chain.set_subject(scene.subject, SOURCE, STRANGER.address, retention_years=1)
        case _:
            scene.pass_until(scene.clock.now() + 31 * DAY_SECONDS)
    assert scene.destruction.file() == Filed(dropped=1)
    assert scene.writer.sent == []
    assert scene.store.agreements() == []


def test_file__refused_for_another_reason__is_told_and_kept_for_the_next_sweep(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.pass_years()
    scene.agree(scene.leaves[0].record_id)

    def refuse(_: Any) -> Any:
        raise ChainRevert("RecordRegistryNotQualified", {})

    with monkeypatch.context() as patch:
        patch.setattr(scene.writer, "send", refuse)
        assert scene.destruction.file() == Filed(refused=("RecordRegistryNotQualified",))
    assert scene.destruction.file() == Filed(1)


def test_carry_out__ordered_by_the_council__is_done_without_being_asked(scene: Scene) -> None:
    record = scene.leaves[0].record_id
    scene.order(record, scene.subject)
    assert scene.destruction.follow() == 1
    assert scene.destruction.follow() == 0
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    assert scene.destruction.carry_out() == 0  # whoever ordered has the first minute
    scene.pass_until(scene.clock.now() + FIRST_SECONDS)
    assert scene.destruction.carry_out() == 1
    assert not scene.is_here(record)


def test_carry_out__order_names_a_patient_whose_record_it_is_not__is_done_and_erases_nothing(scene: Scene) -> None:
    """The registry knows no records: whoever mistakes one for another's would leave an order that rings for ever."""
    record = scene.leaves[0].record_id
    other = next(leaf.subject for leaf in scene.leaves if leaf.subject != scene.subject)
    scene.order(record, other)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)
    assert scene.is_here(record)


def test_carry_out__order_of_another_source__is_not_ours(scene: Scene) -> None:
    scene.chain.order(ParticipantId(bytes(32)), scene.leaves[0].record_id, subject=scene.subject)
    assert scene.destruction.follow() == 0
    assert scene.store.open_orders() == []


def test_carry_out__hold_set_after_the_order__keeps_everything_until_it_is_lifted(scene: Scene) -> None:
    record = scene.leaves[0].record_id
    scene.order(record, scene.subject)
    scene.chain.set_hold(scene.subject, hold=True)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    assert scene.destruction.sweep().open == 1
    assert scene.asked == []
    raws, _ = scene.oracle.records.sealed_rows(record)
    assert raws
    scene.chain.set_hold(scene.subject, hold=False)
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)


def test_carry_out__too_few_custodians__waits_and_erases_nothing_before(scene: Scene) -> None:
    record = scene.leaves[0].record_id
    scene.order(record, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    for one in CUSTODIANS[1:]:
        scene.custodians.stop(one)
    assert scene.destruction.sweep().open == 1
    scene.custodians.start(CUSTODIANS[1])
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)
    assert not scene.is_here(record)


@pytest.mark.parametrize("done", [True, False])
def test_follow__chain_lost_the_order_and_has_another_in_its_place__follows_that_one(
    scene: Scene, *, done: bool
) -> None:
    lost, other = (leaf.record_id for leaf in scene.leaves if leaf.subject == scene.subject)
    before = scene.chain.head().number
    scene.order(lost, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    assert scene.destruction.sweep() if done else scene.destruction.follow()
    gone = scene.chain.head().number - before
    scene.chain.fork(gone)
    scene.chain.shorten(gone)
    scene.order(other, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)
    assert not scene.is_here(other)


def test_carry_out__database_may_lack_versions__waits_until_it_has_caught_up(scene: Scene) -> None:
    record = scene.leaves[0].record_id
    scene.order(record, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    scene.knows_all = False
    assert scene.destruction.sweep().open == 1
    assert scene.is_here(record)
    scene.knows_all = True
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)
    assert not scene.is_here(record)


def test_carry_out__record_unknown_while_it_catches_up__asks_no_custodian_and_stays_open(scene: Scene) -> None:
    """Custodians tell of what they keep: what they erase now, this database never learns, and its content stays."""
    scene.order(RecordId(b"made after the backup".ljust(32)), scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    scene.knows_all = False
    assert scene.destruction.sweep() == Swept(Filed(), 0, 1)
    assert scene.asked == []
    scene.knows_all = True
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)


def test_carry_out__killed_after_each_step__the_next_process_ends_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = scene.leaves[0].record_id
    scene.order(record, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)

    class Killed(BaseException):
        pass

    def dead(*_: Any, **__: Any) -> Any:
        raise Killed

    steps = (
        "salus.adapters.memory.MemoryContent.delete",
        "salus.adapters.database.oracle_records.DatabaseRecords.erase",
    )
    for step in (*steps, "salus.adapters.database.oracle_retention.DatabaseRetention.carried_out"):
        with monkeypatch.context() as patch:
            patch.setattr(step, dead)
            with pytest.raises(Killed):
                scene.destruction.sweep()
        scene.oracle.metrics = type(scene.oracle.metrics)()
        scene.start()
        assert len(scene.store.open_orders()) == 1
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)
    assert [call.function for call in scene.writer.sent].count("attest") == len(CUSTODIANS)


def test_carry_out__content_still_found__is_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.order(scene.leaves[0].record_id, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    with monkeypatch.context() as patch:
        patch.setattr(type(scene.outside.content), "delete", lambda *_: False)
        assert scene.destruction.sweep() == Swept(Filed(), 0, 1)
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)


def test_watch__failing_step__does_not_end_the_thread(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.pass_years()
    scene.agree(scene.leaves[0].record_id)
    failed: list[bool] = []
    now = [0.0]

    def rounds(_: float) -> bool:
        now[0] += 60
        return now[0] > 300

    def away() -> int:
        raise UnavailableError("the node is away")

    monkeypatch.setattr(scene.destruction, "follow", away)
    for hours, ordered in ((0, 0), (1, 1)):
        now[0] = 0.0
        watch = DestructionWatch(scene.destruction, hours, lambda: True, lambda: now[0], lambda: failed.append(True))
        watch.run(rounds)
        assert len(scene.writer.sent) == ordered
    assert len(failed) == 10


@pytest.fixture
def in_two_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The first record has a version in a second set, whose members are three others."""
    made = Scene(tmp_path / "oracle.db")
    outside = made.outside
    for one in LATER:
        monkeypatch.setitem(CUSTODIAN_KEYS, one, sha256(b"key" + one))
        key = hpke.public_key(CUSTODIAN_KEYS[one])
        outside.chain.set_participant(one, roles=ParticipantRole.CUSTODY, encryption_key=key)
        outside.deposits[one] = {}
    outside.chain.set_custodians(2, LATER, 2)
    outside.custodians = MemoryCustodians({one: outside._custodian(one) for one in (*CUSTODIANS, *LATER)})
    made.oracle.close()
    made.oracle = Oracle(tmp_path / "oracle.db", outside, custodian_set=2)
    made.oracle.take(report("4", "L1", patient="P1", value="5.90", status="C", at="20261101093000"))
    made.oracle.pipeline.settle()
    made.custodians = MemoryCustodians({one: made._custodian(one) for one in (*CUSTODIANS, *LATER)})
    made.start()
    yield made
    made.oracle.close()


@pytest.mark.parametrize("away", [(), LATER[:1], LATER[:2]], ids=["none", "as many as may be", "too many"])
def test_carry_out__record_with_versions_in_two_sets__is_done_once_both_have_erased(
    in_two_sets: Scene, away: tuple[ParticipantId, ...]
) -> None:
    """The order names one set, and only that one attests; the other could open the older version still."""
    scene = in_two_sets
    record = scene.leaves[0].record_id
    assert [leaf.custodian_set for leaf in scene.oracle.records.versions(record)] == [1, 2]
    scene.order(record, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    for one in away:
        scene.custodians.stop(one)
    done = scene.destruction.sweep()
    assert not scene.is_here(record)  # content does not wait for them
    if len(away) < 2:
        assert set(scene.asked) == {*CUSTODIANS, *LATER} - {*away}
        assert (done.carried_out, done.open) == (1, 0)
        return
    assert (done.carried_out, done.open) == (0, 1)
    for one in away:
        scene.custodians.start(one)
    assert scene.destruction.sweep().carried_out == 1
