"""Council: votes, delay, directory."""

import pytest
from brownie import AccessGateway, AuditLog, Council, accounts
from world import NOBODY, YEAR, ZERO, h, now, pass_time, refuses

from scripts.brownie_deploy import role_of


@pytest.fixture
def proposal(deployed):
    """An open proposal to raise the threshold: id, calls, salt."""
    calls = [deployed.call(deployed.council, "setThreshold", 3)]
    salt = h("raise the threshold")
    return deployed.council.propose(calls, salt, {"from": accounts[0]}).return_value, calls, salt


def set_delay(world, seconds, voters=(0, 1)):
    world.vote(world.call(world.council, "setDelay", seconds), voters=voters)


def test_constructor__one_member_or_threshold_one__reverts(deployed):
    for members, threshold in (([accounts[0]], 1), ([accounts[0]], 2), (accounts[:3], 1), (accounts[:2], 3)):
        with refuses("CouncilInvalidThreshold"):
            Council.deploy(list(members), threshold, 0, {"from": accounts[9]})


def test_constructor__same_member_twice__reverts(deployed):
    with refuses("CouncilInvalidMember"):
        Council.deploy([accounts[0], accounts[0]], 2, 0, {"from": accounts[9]})


def test_propose__by_member__opens_shows_calls_and_approves(deployed):
    target, data = deployed.call(deployed.council, "setThreshold", 3)
    tx = deployed.council.propose([(target, data)], ZERO, {"from": accounts[0]})
    assert tuple(deployed.council.proposalOf(tx.return_value)) == (1, accounts[0], 1, 0)
    shown = tx.events["CallProposed"]
    assert shown["target"] == target
    assert shown["callData"] == data


def test_propose__by_stranger__reverts(deployed):
    with refuses("CouncilNotMember", deployed.stranger.address):
        deployed.council.propose([(deployed.council, b"")], ZERO, {"from": deployed.stranger})


def test_propose__empty_or_repeated__reverts(deployed, proposal):
    with refuses("CouncilEmptyProposal"):
        deployed.council.propose([], ZERO, {"from": accounts[0]})
    with refuses("CouncilProposalExists"):
        deployed.council.propose(proposal[1], proposal[2], {"from": accounts[1]})


def test_approve__twice_by_one_member__reverts(deployed, proposal):
    with refuses("CouncilAlreadyVoted", accounts[0].address):
        deployed.council.approve(proposal[0], {"from": accounts[0]})


def test_approve__reaching_threshold__starts_delay(deployed, proposal):
    tx = deployed.council.approve(proposal[0], {"from": accounts[1]})
    assert tx.events["ThresholdReached"]["time"] == tx.timestamp


def test_execute__below_threshold__reverts(deployed, proposal):
    with refuses("CouncilNotApproved"):
        deployed.council.execute(proposal[1], proposal[2], {"from": accounts[0]})


def test_execute__approved__calls_once(deployed, proposal):
    deployed.council.approve(proposal[0], {"from": accounts[1]})
    deployed.council.execute(proposal[1], proposal[2], {"from": accounts[2]})
    assert deployed.council.threshold() == 3
    with refuses("CouncilProposalNotOpen"):
        deployed.council.execute(proposal[1], proposal[2], {"from": accounts[2]})


def test_execute__votes_of_removed_members__are_void(deployed):
    calls = [deployed.call(deployed.council, "setDelay", 7)]
    proposal = deployed.council.propose(calls, ZERO, {"from": accounts[0]}).return_value
    deployed.council.approve(proposal, {"from": accounts[1]})
    salt = h("remove")
    removal = [deployed.call(deployed.council, "removeMember", accounts[0])]
    other = deployed.council.propose(removal, salt, {"from": accounts[1]}).return_value
    deployed.council.approve(other, {"from": accounts[2]})
    deployed.council.execute(removal, salt, {"from": accounts[1]})
    with refuses("CouncilNotApproved"):
        deployed.council.execute(calls, ZERO, {"from": accounts[1]})
    deployed.council.approve(proposal, {"from": accounts[2]})
    deployed.council.execute(calls, ZERO, {"from": accounts[1]})


