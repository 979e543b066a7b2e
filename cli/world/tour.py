"""What `salus up` says: where everything is, and what to try."""

from __future__ import annotations

from typing import Any

from cli.hospital_people import DEMO
from cli.world.cast import CAST, CUSTODIANS, Name
from cli.world.layout import World
from devnet.supervisor import Supervisor
from salus.core.ids import hex32


def facts(world: World, supervisor: Supervisor) -> dict[str, Any]:
    """Addresses, ports, participants and pids, for `--json`."""
    return {
        "folder": str(world.folder),
        "chain": world.chain_url,
        "apis": {i.name: world.api_url(i.name) for i in CAST if i.api},
        "oracles": {
            i.name: {
                "http": world.oracle_url(i.name),
                "mllp": None if world.has_sources(i.name) else world.ports.oracle_mllp(i.name),
                "sources": str(world.sources(i.name)),
            }
            for i in CAST
            if i.oracle
        },
        "custodians": {name: world.custodian_url(name) for name in CUSTODIANS},
        "participants": {name: hex32(i) for name, i in world.ids.items()},
        "operators": {i.name: world.keys.signer(f"{i.name}.operator").address for i in CAST},
        "running": supervisor.running(),
    }


def what_to_try(world: World) -> list[str]:
    """The same for people, and a tour that ends with an access of the patient's own records by hospital A."""
    lines = ["", "Everything listens on 127.0.0.1 only:", f"   {'chain':<12} {world.chain_url} (JSON-RPC)"]
    for institution in CAST:
        account = world.keys.signer(f"{institution.name}.operator").address
        lines.append(f"   {institution.name:<12} {institution.title}, operator {account}")
        if institution.api:
            lines.append(f"   {'':<12}   API {world.api_url(institution.name)}/docs")
        if institution.oracle:
            lines.append(
                f"   {'':<12}   oracle {world.oracle_url(institution.name)}, {_senders(world, institution.name)}"
            )
        if institution.name in CUSTODIANS:
            lines.append(f"   {'':<12}   shares {world.custodian_url(institution.name)}")
    day = f"{world.folder.name}-day.hl7"
    return [
        *lines,
        "",
        "Try, line by line (CODE and CONSENT are what the line before prints):",
        f"   bin/salus simulate .salus/{day} --source checkup",
        f"   bin/salus send .salus/{day} --port {world.ports.oracle_mllp(Name.CHECKUP)}",
        "   bin/salus patient new",
        f"   bin/salus oracle desk-code checkup '{DEMO.subject_key('checkup')}'",
        "   bin/salus patient claim checkup CODE",
        "   bin/salus patient open checkup",
        "   bin/salus patient grant checkup hospital-a --months 3",
        "   bin/salus staff open hospital-a CONSENT",
        "   bin/salus patient revoke CONSENT",
        "   bin/salus staff open hospital-a CONSENT      (refused now, and the patient's log says so)",
        "   bin/salus patient log",
        "   bin/salus audit list",
        "   bin/salus doctor",
        "   make down                                     (what was written stays; `make up` goes on with it)",
    ]


def _senders(world: World, name: Name) -> str:
    """How messages come to an oracle."""
    folder = world.sources(name)
    if world.has_sources(name):
        return f"senders by {folder}"
    return f"MLLP port {world.ports.oracle_mllp(name)} (or source files in {folder}, docs/hl7-intake.md)"
