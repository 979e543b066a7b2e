"""SubjectRegistry: control, wishes, links, holds."""

import pytest
from signing import row
from world import CLINIC, HOSPITAL, INSTITUTE, NOBODY, REGULATOR, ZERO, h, now, pass_time, refuses

CONTROLLER, EPOCH, FROZEN, HELD, GUARDIAN, NONCE, SURVIVOR = 1, 2, 4, 5, 6, 7, 8
KINDS = {
    "rotate": "Rotation",
    "appoint": "Appointment",
    "recover": "Rotation",
    "veto": "Veto",
    "freeze": "SubjectFreeze",
    "deny": "Denial",
    "retain": "Retention",
}
ON_HOLD = True


@pytest.fixture
def ref(consortium):
    """Wang at the hospital."""
    return consortium.bind("Wang")


def act(world, verb, ref, signer="Wang", sender=None, override=None, **members):
    """One signed verb through a relayer; signer None sends an empty signature."""
    kind = KINDS[verb]
    if verb == "freeze":
        members = {"by": world.person(signer).address} | members
    message = world.subject_message(ref, **members) | (override or {})
    signature = b"" if signer is None else world.sign(signer, kind, world.subjects, message)
    function = getattr(world.subjects, verb)
    return function(row(kind, message), signature, {"from": sender or world.relayer})


def rotate(world, ref, signers=("Wang", "Wang 2"), **override):
    message = world.subject_message(ref, controller=world.person("Wang 2").address) | override
    signatures = [world.sign(who, "Rotation", world.subjects, message) for who in signers]
    return world.subjects.rotate(row("Rotation", message), signatures, {"from": world.relayer})


def recover(world, ref, signer="Wang 2", sender=None):
    members = {"controller": world.person("Wang 2").address}
    return act(world, "recover", ref, signer, sender or world.operators[HOSPITAL], **members)


def field(world, ref, index):
    return world.subjects.subject(ref)[index]


def test_bind__by_source__sets_controller_and_logs(consortium):
    ref = consortium.bind("Wang")
    assert consortium.subjects.controllerOf(ref) == consortium.person("Wang").address
    assert bytes(consortium.subjects.sourceOf(ref)) == consortium.ids[HOSPITAL]
    assert consortium.subjects.retentionYearsOf(ref) == 5
    assert consortium.chain(ref)[1] == 1


def test_bind__twice__reverts(consortium, ref):
    with refuses("SubjectRegistryClaimed"):
        consortium.bind("Wang")


def bind(world, sender, seed=None, signer="Wang", **override):
    message = {
        "subjectRef": world.subject_ref("Wang"),
        "sourceId": world.ids[HOSPITAL],
        "controller": world.person("Wang").address,
        "deadline": world.soon(),
    } | override
    signature = world.sign(signer, "Binding", world.subjects, message)
    return world.subjects.bind(row("Binding", message), seed or h("seed Wang"), signature, {"from": sender})


def test_bind__by_another_institution__reverts(consortium):
    for sender in (consortium.operators[CLINIC], consortium.operators[INSTITUTE], consortium.stranger):
        with refuses("SubjectRegistryNotSource"):
            bind(consortium, sender)


def test_bind__wrong_seed__reverts(consortium):
    with refuses("SubjectRegistryWrongSeed"):
        bind(consortium, consortium.operators[HOSPITAL], seed=h("guess"))


def test_bind__signed_by_another__reverts(consortium):
    with refuses("SubjectRegistryInvalidSignature"):
        bind(consortium, consortium.operators[HOSPITAL], signer="Li")


def test_bind__too_late__reverts(consortium):
    with refuses("SubjectRegistryDeadlinePassed"):
        bind(consortium, consortium.operators[HOSPITAL], deadline=now() - 10)


def test_bind__by_suspended_source__reverts(consortium):
    consortium.vote(consortium.call(consortium.participants, "suspend", consortium.ids[HOSPITAL]))
    with refuses("SubjectRegistryNotSource"):
        bind(consortium, consortium.operators[HOSPITAL])


