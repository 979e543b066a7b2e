"""`salus doctor`: is every part and the chain well, and what waits for a person?"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from cli.chain_doctor.checks import Finding, State, examine, worst
from cli.chain_doctor.look import look
from cli.chain_doctor.surroundings import sight_of, sight_of_addresses
from cli.exits import WARNED, exit_code
from cli.world.cast import CUSTODIANS, VALIDATORS, WITH_API, WITH_ORACLE
from cli.world.database import SERVER, Database, server_of
from cli.world.layout import World
from cli.world.networks import Network, namespaces, node_part_name
from cli.world.running import running_world
from cli.world.sidecars import sidecar_name
from cli.world.swarm import part_name
from devnet.anvil import is_ready
from devnet.clique import LOOPBACK
from devnet.supervisor import Supervisor
from devnet.swarm import load
from devnet.swarm_nodes import order
from oracle.alerts import ADVICE, AlertKind
from salus.core.codes import Code
from salus.core.errors import UnavailableError

_PATIENCE_SECONDS = 5
_HEADINGS = {"check": "check", "where": "where", "state": "state", "seen": "what was seen", "advice": "what to do"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", help="Look whether every part and the chain are well, and say what to do.")(doctor)


def doctor(
    rpc: Annotated[str, typer.Option(help="Look at these nodes alone: JSON-RPC addresses, comma-separated.")] = "",
    deployment: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="With --rpc: file of the deployment.")
    ] = None,
    finality: Annotated[
        str | None, typer.Option(help="With --rpc: dev, qbft or clique:N; asked of each node when left out.")
    ] = None,
    peers: Annotated[int | None, typer.Option(min=0, help="With --rpc: how many peers each node should have.")] = None,
    account: Annotated[list[str] | None, typer.Option(help="With --rpc: an account that sends; repeat it.")] = None,
    disk: Annotated[
        list[Path] | None, typer.Option(exists=True, help="With --rpc: a folder that must not fill up; repeat it.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="Time between the two looks at the chain.")] = 3,
) -> None:
    """Ask every part of the running world whether it is ready, and look at its chain twice (docs/runbook.md has each
    row). With --rpc only nodes are looked at, of any chain. Exit code 5 if something is bad, 10 if somebody should
    look.

    Example: salus doctor --rpc http://10.0.0.1:8545,http://10.0.0.2:8545 --deployment deployments/2026.json
    """
    if rpc:
        found: list[Finding] = []
        sight = sight_of_addresses(rpc, deployment, finality, peers, account or (), disk or ())
    else:
        world = running_world()
        found, sight = [_finding(row) for row in examined(world)], sight_of(world)
    found = sorted([*found, *examine(look(sight, seconds))], key=lambda one: -list(State).index(one.state))
    rows = [{**asdict(one), "state": str(one.state)} for one in found]
    output.emit_table(rows, _HEADINGS)
    if (state := worst(found)) is not State.WELL:
        raise typer.Exit(exit_code(UnavailableError()) if state is State.BAD else WARNED)


def _finding(row: Mapping[str, Any]) -> Finding:
    """What a part says of itself. What is well and yet has advice waits for a person."""
    if row["state"] != "well":
        return Finding("ready", row["part"], State.BAD, "not ready", row["advice"])
    return Finding("ready", row["part"], State.WARN if row["advice"] else State.WELL, "ready", row["advice"])


def examined(world: World) -> list[dict[str, Any]]:
    """One row per part: `part`, `state` ("well" or "not well"), `advice`."""
    alive = Supervisor(world.folder).running()
    ports = {**_chain_ports(world), **_database_ports(world), **_content_ports(world), **_ports(world)}
    with ThreadPoolExecutor(max_workers=len(ports)) as pool:
        return list(pool.map(lambda part: _row(world, part, ports[part], alive), ports))


def _chain_ports(world: World) -> dict[str, int]:
    if world.network is Network.DEV:
        return {"chain": world.ports.chain}
    return {node_part_name(name): world.ports.network + place for place, name in enumerate(VALIDATORS)}


def _host(world: World, part: str) -> str:
    """Where a node of the chain answers: loopback, or its namespace."""
    spaces = {node_part_name(name): namespaces(world.ports).host(name) for name in VALIDATORS}
    return spaces[part] if world.network is Network.NAMESPACES else LOOPBACK


def _database_ports(world: World) -> dict[str, int]:
    return {SERVER: world.ports.database} if world.database is Database.POSTGRES else {}


def _content_ports(world: World) -> dict[str, int]:
    nodes = load(world.swarm).nodes.values() if world.has_swarm else ()
    return {part_name(node.name): node.api_port for node in nodes}


def _ports(world: World) -> dict[str, int]:
    ports = {str(name): world.ports.custodian(name) for name in CUSTODIANS}
    ports["watch"] = world.ports.watch
    if world.network is not Network.DEV:
        ports |= {sidecar_name(name): world.ports.sidecar(name) for name in VALIDATORS}
    ports |= {f"{name}-oracle": world.ports.oracle_http(name) for name in WITH_ORACLE}
    return ports | {f"{name}-api": world.ports.api(name) for name in WITH_API}


def _row(world: World, part: str, port: int, alive: dict[str, int]) -> dict[str, Any]:
    log = world.folder / "logs" / f"{part}.log"
    if part not in alive:
        well, advice = False, f"has ended: `make down`, then `make up`; why: {log}"
    elif part in _chain_ports(world):
        well = is_ready(port, world.network.chain_id, _host(world, part))
        advice = "" if well else f"does not answer: `make down`, then `make up`; why: {log}"
    elif part in _database_ports(world) or part in _content_ports(world):
        well = server_of(world.folder, world.ports).answers() if part == SERVER else _keeps(world, part)
        advice = "" if well else f"does not answer: `make down`, then `make up`; why: {log}"
    else:
        well, advice = _asked(part, port)
    return {"part": part, "state": "well" if well else "not well", "advice": advice}


def _keeps(world: World, part: str) -> bool:
    try:
        return "ID" in order(load(world.swarm), part.removesuffix(part_name("")), "id")
    except OSError:
        return False


def _asked(part: str, port: int) -> tuple[bool, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        said = json.loads(answer.read())
        return answer.status == http.client.OK, _advice(part, said)
    except (OSError, ValueError, http.client.HTTPException):
        return False, f"does not answer in {_PATIENCE_SECONDS} s: if the chain is well, wait; else mend the chain first"
    finally:
        connection.close()


def _advice(part: str, said: dict[str, Any]) -> str:
    found = [str(reason) for reason in said.get("reasons", [])]
    found += [f"{name}: {state}" for name, state in said.get("parts", {}).items() if state != "ready"]
    found += _alerts(said.get("alerts", {}))
    if said.get("quarantined"):
        source = part.removesuffix("-oracle")
        found.append(f"{said['quarantined']} in quarantine: `salus oracle quarantine {source}`")
    if said.get("code") == Code.CHAIN_SHORTENED:
        found.append(f"the chain lost blocks: docs/runbook.md, then `salus custodian accept-chain {part}`")
    elif "detail" in said:
        found.append(str(said["detail"]))
    return "; ".join(found)


def _alerts(told: dict[str, int] | list[dict[str, Any]]) -> list[str]:
    """Alerts of a watch, by kind, or of an oracle, one by one."""
    if isinstance(told, dict):
        return [f"{count} alerts {kind}: `salus audit summary`" for kind, count in told.items()]
    return [
        f"alert {' of '.join(filter(None, (one['alert'], one['source'])))}: {ADVICE[AlertKind(one['alert'])]}"
        for one in told
        if one["alert"] in set(AlertKind)
    ]
