"""`salus verify-deployment`: is what stands on a chain what sources, plan and network file say?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from cli import output
from cli.commands.deploy import DEFAULT_RPC, FolderOption, RpcOption
from cli.deployment_files import FOLDER, DeploymentFolder
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.site import NodeSite
from salus.core.errors import NotFoundError
from salus.core.ids import read_address
from salus.flows.deploy import COUNCIL
from salus.flows.inspect_deployment import UNFINISHED, Expected, Finding, inspect, inspect_begun


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify-deployment", help="Check a deployment on any node against sources, plan and network file.")(
        verify_deployment
    )


def verify_deployment(
    rpc: RpcOption = DEFAULT_RPC,
    network: Annotated[str, typer.Option(help="Network file; the one of the node's chain when left out.")] = "",
    council: Annotated[str, typer.Option(help="Address of the Council, when there is no deployment file.")] = "",
    folder: FolderOption = None,
) -> None:
    """One line per finding; exit code 1 if any fails, or if `salus deploy` has not come to its end."""
    node = Rpc(rpc, timeout=30)
    try:
        findings, at = _inspected(NodeSite(node), DeploymentFolder(folder or FOLDER), network, council)
    finally:
        node.close()
    failed = [finding for finding in findings if not finding.holds]
    missing = [f"{finding.contract} {finding.text}" for finding in failed if finding.check == UNFINISHED]
    value = {
        "block": at,
        "holds": not failed,
        "unfinished": missing,
        "findings": [
            {"check": each.check, "contract": each.contract, "holds": each.holds, "text": each.text}
            for each in findings
        ],
    }
    names = [finding.contract for finding in failed if finding.check == UNFINISHED]
    output.emit(value, [*map(_line, findings), *_verdict(len(findings), at, len(failed) - len(names), names)])
    if failed:
        raise typer.Exit(1)


def _inspected(site: NodeSite, place: DeploymentFolder, network: str, council: str) -> tuple[list[Finding], int]:
    wanted = place.network(network) if network else place.network_of(site.chain_id)
    record = place.deployment(site.chain_id)
    contracts = [str(step["contract"]) for step in place.plan()["steps"] if "contract" in step]
    if council:
        address = read_address(council)
        if record is not None and (COUNCIL not in record.contracts or record.address(COUNCIL) != address):
            record = None  # the file is about another deployment on this chain
    elif record is not None and COUNCIL in record.contracts:
        address = record.address(COUNCIL)
    elif record is not None:
        return inspect_begun(site, contracts, wanted.settings, record), site.block
    else:
        raise NotFoundError(f"there is no {place.record(site.chain_id).name}: give the address with --council")
    return inspect(site, Expected(address, wanted.settings, contracts, record)), site.block


def _verdict(count: int, at: int, wrong: int, missing: list[str]) -> Iterator[str]:
    holds = "what is there holds" if missing else "everything holds"
    yield f"{count} findings at block {at}: " + (f"{wrong} FAILED" if wrong else holds)
    if missing:
        yield f"unfinished: run `salus deploy` again. Missing: {', '.join(missing)}"


def _line(finding: Finding) -> str:
    mark = "ok  " if finding.holds else "todo" if finding.check == UNFINISHED else "FAIL"
    return f"{mark} {finding.check:10} {finding.contract:20} {finding.text}"
