"""`salus verify-deployment`: is what stands on a chain what sources, plan and network file say?"""

from __future__ import annotations

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
from salus.flows.inspect_deployment import Expected, Finding, inspect


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
    """One line per finding; exit code 1 if any fails."""
    node = Rpc(rpc, timeout=30)
    try:
        findings, at = _inspected(NodeSite(node), DeploymentFolder(folder or FOLDER), network, council)
    finally:
        node.close()
    failed = [finding for finding in findings if not finding.holds]
    value = {
        "block": at,
        "holds": not failed,
        "findings": [
            {"check": each.check, "contract": each.contract, "holds": each.holds, "text": each.text}
            for each in findings
        ],
    }
    verdict = f"{len(findings)} findings at block {at}: " + (f"{len(failed)} FAILED" if failed else "everything holds")
    output.emit(value, [*map(_line, findings), verdict])
    if failed:
        raise typer.Exit(1)


def _inspected(site: NodeSite, place: DeploymentFolder, network: str, council: str) -> tuple[list[Finding], int]:
    wanted = place.network(network) if network else place.network_of(site.chain_id)
    record = place.deployment(site.chain_id)
    if council:
        address = read_address(council)
        if record is not None and (COUNCIL not in record.contracts or record.address(COUNCIL) != address):
            record = None  # the file is about another deployment on this chain
    elif record is not None and COUNCIL in record.contracts:
        address = record.address(COUNCIL)
    else:
        raise NotFoundError(f"there is no {place.record(site.chain_id).name}: give the address with --council")
    contracts = [str(step["contract"]) for step in place.plan()["steps"] if "contract" in step]
    return inspect(site, Expected(address, wanted.settings, contracts, record)), site.block


def _line(finding: Finding) -> str:
    mark = "ok  " if finding.holds else "FAIL"
    return f"{mark} {finding.check:10} {finding.contract:20} {finding.text}"