def test_rotate__signed_by_both__raises_epoch(consortium, ref):
    rotate(consortium, ref)
    assert field(consortium, ref, CONTROLLER) == consortium.person("Wang 2").address
    assert field(consortium, ref, EPOCH) == 1
    assert consortium.chain(ref)[1] == 2


@pytest.mark.parametrize("signers", [("Wang", "Wang"), ("Wang 2", "Wang 2"), ("Li", "Wang 2")])
def test_rotate__one_signature_missing__reverts(consortium, ref, signers):
    with refuses("SubjectRegistryInvalidSignature"):
        rotate(consortium, ref, signers)


def test_rotate__replayed__reverts(consortium, ref):
    with refuses("SubjectRegistryWrongNonce"):
        rotate(consortium, ref, nonce=1)


def test_rotate__clears_a_pending_recovery(consortium, ref):
    recover(consortium, ref)
    message = consortium.subject_message(ref, controller=consortium.person("Wang 3").address)
    signatures = [consortium.sign(who, "Rotation", consortium.subjects, message) for who in ("Wang", "Wang 3")]
    consortium.subjects.rotate(row("Rotation", message), signatures, {"from": consortium.relayer})
    pass_time(6)
    with refuses("SubjectRegistryNothingPending"):
        consortium.subjects.complete(ref, {"from": consortium.relayer})


def test_recover__after_delay__changes_controller(consortium, ref):
    tx = recover(consortium, ref)
    assert tx.events["RecoveryStarted"]["readyAt"] == tx.timestamp + 5
    with refuses("SubjectRegistryTooEarly"):
        consortium.subjects.complete(ref, {"from": consortium.relayer})
    pass_time(6)
    tx = consortium.subjects.complete(ref, {"from": consortium.relayer})
    assert tx.events["ControllerRecovered"]["epoch"] == 1
    assert field(consortium, ref, CONTROLLER) == consortium.person("Wang 2").address


def test_recover__completed__ends_the_guardian(consortium, ref):
    act(consortium, "appoint", ref, guardian=consortium.person("Friend").address)
    recover(consortium, ref)
    pass_time(6)
    tx = consortium.subjects.complete(ref, {"from": consortium.relayer})
    assert tx.events["GuardianAppointed"]["guardian"] == NOBODY
    assert field(consortium, ref, GUARDIAN) == NOBODY


def test_recover__by_council__changes_controller_after_delay(consortium, ref):
    message = consortium.subject_message(ref, controller=consortium.person("Wang 2").address)
    signature = consortium.sign("Wang 2", "Rotation", consortium.subjects, message)
    consortium.vote(consortium.call(consortium.subjects, "recover", row("Rotation", message), signature))
    pass_time(6)
    consortium.subjects.complete(ref, {"from": consortium.relayer})
    assert field(consortium, ref, EPOCH) == 1


def test_recover__by_another_institution__reverts(consortium, ref):
    with refuses("SubjectRegistryNotSource"):
        recover(consortium, ref, sender=consortium.operators[CLINIC])


def test_recover__without_new_accounts_signature__reverts(consortium, ref):
    with refuses("SubjectRegistryInvalidSignature"):
        recover(consortium, ref, signer="Li")


def test_recover__while_one_is_pending__reverts(consortium, ref):
    recover(consortium, ref)
    with refuses("SubjectRegistryChangePending"):
        recover(consortium, ref)


def test_recover__unclaimed_or_unknown__reverts(consortium):
    with refuses("SubjectRegistryUnknown"):
        recover(consortium, h("nobody"))


def test_veto__by_controller__stops_recovery(consortium, ref):
    recover(consortium, ref)
    act(consortium, "veto", ref)
    pass_time(6)
    with refuses("SubjectRegistryNothingPending"):
        consortium.subjects.complete(ref, {"from": consortium.relayer})


