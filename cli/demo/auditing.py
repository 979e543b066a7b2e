"""Act 7: the auditor lists the day, the patient reads who came and why, receipts are checked offline."""

from __future__ import annotations

import json
import time
from typing import Any

from cli import output
from cli.demo.ledger import require
from cli.demo.stage import Stage
from cli.world.cast import Name
from salus.core.canonical import canonical, parse
from salus.core.consensus import engine_of
from salus.core.consensus.start import trusted_start
from salus.core.ids import hex32
from salus.core.receipt import verify_receipt

_INDEX_PATIENCE_SECONDS = 30


def play(stage: Stage) -> None:
    """List, read, verify."""
    stage.ledger.act(7, "The auditor lists every access; the patient reads who, why and when; receipts are verified")
    wait_for_index(stage)
    _auditor(stage)
    _patient(stage)
    access = stage.staff(Name.HOSPITAL_A).get(f"/v1/receipts/accesses/{stage.opened['hospital-a']['accessId']}")
    write_and_verify(stage, "access.json", access)
    write_and_verify(stage, "record.json", _record_receipt(stage))


def wait_for_index(stage: Stage) -> None:
    """Until the index holds the block that is the chain's head now."""
    wanted = int(stage.api(Name.REGULATOR).get("/v1/deployment")["head"]["number"])
    deadline = time.monotonic() + _INDEX_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        indexed = stage.staff(Name.REGULATOR).get("/v1/audit/summary")["indexed"]
        if indexed and int(indexed["number"]) >= wanted:
            return
        time.sleep(0.2)
    require(condition=False, what="the watch keeps up with the chain")


def _auditor(stage: Stage) -> None:
    staff = stage.staff(Name.REGULATOR)
    began = time.perf_counter()
    entries = staff.get("/v1/audit", limit=1000)["items"]
    took = (time.perf_counter() - began) * 1000
    listed = [entry for entry in entries if entry["access"] is not None]
    summary = staff.get("/v1/audit/summary")
    require(len(listed) == summary["granted"] + summary["denied"], "the auditor's list is complete")
    require(not summary["alerts"], "no alert is open")
    stage.ledger.tell(
        "the auditor lists every access and denial of the day",
        f"{summary['granted']} granted, {summary['denied']} denied, of {len(entries)} log entries",
        took,
        "\n".join(_line(entry) for entry in listed),
    )
    stage.ledger.facts["auditor"] = [[_who(entry), entry["access"]["purpose"], entry["codeName"]] for entry in listed]
    stage.ledger.facts["granted"], stage.ledger.facts["denied"] = summary["granted"], summary["denied"]


def _line(entry: dict[str, Any]) -> str:
    access = entry["access"]
    who = f"{_who(entry)}, {access['role']}" if entry["participantTitle"] else _who(entry)
    return (
        f"{output.clock(entry['at'])}  {who}, {access['purpose']}, {access['recordCount']} records: {entry['codeName']}"
    )


def _who(entry: dict[str, Any]) -> str:
    return entry["participantTitle"] or "the patient"


def _patient(stage: Stage) -> None:
    entries = [entry for entry in stage.patient.log() if entry["access"] is not None]
    require(entries, "the patient sees accesses in the log")
    told = [entry["sentences"][language] for entry in entries for language in ("en", "zh")]
    outcome = f"{len(entries)} accesses and denials: who, why, when"
    stage.ledger.tell("the patient's log, in plain words", outcome, note="\n".join(told))
    stage.ledger.facts["patient"] = [entry["sentences"] for entry in entries]


def _record_receipt(stage: Stage) -> Any:
    source = stage.world.ids[Name.CHECKUP]
    leaf = hex32(stage.opened[f"own.{Name.CHECKUP}"].items[0].listed.leaf)
    proof = stage.oracle(Name.CHECKUP).get(f"/v1/proofs/{leaf}")
    body = {"sourceId": hex32(source), "leaf": stage.patient.leaf(source, leaf), **proof}
    api = stage.patient.api
    return api.post("/v1/receipts/records", body, api.sign_in(stage.patient.controller_of(source)))


def write_and_verify(stage: Stage, name: str, receipt: Any) -> None:
    """Write a receipt into the world's folder and check it without any network."""
    path = stage.world.folder / "receipts" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(canonical(receipt))
    council = stage.patient.api.address_of("Council")
    began = time.perf_counter()
    verified = verify_receipt(parse(path.read_bytes()), validators=_validators(stage), council=council)
    took = (time.perf_counter() - began) * 1000
    outcome = "holds" if verified.finality_proven else "holds; finality unproven"
    stage.ledger.tell(f"receipt {name}, checked offline", outcome, took, "\n".join(verified.statements))
    stage.ledger.facts.setdefault("receipts", []).append(name)


def _validators(stage: Stage) -> tuple[bytes, ...] | None:
    """Who may seal the world's chain, out of its genesis block; None on the development chain."""
    genesis = stage.world.folder / "genesis-header.json"
    if not genesis.exists():
        return None
    return trusted_start(engine_of("clique"), json.loads(genesis.read_bytes())).validators