def test_execute__reached_again_after_removal__waits_anew(deployed):
    """Two members who approved early can't keep a delay in stock for the day one of them is replaced."""
    council = deployed.council
    deployed.vote(deployed.call(council, "addMember", accounts[4]))
    calls = [deployed.call(council, "setThreshold", 3)]
    proposal = council.propose(calls, ZERO, {"from": accounts[0]}).return_value
    council.approve(proposal, {"from": accounts[1]})
    removal, salt = [deployed.call(council, "removeMember", accounts[1])], h("remove")
    other = council.propose(removal, salt, {"from": accounts[2]}).return_value
    council.approve(other, {"from": accounts[4]})
    council.execute(removal, salt, {"from": accounts[2]})
    set_delay(deployed, 600, voters=(0, 2))
    pass_time(700)
    tx = council.approve(proposal, {"from": accounts[2]})
    assert tx.events["ThresholdReached"]["time"] == tx.timestamp
    with refuses("CouncilDelayed"):
        council.execute(calls, ZERO, {"from": accounts[2]})


def test_execute__failing_call__reverts_all(deployed):
    calls = [
        deployed.call(deployed.council, "setDelay", 9),
        deployed.call(deployed.council, "removeMember", deployed.stranger),
    ]
    with refuses("CouncilCallFailed"):
        deployed.vote(*calls)
    assert deployed.council.delaySeconds() == 0


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("setThreshold", (3,)),
        ("setDelay", (1,)),
        ("addMember", ("0x00000000000000000000000000000000000000aa",)),
        ("removeMember", (None,)),
    ],
)
def test_execute__settings__wait_for_delay(deployed, verb, arguments):
    set_delay(deployed, 600)
    arguments = [accounts[2] if argument is None else argument for argument in arguments]
    calls = [deployed.call(deployed.council, verb, *arguments)]
    with refuses("CouncilDelayed"):
        deployed.vote(*calls)
    proposal = deployed.council.propose(calls, ZERO, {"from": accounts[0]}).return_value
    deployed.council.approve(proposal, {"from": accounts[1]})
    pass_time(601)
    deployed.council.execute(calls, ZERO, {"from": accounts[0]})


def test_execute__direct_call_to_log_or_consents__is_forbidden(deployed):
    for contract, verb in ((deployed.log, "admitWriter"), (deployed.consents, "admitGateway")):
        with refuses("CouncilForbiddenTarget"):
            deployed.vote(deployed.call(contract, verb, deployed.stranger))


def test_execute__installers_verbs_at_any_contract__are_forbidden(deployed):
    for verb in ("admitWriter", "retireWriter"):
        call = (deployed.subjects.address, getattr(deployed.log, verb).encode_input(deployed.stranger))
        with refuses("CouncilForbiddenTarget"):
            deployed.vote(call)


def test_execute__renewing_participant__waits_for_delay(consortium):
    set_delay(consortium, 600)
    keys = (h("new key"), ZERO, ZERO, NOBODY)
    terms = (4, now() + YEAR, 10)
    participant = next(iter(consortium.ids.values()))
    with refuses("CouncilDelayed"):
        consortium.vote(consortium.call(consortium.participants, "renew", participant, terms, ZERO, keys))
    consortium.vote(consortium.call(consortium.participants, "suspend", participant))


def test_cancel__by_proposer__ends_at_once(deployed, proposal):
    deployed.council.cancel(proposal[0], {"from": accounts[0]})
    with refuses("CouncilProposalNotOpen"):
        deployed.council.approve(proposal[0], {"from": accounts[1]})


def test_cancel__by_others__needs_threshold(deployed, proposal):
    tx = deployed.council.cancel(proposal[0], {"from": accounts[1]})
    assert "Cancelled" not in tx.events
    with refuses("CouncilAlreadyVoted"):
        deployed.council.cancel(proposal[0], {"from": accounts[1]})
    assert "Cancelled" in deployed.council.cancel(proposal[0], {"from": accounts[2]}).events


def test_settings__by_member_directly__reverts(deployed):
    council = deployed.council
    for verb, argument in (("addMember", accounts[9]), ("removeMember", accounts[0]), ("setThreshold", 3)):
        with refuses("CouncilOnlyItself"):
            getattr(council, verb)(argument, {"from": accounts[0]})
    with refuses("CouncilOnlyItself"):
        council.install(role_of("AuditLog"), deployed.log, {"from": accounts[0]})