def test_veto__by_others_or_of_nothing__reverts(consortium, ref):
    with refuses("SubjectRegistryNothingPending"):
        act(consortium, "veto", ref)
    recover(consortium, ref)
    with refuses("SubjectRegistryInvalidSignature"):
        act(consortium, "veto", ref, signer="Wang 2")


def test_appoint__by_controller__is_at_once(consortium, ref):
    guardian = consortium.person("Daughter").address
    act(consortium, "appoint", ref, guardian=guardian)
    assert field(consortium, ref, GUARDIAN) == guardian
    act(consortium, "appoint", ref, guardian=NOBODY)
    assert field(consortium, ref, GUARDIAN) == NOBODY


def test_appoint__by_source__waits_and_can_be_vetoed(consortium, ref):
    guardian = consortium.person("Daughter").address
    operator = consortium.operators[HOSPITAL]
    act(consortium, "appoint", ref, signer=None, sender=operator, guardian=guardian)
    assert field(consortium, ref, GUARDIAN) == NOBODY
    act(consortium, "veto", ref)
    act(consortium, "appoint", ref, signer=None, sender=operator, guardian=guardian)
    pass_time(6)
    consortium.subjects.complete(ref, {"from": consortium.relayer})
    assert field(consortium, ref, GUARDIAN) == guardian
    assert field(consortium, ref, EPOCH) == 0


def test_appoint__by_others__reverts(consortium, ref):
    guardian = consortium.person("Daughter").address
    with refuses("SubjectRegistryNotSource"):
        act(consortium, "appoint", ref, signer=None, guardian=guardian)
    with refuses("SubjectRegistryInvalidSignature"):
        act(consortium, "appoint", ref, signer="Li", guardian=guardian)


def test_freeze__by_controller_or_guardian__stops_and_resumes(consortium, ref):
    act(consortium, "appoint", ref, guardian=consortium.person("Daughter").address)
    nonce = field(consortium, ref, NONCE)
    tx = act(consortium, "freeze", ref, signer="Daughter", frozen=True, override={"nonce": 1 << 32})
    # A guardian's freezes count apart.
    assert field(consortium, ref, NONCE) == nonce
    assert consortium.subjects.guardianNonceOf(ref) == (1 << 32) + 1
    assert consortium.subjects.isFrozen(ref)
    assert tx.events["Appended"]["kind"] == 26
    tx = act(consortium, "freeze", ref, frozen=False)
    assert not consortium.subjects.isFrozen(ref)
    assert tx.events["Appended"]["kind"] == 27


def test_freeze__by_others_unchanged_or_replayed__reverts(consortium, ref):
    with refuses("SubjectRegistryNotGuardian"):
        act(consortium, "freeze", ref, signer="Li", frozen=True)
    with refuses("SubjectRegistryInvalidSignature"):
        act(consortium, "freeze", ref, signer="Li", frozen=True, by=consortium.person("Wang").address)
    with refuses("SubjectRegistryUnchanged"):
        act(consortium, "freeze", ref, frozen=False)
    with refuses("SubjectRegistryWrongNonce"):
        act(consortium, "freeze", ref, frozen=True, override={"nonce": 7})
    with refuses("SubjectRegistryDeadlinePassed"):
        act(consortium, "freeze", ref, frozen=True, override={"deadline": now() - 10})


def test_deny__by_controller__sets_strength(consortium, ref):
    clinic = consortium.ids[CLINIC]
    for denial in (1, 2, 0):
        tx = act(consortium, "deny", ref, participantId=clinic, denial=denial)
        assert consortium.subjects.denialOf(ref, clinic) == denial
        assert tx.events["Appended"]["code"] == denial


def test_deny__invalid_unchanged_or_foreign__reverts(consortium, ref):
    clinic = consortium.ids[CLINIC]
    with refuses("SubjectRegistryInvalidDenial"):
        act(consortium, "deny", ref, participantId=clinic, denial=3)
    with refuses("SubjectRegistryUnchanged"):
        act(consortium, "deny", ref, participantId=clinic, denial=0)
    with refuses("SubjectRegistryInvalidSignature"):
        act(consortium, "deny", ref, signer="Li", participantId=clinic, denial=1)


