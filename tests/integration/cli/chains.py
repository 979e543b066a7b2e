"""Chains and folders for the tests of `salus deploy` and `salus verify-deployment`."""

from __future__ import annotations

import io
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import app, output
from salus.adapters.chain.connect import connect, connect_deployer
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.site import NodeSite
from salus.core.ids import Address
from salus.flows.council import Chamber
from salus.flows.deploy import Deployment, deploy
from salus.flows.inspect_deployment import Expected, Finding, inspect
from tests.integration.world import DEPLOYMENTS, account, plan_and_settings

ROOT = Path(__file__).resolve().parents[3]
PLAN, SETTINGS, MEMBERS = plan_and_settings()
CONTRACTS = [step["contract"] for step in PLAN["steps"] if "contract" in step]


def salus(*arguments: str) -> list[str]:
    """Command line of a `salus` command."""
    return [sys.executable, "-m", "cli", *arguments]


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Ran:
    """Run a `salus` command to its end, in this process: starting one takes seconds of imports."""
    out, err = io.StringIO(), io.StringIO()
    output.use_json(on="--json" in arguments)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = app.run([argument for argument in arguments if argument != "--json"])
    finally:
        output.use_json(on=False)
    return Ran(code, out.getvalue(), err.getvalue())


def deployments_in(folder: Path) -> Path:
    """A copy of deployments/ to write into."""
    place = folder / "deployments"
    shutil.copytree(DEPLOYMENTS, place, ignore=shutil.ignore_patterns("*.json"))
    return place


def chambers(url: str) -> Callable[[Address], Chamber]:
    """The development Council, whose members all vote here."""

    def chamber_of(council: Address) -> Chamber:
        chain = connect(url, council)
        return Chamber(chain.board, [chain.writer([member]) for member in MEMBERS], time.sleep)

    return chamber_of


def deployed(url: str, plan: Any = PLAN, settings: Any = SETTINGS, deployer: Any = None) -> Deployment:
    """The plan on a chain."""
    return deploy(plan, settings, connect_deployer(url, [deployer or account("deployer")]), chambers(url))


def failures(url: str, deployment: Deployment, settings: Any = SETTINGS, record: Any = None) -> list[Finding]:
    """What `verify-deployment` finds wrong."""
    node = Rpc(url)
    try:
        expected = Expected(deployment.address("Council"), settings, CONTRACTS, record or deployment)
        return [finding for finding in inspect(NodeSite(node), expected) if not finding.holds]
    finally:
        node.close()