def test_remove_member__below_threshold__reverts(deployed):
    deployed.vote(deployed.call(deployed.council, "removeMember", accounts[2]))
    calls = [deployed.call(deployed.council, "removeMember", accounts[1])]
    proposal = deployed.council.propose(calls, ZERO, {"from": accounts[0]}).return_value
    deployed.council.approve(proposal, {"from": accounts[1]})
    with refuses("CouncilCallFailed"):
        deployed.council.execute(calls, ZERO, {"from": accounts[0]})


def test_install__plan__fills_directory_and_admits_writers(deployed):
    for name, contract in deployed.contracts.items():
        if name != "Council":
            assert deployed.council.contractOf(role_of(name)) == contract.address
            assert deployed.council.tenureCount(role_of(name)) == 1
    for contract in (deployed.subjects, deployed.records, deployed.consents, deployed.gateway):
        assert deployed.log.isWriter(contract)
    assert not deployed.log.isWriter(deployed.participants)
    assert deployed.consents.gateway() == deployed.gateway.address


def test_install__first_filling__needs_no_delay(deployed):
    set_delay(deployed, 600)
    deployed.vote(deployed.call(deployed.council, "install", h("a new role"), deployed.log))


def test_install__second_filling_in_one_proposal__waits_for_delay(deployed):
    set_delay(deployed, 600)
    calls = [
        deployed.call(deployed.council, "install", h("role"), account) for account in (deployed.log, deployed.records)
    ]
    with refuses("CouncilDelayed"):
        deployed.vote(*calls)


def test_install__replacement__retires_old_gateway_at_once(deployed):
    newer = AccessGateway.deploy(deployed.council, {"from": deployed.stranger})
    role = role_of("AccessGateway")
    tx = deployed.vote(deployed.call(deployed.council, "install", role, newer))
    assert deployed.council.isActive(role, newer)
    assert not deployed.council.isActive(role, deployed.gateway)
    assert deployed.log.isWriter(newer)
    assert not deployed.log.isWriter(deployed.gateway)
    assert deployed.consents.gateway() == newer.address
    first, second = deployed.council.tenureAt(role, 0), deployed.council.tenureAt(role, 1)
    assert first[0] == deployed.gateway.address
    assert first[2] == tx.block_number
    assert tuple(second) == (newer.address, tx.block_number, 0)


def test_install__replacement__waits_for_delay(deployed):
    set_delay(deployed, 600)
    newer = AccessGateway.deploy(deployed.council, {"from": deployed.stranger})
    with refuses("CouncilDelayed"):
        deployed.vote(deployed.call(deployed.council, "install", role_of("AccessGateway"), newer))


def test_install__account_without_code__reverts(deployed):
    with refuses("CouncilCallFailed"):
        deployed.vote(deployed.call(deployed.council, "install", role_of("AccessGateway"), deployed.stranger))


def test_install__writer_before_log__reverts(deployed):
    council = Council.deploy(accounts[:3], 2, 0, {"from": accounts[0]})
    log = AuditLog.deploy(council, {"from": accounts[0]})
    calls = [(council.address, council.install.encode_input(role_of("ConsentRegistry"), log))]
    proposal = council.propose(calls, ZERO, {"from": accounts[0]}).return_value
    council.approve(proposal, {"from": accounts[1]})
    with refuses("CouncilCallFailed"):
        council.execute(calls, ZERO, {"from": accounts[0]})


def test_execute__void_when_the_delay_is_lengthened__stays_void(deployed):
    calls = [deployed.call(deployed.council, "addMember", "0x00000000000000000000000000000000000000aa")]
    proposal = deployed.council.propose(calls, h("old"), {"from": accounts[0]}).return_value
    deployed.council.approve(proposal, {"from": accounts[1]})
    pass_time(31 * 24 * 3600)
    with refuses("CouncilExpired"):
        deployed.council.execute(calls, h("old"), {"from": accounts[0]})
    set_delay(deployed, 90 * 24 * 3600)
    pass_time(24 * 3600)
    with refuses("CouncilExpired"):
        deployed.council.execute(calls, h("old"), {"from": accounts[0]})
