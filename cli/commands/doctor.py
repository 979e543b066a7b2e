"""`salus doctor`: is every part well, and what waits for a person?"""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import typer

from cli import output
from cli.exits import exit_code
from cli.world.cast import CUSTODIANS, VALIDATORS, WITH_API, WITH_ORACLE
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


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", help="Look whether every part is well, and say what to do.")(doctor)


def doctor() -> None:
    """Ask every part whether it is ready (docs/runbook.md has each field); exit code 5 if one is not."""
    rows = examined(running_world())
    output.emit_table(rows, {"part": "part", "state": "state", "advice": "what to do"})
    if any(row["state"] != "well" for row in rows):
        raise typer.Exit(exit_code(UnavailableError()))


def examined(world: World) -> list[dict[str, Any]]:
    """One row per part: `part`, `state` ("well" or "not well"), `advice`."""
    alive = Supervisor(world.folder).running()
    ports = {**_chain_ports(world), **_content_ports(world), **_ports(world)}
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
    elif part in _content_ports(world):
        well = _keeps(world, part)
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
