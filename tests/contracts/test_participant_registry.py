"""ParticipantRegistry: membership, operators, quotas, custodian sets."""

import pytest
from brownie import accounts
from world import CARE, CLINIC, CUSTODIANS, HOSPITAL, NOBODY, SOURCE, YEAR, ZERO, h, now, pass_time, refuses

TERMS = (CARE | SOURCE, 2_000_000_000, 3)


@pytest.fixture
def applicant(deployed):
    """A hospital that has applied."""
    deployed.apply(HOSPITAL)
    return deployed.ids[HOSPITAL]


def status(world, participant):
    return world.participants.participant(participant)[0]


def admit(world, participant, terms=TERMS):
    return world.vote(world.call(world.participants, "admit", participant, terms))


def test_apply__by_institution__makes_principal_first_operator(deployed):
    tx = deployed.apply(HOSPITAL)
    participant = deployed.ids[HOSPITAL]
    kept = deployed.participants.participant(participant)
    assert kept[0] == 1
    assert kept[7] == accounts[3]
    assert bytes(deployed.participants.participantOf(accounts[3])) == participant
    assert bytes(tx.events["ParticipantKeysSet"]["encryptionKey"]) == h(f"encryption {HOSPITAL}")


def test_apply__twice__reverts(deployed, applicant):
    with refuses("ParticipantRegistryKnown"):
        deployed.apply(HOSPITAL)


def test_apply__operator_of_another__reverts(deployed, applicant):
    keys = (h("key"), ZERO, ZERO, NOBODY)
    with refuses("ParticipantRegistryOperatorTaken", accounts[3].address):
        deployed.participants.applyToJoin((1, ZERO, keys, h("other salt")), {"from": accounts[3]})


@pytest.mark.parametrize("kind", [0, 10])
def test_apply__unknown_kind__reverts(deployed, kind):
    with refuses("ParticipantRegistryInvalidKind"):
        deployed.participants.applyToJoin((kind, ZERO, (h("k"), ZERO, ZERO, NOBODY), ZERO), {"from": accounts[3]})


def test_apply__without_encryption_key__reverts(deployed):
    with refuses("ParticipantRegistryInvalidKeys"):
        deployed.participants.applyToJoin((1, ZERO, (ZERO, ZERO, ZERO, NOBODY), ZERO), {"from": accounts[3]})


def test_admit__by_council__activates(deployed, applicant):
    admit(deployed, applicant)
    assert tuple(deployed.participants.participant(applicant)[:5]) == (2, 1, *TERMS)
    assert deployed.participants.hasRole(applicant, CARE)


@pytest.mark.parametrize("verb", ["admit", "suspend", "reinstate", "expel"])
def test_council_verbs__by_others__revert(deployed, applicant, verb):
    arguments = (applicant, TERMS) if verb == "admit" else (applicant,)
    with refuses("ParticipantRegistryNotCouncil"):
        getattr(deployed.participants, verb)(*arguments, {"from": accounts[0]})


@pytest.mark.parametrize("terms", [(0, 2_000_000_000, 3), (256, 2_000_000_000, 3), (CARE, 1, 3)])
def test_admit__invalid_terms__reverts(deployed, applicant, terms):
    with refuses("CouncilCallFailed"):
        admit(deployed, applicant, terms)


def test_admit__unknown__reverts(deployed):
    with refuses("CouncilCallFailed"):
        admit(deployed, h("nobody"))


def test_suspend_and_reinstate__toggle_standing(deployed, applicant):
    admit(deployed, applicant)
    deployed.vote(deployed.call(deployed.participants, "suspend", applicant))
    assert status(deployed, applicant) == 3
    assert not deployed.participants.hasRole(applicant, CARE)
    deployed.vote(deployed.call(deployed.participants, "reinstate", applicant))
    assert status(deployed, applicant) == 2
    with refuses("CouncilCallFailed"):
        deployed.vote(deployed.call(deployed.participants, "reinstate", applicant))


def test_expel__is_for_good(deployed, applicant):
    deployed.vote(deployed.call(deployed.participants, "expel", applicant))
    assert status(deployed, applicant) == 4
    with refuses("CouncilCallFailed"):
        admit(deployed, applicant)
    with refuses("CouncilCallFailed"):
        deployed.vote(deployed.call(deployed.participants, "expel", applicant))


def test_renew__by_council__changes_terms_and_keys(deployed, applicant):
    admit(deployed, applicant)
    keys = (h("new key"), ZERO, ZERO, NOBODY)
    tx = deployed.vote(
        deployed.call(deployed.participants, "renew", applicant, (CARE, 2_100_000_000, 9), h("papers"), keys)
    )
    kept = deployed.participants.participant(applicant)
    assert tuple(kept[2:5]) == (CARE, 2_100_000_000, 9)
    assert bytes(kept[9][0]) == h("new key")
    assert "ParticipantKeysSet" in tx.events
    tx = deployed.vote(
        deployed.call(deployed.participants, "renew", applicant, (CARE, 2_200_000_000, 9), h("papers"), keys)
    )
    assert "ParticipantRenewed" in tx.events
    assert "ParticipantKeysSet" not in tx.events


