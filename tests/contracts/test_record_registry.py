"""RecordRegistry: anchors, invalid versions, destruction."""

import pytest
from eth_utils import keccak
from signing import row
from world import CLINIC, CUSTODIANS, HOSPITAL, INSTITUTE, REGULATOR, h, now, pass_time, refuses

RECORD = h("record")
EAST, WEST, NORTH = CUSTODIANS
ON_HOLD = True


@pytest.fixture
def ref(consortium):
    """Wang at the hospital."""
    return consortium.bind("Wang")


def anchor(world, root=RECORD, count=10, custodian_set=1, tag=1, sender=HOSPITAL):
    return world.records.anchor(root, count, custodian_set, tag, {"from": world.operators[sender]})


def destruction(world, ref, **override):
    return {
        "sourceId": world.ids[HOSPITAL],
        "recordId": RECORD,
        "subjectRef": ref,
        "custodianSet": 1,
        "deadline": world.soon(),
    } | override


def order(world, ref, signer="Wang", sender=HOSPITAL, **override):
    message = destruction(world, ref, **override)
    signature = world.sign(signer, "Destruction", world.records, message)
    return world.records.order(row("Destruction", message), signature, {"from": world.operators[sender]})


def attest(world, ref, name, signer=None):
    """By the custodian's own operator, or relayed with a named operator's signature."""
    message = {
        "sourceId": world.ids[HOSPITAL],
        "recordId": RECORD,
        "subjectRef": ref,
        "custodianId": world.ids[name],
        "erased": 3,
    }
    if signer is None:
        return world.records.attest(row("Attestation", message), b"", {"from": world.operators[name]})
    signature = world.sign(signer, "Attestation", world.records, message)
    return world.records.attest(row("Attestation", message), signature, {"from": world.relayer})


def order_id(ref):
    return keccak(keccak(text="salus.order.v1") + RECORD + ref)


def state(world, ref):
    """Status, ordered at, erasable from, set, bitmap."""
    word = world.records.stateOf(world.ids[HOSPITAL], order_id(ref))
    return word & 0xFF, word >> 16 & 2**64 - 1, word >> 80 & 2**64 - 1, word >> 144 & 2**32 - 1, word >> 176


def test_anchor__batch__is_kept_and_logged(consortium):
    tx = anchor(consortium)
    word = consortium.records.anchorOf(consortium.ids[HOSPITAL], RECORD)
    assert word == tx.timestamp | 10 << 64 | 1 << 96 | 1 << 128
    assert tx.events["BatchAnchored"]["count"] == 10


def test_anchor__log__by_custodian(consortium):
    tx = anchor(consortium, custodian_set=0, tag=2, sender=EAST)
    assert tx.events["Appended"]["kind"] == 44


def test_anchor__same_root_twice__reverts_for_one_source_only(consortium):
    anchor(consortium)
    with refuses("RecordRegistryAnchored"):
        anchor(consortium)
    anchor(consortium, sender=CLINIC)


@pytest.mark.parametrize(("sender", "tag", "custodian_set"), [(INSTITUTE, 1, 1), (EAST, 1, 1), (HOSPITAL, 2, 0)])
def test_anchor__without_role__reverts(consortium, sender, tag, custodian_set):
    with refuses("RecordRegistryNotQualified"):
        anchor(consortium, sender=sender, tag=tag, custodian_set=custodian_set)


@pytest.mark.parametrize(
    "values",
    [
        {"root": b"\0" * 32},
        {"count": 0},
        {"custodian_set": 0},
        {"custodian_set": 2},
        {"tag": 0},
        {"tag": 3, "custodian_set": 0},
        {"tag": 2, "custodian_set": 1, "sender": EAST},
    ],
)
def test_anchor__malformed__reverts(consortium, values):
    with refuses("RecordRegistryInvalidAnchor"):
        anchor(consortium, **values)


def test_anchor__by_expelled_source__reverts(consortium):
    consortium.vote(consortium.call(consortium.participants, "expel", consortium.ids[HOSPITAL]))
    with refuses("RecordRegistryNotQualified"):
        anchor(consortium)


def test_invalidate__by_source__is_on_the_subjects_chain(consortium, ref):
    tx = consortium.records.invalidate(h("leaf"), ref, 4, {"from": consortium.operators[HOSPITAL]})
    assert consortium.records.stateOf(consortium.ids[HOSPITAL], h("leaf")) == 1 | 4 << 8
    assert bytes(tx.events["Appended"]["key"]) == ref
    assert tx.events["Appended"]["code"] == 4
    with refuses("RecordRegistryWrongStatus"):
        consortium.records.invalidate(h("leaf"), ref, 4, {"from": consortium.operators[HOSPITAL]})


