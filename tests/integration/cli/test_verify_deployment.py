"""Every kind of tampered deployment is found, and a sound one has nothing to find."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from devnet.anvil import Anvil, AnvilSettings, anvil_command, free_port, is_ready
from salus.adapters.chain.abi import abi_of
from salus.adapters.chain.artifacts import load
from salus.adapters.chain.connect import connect, connect_deployer
from salus.adapters.chain.deployer import ContractDeployer
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.simulate import Prepared
from salus.core.hashing import keccak, words
from salus.core.ids import ZERO_ADDRESS, Address, address_bytes, read_address, role_id
from salus.core.policy import ParticipantRole
from salus.core.ports import ContractCall
from salus.core.state import ParticipantKind
from salus.flows.admit import Applicant, Terms, admit, apply
from salus.flows.council import decide
from salus.flows.deploy import Deployed, Deployment, deploy, install_call
from salus.flows.inspect_deployment import Finding
from tests.integration.cli.chains import (
    CONTRACTS,
    MEMBERS,
    PLAN,
    SETTINGS,
    chambers,
    deployed,
    deployments_in,
    failures,
    run,
)
from tests.integration.world import account


@dataclass(frozen=True)
class Standing:
    """A sound deployment to tamper with."""

    url: str
    rpc: Rpc
    deployment: Deployment

    def address(self, contract: str) -> Address:
        return self.deployment.address(contract)

    def failures(self, **changed: Any) -> list[Finding]:
        return failures(self.url, self.deployment, **changed)

    def decide(self, *calls: ContractCall) -> None:
        decide(calls, keccak(repr(calls).encode()), chambers(self.url)(self.address("Council")))

    def as_council(self, contract: str, function: str, *args: object) -> None:
        """What no proposal of this Council can do, but a Council of other code could have done before."""
        council, data = self.address("Council"), abi_of(contract).function(function).encode(args)
        self.rpc.call("anvil_impersonateAccount", council)
        call = {"from": council, "to": self.address(contract), "data": "0x" + data.hex(), "gasPrice": "0x0"}
        sent = self.rpc.call("eth_sendTransaction", call)
        while (receipt := self.rpc.call("eth_getTransactionReceipt", sent)) is None:
            time.sleep(0.02)
        assert receipt["status"] == "0x1"

    def patch(self, contract: str, at: int, value: bytes) -> None:
        """Overwrite bytes of a contract's code."""
        code = bytearray.fromhex(self.rpc.call("eth_getCode", self.address(contract), "latest")[2:])
        code[at : at + len(value)] = value
        self.rpc.call("anvil_setCode", self.address(contract), "0x" + code.hex())

    def store(self, contract: str, slot: bytes, value: bytes) -> None:
        """Overwrite a storage slot."""
        shown = "0x" + value.rjust(32, b"\0").hex()
        self.rpc.call("anvil_setStorageAt", self.address(contract), "0x" + slot.rjust(32, b"\0").hex(), shown)


@pytest.fixture(scope="module")
def sound() -> Iterator[Standing]:
    with Anvil(AnvilSettings(free_port())) as anvil, anvil.instant():
        rpc = Rpc(anvil.url)
        yield Standing(anvil.url, rpc, deployed(anvil.url))
        rpc.close()


@pytest.fixture
def standing(sound: Standing) -> Iterator[Standing]:
    """The sound deployment; what a test does to it is undone."""
    snapshot = sound.rpc.call("evm_snapshot")
    yield sound
    sound.rpc.call("evm_revert", snapshot)


def kinds(found: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.check, finding.contract) for finding in found}


def test_sound__as_deployed__has_nothing_to_find(standing: Standing) -> None:
    assert standing.failures() == []


@pytest.mark.parametrize("contract", CONTRACTS)
def test_code__one_byte_changed__is_found(standing: Standing, contract: str) -> None:
    standing.patch(contract, 40, bytes([load(contract).runtime[40] ^ 1]))
    assert ("code", contract) in kinds(standing.failures())


def test_code__compiled_from_other_source_text__is_found_by_its_metadata(standing: Standing) -> None:
    standing.patch("AuditLog", len(load("AuditLog").runtime) - 20, b"\x77")
    [finding] = [each for each in standing.failures() if each.check == "code"]
    assert "metadata" in finding.text


