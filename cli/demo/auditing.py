"""Act 7: the auditor lists the day, the patient reads who came and why, receipts are checked offline."""

from __future__ import annotations

import time
from typing import Any

from cli import output
from cli.demo.ledger import require
from cli.demo.stage import Stage
from cli.world.cast import Name
from salus.core.canonical import canonical, parse
from salus.core.ids import hex32
from salus.core.receipt import verify_receipt

_INDEX_PATIENCE_SECONDS = 30


def play(stage: Stage) -> None:
    """List, read, verify."""
    stage.ledger.act(7, "The auditor lists every access; the patient reads who, why and when; receipts are verified")
    _wait_for_index(stage)
    _auditor(stage)
    _patient(stage)
    access = stage.staff(Name.HOSPITAL_A).get(f"/v1/receipts/accesses/{stage.opened['hospital-a']['accessId']}")
    write_and_verify(stage, "access.json", access)
    write_and_verify(stage, "record.json", _record_receipt(stage))


def _wait_for_index(stage: Stage) -> None:
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
    with stage.ledger.timed("the auditor's counts of the day") as outcome:
        summary = staff.get("/v1/audit/summary")
        outcome.append(f"{summary['granted']} accesses granted, {summary['denied']} denied")
    for count in summary["counts"]:
        who = count["participantTitle"] or "the patient"
        stage.ledger.tell(f"  {who}, {count['purpose']}", f"{count['name']} × {count['count']}")
    require(not summary["alerts"], "no alert is open")
    stage.ledger.facts["granted"], stage.ledger.facts["denied"] = summary["granted"], summary["denied"]


def _patient(stage: Stage) -> None:
    entries = [entry for entry in stage.patient.log() if entry["access"] is not None]
    require(entries, "the patient sees accesses in the log")
    for entry in entries[-6:]:
        output.say(f"     [dim]{entry['sentences']['en']}[/dim]")
        output.say(f"     [dim]{entry['sentences']['zh']}[/dim]")
    stage.ledger.tell("the patient's log, in plain words", f"{len(entries)} accesses and denials")
    stage.ledger.facts["patient.accesses"] = len(entries)


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
    began = time.perf_counter()
    verified = verify_receipt(parse(path.read_bytes()))
    took = (time.perf_counter() - began) * 1000
    stage.ledger.tell(f"receipt {name}, checked offline", f"holds; {' '.join(verified.statements)}", took)
    stage.ledger.facts.setdefault("receipts", []).append(name)