def test_invalidate__foreign_subject_or_no_reason__reverts(consortium, ref):
    with refuses("RecordRegistryOtherSource"):
        consortium.records.invalidate(h("leaf"), ref, 4, {"from": consortium.operators[CLINIC]})
    with refuses("RecordRegistryInvalidReason"):
        consortium.records.invalidate(h("leaf"), ref, 0, {"from": consortium.operators[HOSPITAL]})


def test_invalidate__unknown_subject__needs_it_registered(consortium):
    """Else a source could write on a chain that is not its own."""
    seed = h("a seed")
    sender = {"from": consortium.operators[HOSPITAL]}
    unknown = bytes(consortium.subjects.idOf(consortium.ids[HOSPITAL], seed))
    with refuses("RecordRegistryOtherSource"):
        consortium.records.invalidate(h("leaf"), unknown, 4, sender)
    consortium.subjects.register(unknown, consortium.ids[HOSPITAL], seed, sender)
    consortium.records.invalidate(h("leaf"), unknown, 4, sender)


def test_order__by_source_with_patient__starts_cooling_off(consortium, ref):
    tx = order(consortium, ref)
    assert state(consortium, ref) == (2, tx.timestamp, tx.timestamp + 5, 1, 0)
    with refuses("RecordRegistryWrongStatus"):
        order(consortium, ref)


def test_order__by_council__needs_no_signature(consortium, ref):
    message = destruction(consortium, ref)
    consortium.vote(consortium.call(consortium.records, "order", row("Destruction", message), b""))
    assert state(consortium, ref)[0] == 2


def test_order__signed_by_another_patient__leaves_this_ones_record_alone(consortium, ref):
    """A source that signs for a patient it made up orders nothing of a real one."""
    other = consortium.bind("Li")
    order(consortium, other, signer="Li")
    pass_time(6)
    for custodian in (EAST, NORTH):
        attest(consortium, other, custodian)
    assert state(consortium, other)[0] == 3
    assert state(consortium, ref)[0] == 0
    order(consortium, ref)


def test_order__by_council_of_unknown_subject__is_kept(consortium):
    unknown = h("unclaimed")
    message = destruction(consortium, unknown)
    consortium.vote(consortium.call(consortium.records, "order", row("Destruction", message), b""))
    assert state(consortium, unknown)[0] == 2


def test_order__without_patient__reverts(consortium, ref):
    with refuses("RecordRegistryInvalidSignature"):
        order(consortium, ref, signer="Li")


def test_order__by_another_source_or_too_late__reverts(consortium, ref):
    with refuses("RecordRegistryOtherSource"):
        order(consortium, ref, sender=CLINIC)
    with refuses("RecordRegistryDeadlinePassed"):
        order(consortium, ref, deadline=now() - 10)
    with refuses("RecordRegistryNotMember"):
        order(consortium, ref, custodianSet=2)


def test_order__under_legal_hold__reverts(consortium, ref):
    consortium.subjects.hold(ref, ON_HOLD, {"from": consortium.operators[REGULATOR]})
    with refuses("RecordRegistryHeld"):
        order(consortium, ref)


def test_attest__enough_custodians__destroys(consortium, ref):
    """2 of 3 restore a key, so two erasures leave too few shares."""
    order(consortium, ref)
    pass_time(6)
    assert "RecordDestroyed" not in attest(consortium, ref, EAST).events
    tx = attest(consortium, ref, NORTH)
    assert "RecordDestroyed" in tx.events
    assert tx.events["Appended"]["code"] == 3
    assert state(consortium, ref)[0] == 3
    assert state(consortium, ref)[4] == 0b101
    attest(consortium, ref, WEST)
    assert state(consortium, ref)[4] == 0b111


def test_attest__relayed_with_operators_signature__counts(consortium, ref):
    order(consortium, ref)
    pass_time(6)
    consortium.operator("Keeper", EAST)
    attest(consortium, ref, EAST, signer="Keeper")
    assert state(consortium, ref)[4] == 1


def test_attest__twice_by_one__reverts(consortium, ref):
    order(consortium, ref)
    pass_time(6)
    attest(consortium, ref, EAST)
    with refuses("RecordRegistryAttested"):
        attest(consortium, ref, EAST)


def test_attest__before_cooling_off_or_without_order__reverts(consortium, ref):
    with refuses("RecordRegistryWrongStatus"):
        attest(consortium, ref, EAST)
    order(consortium, ref)
    with refuses("RecordRegistryTooEarly"):
        attest(consortium, ref, EAST)


def test_attest__by_others__reverts(consortium, ref):
    order(consortium, ref)
    pass_time(6)
    consortium.operator("Keeper", WEST)
    with refuses("RecordRegistryInvalidSignature"):
        attest(consortium, ref, EAST, signer="Keeper")
    with refuses("RecordRegistryNotMember"):
        attest(consortium, ref, HOSPITAL)