def test_code__longer_than_the_artifact__is_found(standing: Standing) -> None:
    standing.patch("ConsentRegistry", len(load("ConsentRegistry").runtime), b"\x00")
    assert ("code", "ConsentRegistry") in kinds(standing.failures())


def test_code__of_the_council_is_other__ends_the_inspection(standing: Standing) -> None:
    standing.patch("Council", 50, b"\xfe\xfe")
    assert kinds(standing.failures()) == {("code", "Council")}


def test_code__council_where_nothing_is__is_found(standing: Standing) -> None:
    nowhere = Deployment(31337, {"Council": (Deployed(account("nowhere").address, bytes(32)),)})
    [finding] = failures(standing.url, nowhere)
    assert "no contract" in finding.text


@pytest.mark.parametrize(
    ("contract", "immutable"),
    [(name, immutable) for name in CONTRACTS for immutable in sorted(load(name).immutables)],
)
def test_immutable__changed_in_one_place__is_found(standing: Standing, contract: str, immutable: str) -> None:
    start, length = load(contract).immutables[immutable][-1]
    standing.patch(contract, start, address_bytes(account("evil").address).rjust(length, b"\0"))
    found = standing.failures()
    assert kinds(found) == {("immutable", contract)}
    assert found[0].text.startswith(immutable)


def test_immutable__other_delay_given_to_the_constructor__is_found(standing: Standing) -> None:
    lenient = deployed(standing.url, settings={**SETTINGS, "coolingOffSeconds": 1}, deployer=account("lenient"))
    [finding] = failures(standing.url, lenient)
    assert (finding.check, finding.contract) == ("immutable", "RecordRegistry")
    assert finding.text == "coolingOffSeconds is 1, not 5"


def test_writer__admitted_beside_the_directory__is_found(standing: Standing) -> None:
    standing.as_council("AuditLog", "admitWriter", account("evil").address)
    [finding] = standing.failures()
    assert (finding.check, finding.contract) == ("writers", "AuditLog")
    assert account("evil").address in finding.text


def test_writer__retired_though_in_the_directory__is_found(standing: Standing) -> None:
    standing.as_council("AuditLog", "retireWriter", standing.address("SubjectRegistry"))
    assert kinds(standing.failures()) == {("writers", "AuditLog")}


def test_writer__changed_without_an_event__is_found(standing: Standing) -> None:
    slot = keccak(words(address_bytes(standing.address("RecordRegistry")), 2))
    standing.store("AuditLog", slot, b"\0")
    assert kinds(standing.failures()) == {("writers", "AuditLog")}


def test_consumer__other_than_the_gateway__is_found(standing: Standing) -> None:
    standing.as_council("ConsentRegistry", "admitGateway", account("evil").address)
    assert kinds(standing.failures()) == {("consumer", "ConsentRegistry")}


def test_member__added_since__is_found(standing: Standing) -> None:
    standing.decide(ContractCall("Council", "addMember", (account("evil").address,)))
    [finding] = standing.failures()
    assert (finding.check, "network file" in finding.text) == ("members", True)


def test_member__of_the_network_file_is_another__is_found(standing: Standing) -> None:
    other = {**SETTINGS, "members": [*SETTINGS["members"][:2], account("other").address]}
    assert {finding.check for finding in standing.failures(settings=other)} == {"members"}


@pytest.mark.parametrize(
    ("change", "check"),
    [({"threshold": 3}, "threshold"), ({"councilDelaySeconds": 60}, "delay"), ({"chainId": 5}, "chain")],
)
def test_settings__other_than_on_chain__are_found(standing: Standing, change: dict[str, int], check: str) -> None:
    assert {finding.check for finding in standing.failures(settings={**SETTINGS, **change})} == {check}


@pytest.mark.parametrize("delay", ["recoveryDelaySeconds", "coolingOffSeconds"])
def test_delay__other_than_in_the_network_file__is_found(standing: Standing, delay: str) -> None:
    assert {finding.check for finding in standing.failures(settings={**SETTINGS, delay: 259200})} == {"immutable"}


def test_threshold__changed_by_the_council__is_found(standing: Standing) -> None:
    standing.decide(ContractCall("Council", "setThreshold", (3,)))
    assert kinds(standing.failures()) == {("threshold", "Council")}