def test_has_role__accreditation_over__is_false(deployed, applicant):
    admit(deployed, applicant, (CARE, now() + 100, 3))
    assert deployed.participants.hasRole(applicant, CARE)
    pass_time(101)
    assert not deployed.participants.hasRole(applicant, CARE)
    assert bytes(deployed.participants.actingFor(accounts[3], CARE)) == ZERO


def test_add_operator__with_acceptance__acts_for_participant(consortium):
    key = consortium.operator("Dr Li")
    assert bytes(consortium.participants.participantOf(key.address)) == consortium.ids[HOSPITAL]


def add(world, name, deadline, signer=None, sender=None):
    key = world.person(name)
    message = {"participantId": world.ids[HOSPITAL], "operator": key.address, "deadline": deadline}
    signature = world.sign(signer or name, "OperatorAcceptance", world.participants, message)
    sender = sender or world.operators[HOSPITAL]
    world.participants.addOperator(world.ids[HOSPITAL], key.address, deadline, signature, {"from": sender})


def test_add_operator__foreign_signature__reverts(consortium):
    with refuses("ParticipantRegistryInvalidSignature"):
        add(consortium, "Dr Li", consortium.soon(), signer="Dr Zhao")


def test_add_operator__deadline_passed__reverts(consortium):
    with refuses("ParticipantRegistryDeadlinePassed"):
        add(consortium, "Dr Li", now() - 10)


def test_add_operator__by_stranger_or_operator__reverts(consortium):
    with refuses("ParticipantRegistryNotPrincipal"):
        add(consortium, "Dr Li", consortium.soon(), sender=consortium.stranger)


def test_add_operator__of_another_participant__reverts(consortium):
    consortium.operator("Dr Li", CLINIC)
    with refuses("ParticipantRegistryOperatorTaken"):
        add(consortium, "Dr Li", consortium.soon())


def test_remove_operator__account_can_not_come_back(consortium):
    key = consortium.operator("Dr Li")
    consortium.participants.removeOperator(
        consortium.ids[HOSPITAL], key.address, {"from": consortium.operators[HOSPITAL]}
    )
    assert bytes(consortium.participants.participantOf(key.address)) == ZERO
    with refuses("ParticipantRegistryOperatorTaken"):
        add(consortium, "Dr Li", consortium.soon())


def test_remove_operator__of_another__reverts(consortium):
    with refuses("ParticipantRegistryNotOperator"):
        consortium.participants.removeOperator(
            consortium.ids[HOSPITAL], consortium.operators[CLINIC], {"from": consortium.operators[HOSPITAL]}
        )


def test_form_custodian_set__numbers_from_one(consortium):
    assert consortium.participants.custodianSetCount() == 1
    members, threshold = consortium.participants.custodianSet(1)
    assert [bytes(member) for member in members] == [consortium.ids[name] for name in CUSTODIANS]
    assert threshold == 2
    for unknown in (0, 2):
        with refuses("ParticipantRegistryUnknownSet"):
            consortium.participants.custodianSet.transact(unknown, {"from": consortium.stranger})


@pytest.mark.parametrize(
    ("names", "threshold"),
    [(CUSTODIANS, 1), (CUSTODIANS, 4), (CUSTODIANS[:1], 1), ([CUSTODIANS[0]] * 2, 2), ([HOSPITAL, *CUSTODIANS], 2)],
)
def test_form_custodian_set__invalid__reverts(consortium, names, threshold):
    ids = [consortium.ids[name] for name in names]
    with refuses("CouncilCallFailed"):
        consortium.vote(consortium.call(consortium.participants, "formCustodianSet", ids, threshold))


def test_charge__by_others_than_gateway__reverts(consortium):
    with refuses("ParticipantRegistryNotGateway"):
        consortium.participants.charge(consortium.ids[HOSPITAL], 1, {"from": accounts[0]})


def test_quota__used_up__refuses_until_next_hour(consortium):
    hospital = consortium.ids[HOSPITAL]
    keys = (h("key"), ZERO, ZERO, NOBODY)
    terms = (CARE | SOURCE, now() + YEAR, 2)
    consortium.vote(consortium.call(consortium.participants, "renew", hospital, terms, ZERO, keys))
    pass_time(3600 - now() % 3600)
    consent = consortium.granted("Wang")
    for left in (1, 0):
        consortium.request(consent)
        assert consortium.participants.callerOf(consortium.operators[HOSPITAL])[2] == left
    with refuses("AccessGatewayRefused", 5):
        consortium.request(consent)
    pass_time(3600)
    assert consortium.code(consent) == 1