def test_retain__one_to_five__is_kept(consortium, ref):
    act(consortium, "retain", ref, retentionYears=2)
    assert consortium.subjects.retentionYearsOf(ref) == 2
    for years in (0, 6):
        with refuses("SubjectRegistryInvalidRetention"):
            act(consortium, "retain", ref, retentionYears=years)
    with refuses("SubjectRegistryUnchanged"):
        act(consortium, "retain", ref, retentionYears=2)


def link(world, ref, survivor, signers, seeds=(ZERO, ZERO), sender=None, **override):
    nonce = field(world, ref, NONCE)
    message = {"subjectRef": ref, "survivor": survivor, "nonce": nonce, "deadline": world.soon()} | override
    signatures = [b"" if who is None else world.sign(who, "SubjectLink", world.subjects, message) for who in signers]
    return world.subjects.link(
        row("SubjectLink", message), seeds, signatures, {"from": sender or world.operators[HOSPITAL]}
    )


def unlink(world, ref, signer, by=None, **override):
    """By the merged side itself, unless `by` is its survivor."""
    side = ref if by is None else by
    message = world.subject_message(ref, survivor=bytes(world.subjects.survivorOf(ref)), by=side)
    message |= {"nonce": field(world, side, NONCE)} | override
    signature = b"" if signer is None else world.sign(signer, "SubjectUnlink", world.subjects, message)
    return world.subjects.unlink(row("SubjectUnlink", message), signature, {"from": world.operators[HOSPITAL]})


def test_link__both_claimed__unites_freezes_denials_and_holds(consortium, ref):
    twin = consortium.bind("Twin")
    clinic = consortium.ids[CLINIC]
    link(consortium, ref, twin, ("Wang", "Twin"))
    assert bytes(consortium.subjects.survivorOf(ref)) == twin
    act(consortium, "freeze", ref, frozen=True)
    act(consortium, "deny", twin, signer="Twin", participantId=clinic, denial=1)
    act(consortium, "deny", ref, participantId=clinic, denial=2)
    consortium.subjects.hold(ref, ON_HOLD, {"from": consortium.operators[REGULATOR]})
    for each in (ref, twin):
        assert consortium.subjects.isFrozen(each)
        assert consortium.subjects.isHeld(each)
        assert consortium.subjects.denialOf(each, clinic) == 2
    consortium.subjects.hold(ref, not ON_HOLD, {"from": consortium.operators[REGULATOR]})
    unlink(consortium, ref, "Wang")
    assert not consortium.subjects.isFrozen(twin)
    assert consortium.subjects.denialOf(twin, clinic) == 1
    assert len(consortium.subjects.mergedInto(twin)) == 0


def test_link__both_chains__record_it(consortium, ref):
    twin = consortium.bind("Twin")
    before = consortium.chain(ref)[1], consortium.chain(twin)[1]
    link(consortium, ref, twin, ("Wang", "Twin"))
    assert (consortium.chain(ref)[1], consortium.chain(twin)[1]) == (before[0] + 1, before[1] + 1)


def test_link__unclaimed_with_seed__needs_no_signature(consortium, ref):
    unclaimed = consortium.subject_ref("Nobody yet")
    with refuses("SubjectRegistryWrongSeed"):
        link(consortium, unclaimed, ref, (None, "Wang"))
    link(consortium, unclaimed, ref, (None, "Wang"), seeds=(h("seed Nobody yet"), ZERO))
    assert bytes(consortium.subjects.survivorOf(unclaimed)) == ref
    unlink(consortium, unclaimed, None)


def test_link__claimed_without_signature__reverts(consortium, ref):
    twin = consortium.bind("Twin")
    for signers in ((None, "Twin"), ("Wang", None), ("Wang", "Wang")):
        with refuses("SubjectRegistryInvalidSignature"):
            link(consortium, ref, twin, signers)