def test_role__not_of_the_plan__is_found(standing: Standing) -> None:
    standing.decide(ContractCall("Council", "install", (role_id("Backdoor"), standing.address("AuditLog"))))
    assert {finding.check for finding in standing.failures()} == {"directory"}


def test_role__nobody_installed__is_found(standing: Standing) -> None:
    plan = {"steps": PLAN["steps"][:-1]}
    half = deployed(standing.url, plan)
    assert kinds(failures(standing.url, half)) == {("unfinished", "AccessGateway")}
    assert failures(standing.url, half)[0].text.startswith(
        f"is at {half.address('AccessGateway')}, but the Council has"
    )
    without = {name: items for name, items in half.contracts.items() if name != "AccessGateway"}
    [missing] = failures(standing.url, half, record=Deployment(31337, without))
    assert (missing.check, missing.contract, missing.text) == ("unfinished", "AccessGateway", "is not created yet")


def test_gateway__replaced_but_not_in_the_file__is_found(standing: Standing) -> None:
    fresh = connect_deployer(standing.url, [account("deployer")]).deploy("AccessGateway", [standing.address("Council")])
    standing.decide(install_call("AccessGateway", fresh))
    assert kinds(standing.failures()) == {("file", "AccessGateway")}
    newer = Deployed(fresh, keccak(load("AccessGateway").bytecode))
    assert standing.failures(record=standing.deployment.with_contract("AccessGateway", newer)) == []


def test_deployer__a_member_of_the_council__is_found(standing: Standing) -> None:
    mighty = deployed(standing.url, deployer=MEMBERS[0])
    assert kinds(failures(standing.url, mighty)) == {("deployer", "")}


def test_deployer__operates_for_a_participant__is_found(standing: Standing) -> None:
    chain = connect(standing.url, standing.address("Council"))
    deployer = account("deployer")
    applicant = Applicant(deployer.address, ParticipantKind.HOSPITAL, b"\x01" * 32, bytes(32))
    participant = apply(applicant, chain.writer([deployer]), chain.reader)
    terms = Terms(ParticipantRole.CARE, chain.reader.head().timestamp + 1000, 1)
    admit([(participant, terms)], chambers(standing.url)(standing.address("Council")), chain.reader)
    [finding] = standing.failures()
    assert "operates" in finding.text


def test_role__never_given_and_no_file__is_unfinished_too(standing: Standing, tmp_path: Path) -> None:
    half = deployed(standing.url, {"steps": PLAN["steps"][:-1]})
    folder = deployments_in(tmp_path)
    arguments = ("verify-deployment", "--rpc", standing.url, "--folder", str(folder))
    told = run(*arguments, "--council", half.address("Council"))
    assert told.returncode == 1
    *_, last = told.stdout.splitlines()
    assert last == "unfinished: run `salus deploy` again. Missing: AccessGateway"
    assert "todo unfinished AccessGateway        was not installed by the Council yet: its members vote" in told.stdout


def test_file__names_other_code_or_is_unfinished__is_found(standing: Standing) -> None:
    there = standing.deployment.contracts["AuditLog"][-1]
    other = {**standing.deployment.contracts, "AuditLog": (replace(there, code=bytes(32)),)}
    assert kinds(standing.failures(record=Deployment(31337, other))) == {("file", "AuditLog")}
    unfinished = replace(standing.deployment, pending=("AccessGateway", there))
    assert kinds(standing.failures(record=unfinished)) == {("unfinished", "AccessGateway")}


def test_command__on_a_sound_and_on_a_tampered_chain__tells_and_exits(standing: Standing, tmp_path: Path) -> None:
    folder = deployments_in(tmp_path)
    (folder / "31337.json").write_text(json.dumps(standing.deployment.to_json()))
    arguments = ("verify-deployment", "--rpc", standing.url, "--folder", str(folder))
    good = run(*arguments)
    assert (good.returncode, "everything holds" in good.stdout) == (0, True), good.stderr
    standing.as_council("AuditLog", "admitWriter", account("evil").address)
    bad = run(*arguments, "--json")
    report = json.loads(bad.stdout)
    failed = [finding for finding in report["findings"] if not finding["holds"]]
    assert (bad.returncode, report["holds"], [finding["check"] for finding in failed]) == (1, False, ["writers"])


