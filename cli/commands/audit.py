"""`salus audit …`: the regulator's view of the log, in the world of `salus up`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import output
from cli.commands.staff import client_of
from cli.world.cast import Name
from cli.world.running import running_world
from salus.core.ids import from_hex


def register(app: typer.Typer) -> None:
    """Add the commands."""
    audit = typer.Typer(help="The auditor's view: entries, counts, what was withheld.", no_args_is_help=True)
    audit.command("list")(entries)
    audit.command("summary")(summary)
    audit.command("withheld")(withheld)
    app.add_typer(audit, name="audit")


def entries(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    after: Annotated[int | None, typer.Option(help="Cursor of the page before.")] = None,
    kind: Annotated[int | None, typer.Option(help="Entry kind (docs/protocol.md section 6).")] = None,
    code: Annotated[int | None, typer.Option(help="Outcome code (docs/errors.md).")] = None,
) -> None:
    """Entries, newest first."""
    page: dict[str, Any] = _client().get("/v1/audit", limit=limit, after=after, kind=kind, code=code, newest="true")
    if output.is_json():
        output.emit(page)
        return
    rows = [{**item, "when": output.clock(item["at"]), "who": _who(item)} for item in page["items"]]
    headings = {
        "when": "when",
        "name": "entry",
        "codeName": "outcome",
        "who": "who",
        "seq": "cursor",
    }
    output.emit_table(rows, headings, "the log is empty")


def summary() -> None:
    """Counts of accesses, and open alerts."""
    found: dict[str, Any] = _client().get("/v1/audit/summary")
    if output.is_json():
        output.emit(found)
        return
    rows = [{**count, "who": count["participantTitle"] or "the patient"} for count in found["counts"]]
    headings = {"who": "who", "purpose": "purpose", "name": "outcome", "count": "accesses"}
    output.emit_table(rows, headings, "nobody has asked for anything")
    output.emit({}, [f"{found['granted']} granted, {found['denied']} denied, {len(found['alerts'])} alerts open"])
    output.emit(
        {}, [f"alert {alert['kind']} at block {alert['block']}: {alert['detail']}" for alert in found["alerts"]]
    )


def withheld(consent: Annotated[str, typer.Argument(help="consentId.")]) -> None:
    """What custodians left out under a consent, without content."""
    found = _client().post("/v1/audit/withheld", {"consentId": consent})
    if output.is_json():
        output.emit(found)
        return
    world = running_world()
    rows = [
        {"when": output.clock(listed["at"]), "custodian": world.name_of(from_hex(each["custodianId"])), **item}
        for each in found["custodians"]
        for listed in each["lists"]
        for item in listed["withheld"]
    ]
    headings = {"when": "listed", "custodian": "custodian", "count": "records", "name": "left out because"}
    output.emit_table(rows, headings, "nothing was left out of any list under this consent")


def _who(entry: dict[str, Any]) -> str:
    own = entry["access"] is not None and entry["access"]["kind"] == "OWN"
    return "the patient" if own else str(entry["participantTitle"])


def _client() -> Any:
    return client_of(Name.REGULATOR, "auditor-01", "AUDITOR")