def test_link__of_another_source__reverts(consortium, ref):
    foreign = consortium.bind("Wang at the clinic", CLINIC)
    with refuses("SubjectRegistryNotSource"):
        link(consortium, ref, foreign, ("Wang", "Wang at the clinic"))
    with refuses("SubjectRegistryNotSource"):
        link(consortium, ref, foreign, ("Wang", "Wang"), sender=consortium.stranger)


def test_link__second_hop_or_itself__reverts(consortium, ref):
    twin, third = consortium.bind("Twin"), consortium.bind("Third")
    with refuses("SubjectRegistryInvalidLink"):
        link(consortium, ref, ref, ("Wang", "Wang"))
    link(consortium, ref, twin, ("Wang", "Twin"))
    with refuses("SubjectRegistryInvalidLink"):
        link(consortium, twin, third, ("Twin", "Third"))
    with refuses("SubjectRegistryInvalidLink"):
        link(consortium, third, ref, ("Third", "Wang"))


def test_unlink__not_linked_or_unsigned__reverts(consortium, ref):
    with refuses("SubjectRegistryInvalidLink"):
        unlink(consortium, ref, "Wang")
    twin, third = consortium.bind("Twin"), consortium.bind("Third")
    link(consortium, ref, twin, ("Wang", "Twin"))
    for signer in (None, "Third", "Twin"):
        with refuses("SubjectRegistryInvalidSignature"):
            unlink(consortium, ref, signer)
    for wrong in ({"survivor": third}, {"survivor": ZERO}, {"by": third, "nonce": 0}):
        with refuses("SubjectRegistryInvalidLink"):
            unlink(consortium, ref, "Wang", **wrong)


def test_unlink__by_the_survivors_controller__parts_them_with_the_survivors_nonce(consortium, ref):
    twin = consortium.bind("Twin")
    link(consortium, ref, twin, ("Wang", "Twin"))
    nonce = field(consortium, ref, NONCE)
    unlink(consortium, ref, "Twin", by=twin)
    assert bytes(consortium.subjects.survivorOf(ref)) == ref
    assert (field(consortium, ref, NONCE), field(consortium, twin, NONCE)) == (nonce, 1)


def test_unlink__by_an_unclaimed_survivor__reverts(consortium, ref):
    unclaimed = consortium.subject_ref("Nobody yet")
    link(consortium, ref, unclaimed, ("Wang", None), seeds=(ZERO, h("seed Nobody yet")))
    for signer in (None, "Wang"):
        with refuses("SubjectRegistryUnclaimed"):
            unlink(consortium, ref, signer, by=unclaimed)
    unlink(consortium, ref, "Wang")


def test_unlink__under_legal_hold__reverts(consortium, ref):
    twin = consortium.bind("Twin")
    link(consortium, ref, twin, ("Wang", "Twin"))
    consortium.subjects.hold(twin, ON_HOLD, {"from": consortium.operators[REGULATOR]})
    with refuses("SubjectRegistryHeld"):
        unlink(consortium, ref, "Wang")


def test_hold__by_regulator_or_council__is_kept(consortium, ref):
    consortium.subjects.hold(ref, ON_HOLD, {"from": consortium.operators[REGULATOR]})
    assert field(consortium, ref, HELD)
    with refuses("SubjectRegistryUnchanged"):
        consortium.subjects.hold(ref, ON_HOLD, {"from": consortium.operators[REGULATOR]})
    consortium.vote(consortium.call(consortium.subjects, "hold", ref, not ON_HOLD))
    assert not consortium.subjects.isHeld(ref)


def test_hold__by_others__reverts(consortium, ref):
    for sender in (consortium.operators[HOSPITAL], consortium.stranger):
        with refuses("SubjectRegistryNotSupervisor"):
            consortium.subjects.hold(ref, ON_HOLD, {"from": sender})
