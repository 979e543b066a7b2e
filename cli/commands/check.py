"""`salus verify`, `explain`, `doctor`: check a receipt offline, explain bytes, look whether everything is well."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from cli.commands.explain import explain
from cli.commands.world import running_world
from cli.world.cast import CUSTODIANS, WITH_API, WITH_ORACLE
from cli.world.layout import World
from devnet.anvil import is_ready
from salus.core.errors import UnavailableError
from salus.core.receipt import verify_receipt


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("verify", help="Check a receipt without any network.")(verify)
    app.command("explain", help="Explain a code, a name, or 0x bytes of a chain: revert, call, topic.")(explain)
    app.command("doctor", help="Look whether every part is well, and say what to do.")(doctor)


def verify(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Check a receipt; anything wrong is an error that names the field."""
    found = verify_receipt(file.read_bytes())
    value = {
        "kind": found.kind,
        "operator": found.operator,
        "finalityProven": found.finality_proven,
        "statements": list(found.statements),
    }
    output.emit(value, [f"The {found.kind} receipt holds.", *found.statements])


def doctor() -> None:
    """Ask every part whether it is ready, and what waits for a person."""
    world = running_world()
    alive = is_ready(world.ports.chain)
    rows = [_row("chain", alive, "" if alive else "does not answer: `make down`, then `make up`")]
    rows += [_row(name, *_asked(world, name, port)) for name, port in _ports(world).items()]
    output.emit_table(rows, {"part": "part", "state": "state", "advice": "what to do"})
    if sick := [row["part"] for row in rows if row["state"] != "well"]:
        raise UnavailableError(f"not well: {', '.join(sick)}")


def _ports(world: World) -> dict[str, int]:
    ports = {str(name): world.ports.custodian(name) for name in CUSTODIANS}
    ports["watch"] = world.ports.watch
    ports |= {f"{name}-oracle": world.ports.oracle_http(name) for name in WITH_ORACLE}
    return ports | {f"{name}-api": world.ports.api(name) for name in WITH_API}


def _asked(world: World, part: str, port: int) -> tuple[bool, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        said = json.loads(answer.read())
        return answer.status == http.client.OK, _advice(part, said)
    except (OSError, ValueError, http.client.HTTPException):
        log = world.folder / "logs" / f"{part}.log"
        return False, f"does not answer: `make down`, then `make up`; its log: {log}"
    finally:
        connection.close()


def _advice(part: str, said: dict[str, Any]) -> str:
    """What /ready says that a person should do something about (docs/runbook.md has each field)."""
    found = [str(reason) for reason in said.get("reasons", [])]
    found += [f"{name}: {state}" for name, state in said.get("parts", {}).items() if state != "ready"]
    found += [f"{count} alerts {kind}: `salus audit summary`" for kind, count in said.get("alerts", {}).items()]
    if said.get("quarantined"):
        source = part.removesuffix("-oracle")
        found.append(f"{said['quarantined']} messages wait for a person: `salus oracle quarantine {source}`")
    if "detail" in said:
        found.append(f"{said['detail']}. {said.get('advice', '')}".strip())
    return "; ".join(found)


def _row(part: str, well: bool, advice: str = "") -> dict[str, Any]:
    return {"part": part, "state": "well" if well else "not well", "advice": advice}
