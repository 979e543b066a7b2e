"""Deploying from the plan: interrupted anywhere and taken up again, twice is once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from devnet.anvil import Anvil, AnvilSettings, free_port
from salus.adapters.chain.connect import connect, connect_deployer
from salus.adapters.chain.deployer import ContractDeployer
from salus.core.errors import ConflictError, InputError, UnavailableError
from salus.core.ids import Address, ParticipantId
from salus.core.policy import ParticipantRole
from salus.core.ports import ContractCall
from salus.flows.admit import Terms, add_operator, admit, form_custodian_set
from salus.flows.council import Chamber, decide
from salus.flows.deploy import Deployed, Deployment, deploy
from tests.integration.world import ChainWorld, account, plan_and_settings

PLAN, SETTINGS, MEMBERS = plan_and_settings()
CONTRACTS = [step["contract"] for step in PLAN["steps"] if "contract" in step]


class InterruptedRunError(Exception):
    """The process dies here."""


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with Anvil(AnvilSettings(free_port())) as running, running.instant():
        yield running


def chambers(anvil: Anvil, patience: float = 60) -> Any:
    def chamber_of(council: Address) -> Chamber:
        chain = connect(anvil.url, council)

        def pause(seconds: float) -> None:
            time.sleep(seconds)
            chain.rpc.call("evm_mine")  # a call is tried at the time of the newest block

        return Chamber(chain.board, [chain.writer([member]) for member in MEMBERS], pause, patience)

    return chamber_of


def deployer(anvil: Anvil) -> ContractDeployer:
    return connect_deployer(anvil.url, [account("deployer")])


def test_deploy__interrupted_after_each_contract__ends_with_one_of_each(anvil: Anvil) -> None:
    saved: list[Deployment] = []

    def save_and_die(deployment: Deployment) -> None:
        grown = not saved or deployment != saved[-1]
        saved.append(deployment)
        if grown:
            raise InterruptedRunError

    result: Deployment | None = None
    for _ in range(20):
        try:
            known = Deployment.from_json(saved[-1].to_json()) if saved else None
            result = deploy(PLAN, SETTINGS, deployer(anvil), chambers(anvil), known, save_and_die)
            break
        except InterruptedRunError:
            continue
    assert result is not None
    assert sorted(result.contracts) == sorted(CONTRACTS)
    assert all(len(created) == 1 for created in result.contracts.values())
    chain = connect(anvil.url, result.address("Council"))
    assert chain.reader.address_of("AccessGateway") == result.address("AccessGateway")


def test_deploy__twice__changes_nothing(anvil: Anvil) -> None:
    first = deploy(PLAN, SETTINGS, deployer(anvil), chambers(anvil))
    height = connect(anvil.url, first.address("Council")).reader.head().number
    assert deploy(PLAN, SETTINGS, deployer(anvil), chambers(anvil), first) == first
    late = connect(anvil.url, first.address("Council")).reader
    assert late.events(height + 1, late.head().number) == []


def test_deploy__file_of_a_chain_that_began_anew__deploys_all_again(anvil: Anvil) -> None:
    gone = Deployment(31337, {"Council": (Deployed(account("gone").address, bytes(32)),)})
    fresh = deploy(PLAN, SETTINGS, deployer(anvil), chambers(anvil), gone)
    assert sorted(fresh.contracts) == sorted(CONTRACTS)


def test_deploy__other_version_deployed_already__is_a_conflict(anvil: Anvil) -> None:
    done = deploy(PLAN, SETTINGS, deployer(anvil), chambers(anvil))
    other = {**done.contracts, "AuditLog": (Deployed(done.address("AuditLog"), bytes(32)),)}
    with pytest.raises(ConflictError, match="AuditLog"):
        deploy(PLAN, SETTINGS, deployer(anvil), chambers(anvil), Deployment(31337, other))


def test_deploy__settings_of_another_chain__are_refused(anvil: Anvil) -> None:
    with pytest.raises(InputError, match="chain 5"):
        deploy(PLAN, {**SETTINGS, "chainId": 5}, deployer(anvil), chambers(anvil))


def test_deploy__plan_with_an_unknown_reference__is_refused(anvil: Anvil) -> None:
    with pytest.raises(InputError, match=r"\$nowhere"):
        deploy(
            {"steps": [{"contract": "Council", "arguments": ["$nowhere"]}]}, SETTINGS, deployer(anvil), chambers(anvil)
        )


def test_decide__under_a_delay_longer_than_its_patience__says_when_and_is_taken_up_later(anvil: Anvil) -> None:
    done = deploy(PLAN, {**SETTINGS, "councilDelaySeconds": 4}, deployer(anvil), chambers(anvil))
    council = done.address("Council")
    call = ContractCall("Council", "setDelay", (3,))
    with pytest.raises(UnavailableError, match="approved"):
        decide([call], bytes(32), chambers(anvil, patience=0)(council))
    receipt = decide([call], bytes(32), chambers(anvil)(council))
    assert receipt is not None
    assert receipt.event("DelayChanged").args == {"delaySeconds": 3}


def test_decide__with_fewer_members_than_the_threshold__is_refused(chain: ChainWorld) -> None:
    alone = Chamber(chain.chamber.board, chain.chamber.members[:1], time.sleep)
    with pytest.raises(InputError, match="2 members"):
        decide([ContractCall("Council", "setDelay", (1,))], bytes(32), alone)


def test_admit__of_somebody_who_never_applied__is_a_conflict(chain: ChainWorld) -> None:
    terms = Terms(ParticipantRole.CARE, chain.reader.head().timestamp + 1000, 1)
    with pytest.raises(ConflictError, match="NONE"):
        admit([(ParticipantId(b"\x05" * 32), terms)], chain.chamber, chain.reader)


@pytest.mark.usefixtures("instant")
def test_admit__of_active_institutions__changes_nothing(chain: ChainWorld) -> None:
    before = chain.reader.head().number
    terms = Terms(ParticipantRole.CARE, chain.reader.head().timestamp + 1000, 1)
    admit([(chain.party("checkup").participant, terms)], chain.chamber, chain.reader)
    names = {event.name for event in chain.reader.events(before + 1, chain.reader.head().number)}
    assert "Proposed" not in names


@pytest.mark.usefixtures("instant")
def test_form_custodian_set__that_exists__is_used_again(chain: ChainWorld) -> None:
    members = chain.reader.custodian_set(1, chain.reader.head())
    assert form_custodian_set(members, chain.chamber, chain.reader) == 1


@pytest.mark.usefixtures("instant")
def test_add_operator__with_its_acceptance__acts_for_the_participant(chain: ChainWorld) -> None:
    hospital, second = chain.party("hospital-a"), account("second operator")
    until = chain.reader.head().timestamp + 600
    for _ in range(2):
        add_operator(hospital.participant, second, until, hospital.writer, chain.reader)
    assert chain.reader.operator_of(second.address, chain.reader.head()) == hospital.participant
    with pytest.raises(ConflictError):
        add_operator(chain.party("checkup").participant, second, until, chain.party("checkup").writer, chain.reader)