def test_command__without_a_file__needs_the_council(standing: Standing, tmp_path: Path) -> None:
    folder = deployments_in(tmp_path)
    arguments = ("verify-deployment", "--rpc", standing.url, "--folder", str(folder))
    lost = run(*arguments)
    assert (lost.returncode, "--council" in lost.stderr) == (4, True)
    assert run(*arguments, "--council", standing.address("Council")).returncode == 0


class BackdoorDeployer(ContractDeployer):
    """Leaves the artifact's code behind, but its own constructor makes somebody a writer of the AuditLog, untold."""

    def deploy(self, contract: str, args: Sequence[Any]) -> Address:
        if contract != "AuditLog":
            return super().deploy(contract, args)
        runtime = bytearray(load(contract).runtime)
        for start, length in load(contract).immutables["council"]:
            runtime[start : start + length] = address_bytes(args[0]).rjust(length, b"\0")
        slot = keccak(words(address_bytes(account("evil").address), 2))
        store = b"\x60\x01\x7f" + slot + b"\x55"  # PUSH1 1, PUSH32 slot, SSTORE
        size = len(runtime).to_bytes(2, "big")
        begin = (len(store) + 14).to_bytes(1, "big")
        copy = b"\x61" + size + b"\x60" + begin + b"\x60\x00\x39"  # PUSH2 size, PUSH1 begin, PUSH1 0, CODECOPY
        give = b"\x61" + size + b"\x60\x00\xf3"  # PUSH2 size, PUSH1 0, RETURN
        [flight] = self._lanes.fly([Prepared(ZERO_ADDRESS, store + copy + give + bytes(runtime))])
        return read_address(str((flight.receipt or {})["contractAddress"]))


def test_creation__by_a_constructor_that_writes_storage__is_found(standing: Standing) -> None:
    honest = connect_deployer(standing.url, [account("backdoor")])
    backdoor = BackdoorDeployer(honest._rpc, honest._lanes)
    evil = deploy(PLAN, SETTINGS, backdoor, chambers(standing.url))
    chain = connect(standing.url, evil.address("Council"))
    log, call = evil.address("AuditLog"), abi_of("AuditLog").function("isWriter").encode([account("evil").address])
    answer = standing.rpc.call("eth_call", {"to": log, "data": "0x" + call.hex()}, "latest")
    assert int(answer, 16) == 1, "the backdoor is there"
    chain.close()
    [finding] = failures(standing.url, evil)
    assert (finding.check, finding.contract) == ("creation", "AuditLog")
    nameless = Deployment(
        31337, {name: (replace(items[0], transaction=None),) for name, items in evil.contracts.items()}
    )
    assert kinds(failures(standing.url, nameless)) == {("creation", "AuditLog")}


def test_creation__file_names_another_transaction__is_found(standing: Standing) -> None:
    contracts = dict(standing.deployment.contracts)
    other = contracts["Council"][0].transaction
    assert other is not None
    contracts["AuditLog"] = (replace(contracts["AuditLog"][0], transaction=other),)
    assert kinds(standing.failures(record=Deployment(31337, contracts))) == {("creation", "AuditLog")}


def test_creation__of_every_contract__is_in_the_file(standing: Standing) -> None:
    for items in standing.deployment.contracts.values():
        transaction = items[0].transaction
        assert transaction is not None
        receipt = standing.rpc.call("eth_getTransactionReceipt", "0x" + transaction.hex())
        assert read_address(receipt["contractAddress"]) == items[0].address


def test_creation__stood_in_the_genesis_block__is_found(tmp_path: Path) -> None:
    code, evil = load("Council").runtime, account("genesis").address
    genesis = {
        "config": {"chainId": 31337, "berlinBlock": 0},
        "gasLimit": "0x3938700",
        "difficulty": "0x0",
        "alloc": {evil: {"balance": "0x0", "code": "0x" + code.hex()}},
    }
    file = tmp_path / "genesis.json"
    file.write_text(json.dumps(genesis))
    port = free_port()
    child = subprocess.Popen([*anvil_command(AnvilSettings(port)), "--init", str(file)], stdout=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            assert child.poll() is None
        url = f"http://127.0.0.1:{port}"
        found = failures(url, Deployment(31337, {"Council": (Deployed(Address(evil), bytes(32)),)}))
        assert "genesis" in next(finding.text for finding in found if finding.check == "creation")
    finally:
        child.kill()
        child.wait()
