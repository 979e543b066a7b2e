"""Brownie, Ape, forge and `salus deploy` walk the same plan, on Anvil and on Ganache, and the result is accepted."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from devnet.anvil import Anvil, AnvilSettings, free_port
from devnet.ganache import Ganache
from salus.adapters.chain.artifacts import load
from salus.core.ids import Address
from tests.integration.cli.chains import CONTRACTS, ROOT, SETTINGS, deployments_in, run

PLAN_FILE = ROOT / ".cache" / "plan.json"
COUNCIL = Address("0x700b6A60ce7EaaEA56F065753d8dcB9653dbAD35")
"""First contract of account 9 of the development mnemonic: every deployer creates the Council first."""


@pytest.fixture(params=["anvil", "ganache"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A chain with nothing deployed."""
    with ExitStack() as stack:
        if request.param == "anvil":
            anvil = stack.enter_context(Anvil(AnvilSettings(free_port())))
            stack.enter_context(anvil.instant())
            yield anvil.url
        else:
            yield stack.enter_context(Ganache(free_port(), SETTINGS["mnemonic"])).url


def ran(command: list[str], **environment: str) -> str:
    """Output of a command that must end well."""
    path = os.pathsep.join([str(ROOT / ".tools" / "node"), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def by_brownie(url: str) -> str:
    command = ["tools/brownie", "run", "scripts/brownie_deploy.py", "main", "dev", "--network", "devnet"]
    return ran(command, SALUS_RPC_URL=url)


def by_ape(url: str) -> str:
    return ran(["tools/ape", "run", "ape_deploy", "--name", "dev", "--network", url])


def by_forge(url: str) -> str:
    PLAN_FILE.parent.mkdir(exist_ok=True)
    PLAN_FILE.write_text(ran([".venv/bin/python", "scripts/plan.py", "dev"]))
    sending = ["--rpc-url", url, "--broadcast", "--legacy", "--with-gas-price", "0", "--slow"]
    return ran(["forge", "script", "scripts/Deploy.s.sol", *sending])


@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("deployer", [by_brownie, by_ape, by_forge])
def test_plan__by_another_tool__is_accepted(deployer: object, url: str, tmp_path: Path) -> None:
    assert callable(deployer)
    told = deployer(url)
    folder = deployments_in(tmp_path)
    verified = run("verify-deployment", "--rpc", url, "--folder", str(folder), "--council", COUNCIL)
    assert verified.returncode == 0, verified.stdout + told[-2000:]
    assert sum(f" code       {contract}" in verified.stdout for contract in CONTRACTS) == len(CONTRACTS)


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_plan__by_salus_deploy__is_accepted_twice(url: str, tmp_path: Path) -> None:
    folder = deployments_in(tmp_path)
    arguments = ("--rpc", url, "--folder", str(folder))
    for _ in range(2):
        done = run("deploy", "--yes", *arguments)
        assert done.returncode == 0, done.stderr
        verified = run("verify-deployment", *arguments)
        assert verified.returncode == 0, verified.stdout


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_compilation__by_other_tools__gives_the_instructions_of_the_artifacts() -> None:
    ran(["tools/brownie", "compile"])
    ran(["forge", "build", "contracts"])
    for name in CONTRACTS:
        kept = load(name).bytecode
        metadata = int.from_bytes(kept[-2:], "big") + 2
        brownie = json.loads((ROOT / "build" / "contracts" / f"{name}.json").read_text())["bytecode"]
        forge = json.loads((ROOT / "out" / f"{name}.sol" / f"{name}.json").read_text())["bytecode"]["object"]
        assert bytes.fromhex(brownie.removeprefix("0x"))[:-metadata] == kept[:-metadata], name
        assert bytes.fromhex(forge.removeprefix("0x")) == kept, name


def test_plan__rendered_for_forge__has_every_step_and_reference() -> None:
    plan = json.loads(ran([".venv/bin/python", "scripts/plan.py", "dev"]))
    steps = yaml.safe_load((ROOT / "deployments" / "plan.yaml").read_text())["steps"]
    assert [step.get("contract") for step in plan["steps"]] == [step.get("contract") for step in steps]
    for rendered, step in zip(plan["steps"], steps, strict=True):
        named = [a.removeprefix("$") for a in step.get("arguments", ()) if a.removeprefix("$") in CONTRACTS]
        assert [reference["contract"] for reference in rendered.get("references", ())] == named
        for reference in rendered.get("references", ()):
            word = bytes.fromhex(rendered["arguments"][2:])[32 * reference["word"] :][:32]
            assert word == bytes(32)
