"""`salus audit …`: the regulator's view of the log, in the world of `salus up`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import output
from cli.commands.staff import client_of
from cli.world.cast import Name


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
    output.emit_table(page["items"], ["seq", "name", "codeName", "participantTitle", "at", "block"])


def summary() -> None:
    """Counts of accesses, and open alerts."""
    found: dict[str, Any] = _client().get("/v1/audit/summary")
    if output.is_json():
        output.emit(found)
        return
    output.emit_table(found["counts"], ["participantTitle", "purpose", "name", "count"])
    output.emit({}, [f"granted {found['granted']}, denied {found['denied']}, alerts {len(found['alerts'])}"])


def withheld(consent: Annotated[str, typer.Argument(help="consentId.")]) -> None:
    """What custodians left out under a consent, without content."""
    found = _client().post("/v1/audit/withheld", {"consentId": consent})
    rows = [
        {"custodian": each["custodianId"][:12], "code": item["code"], "name": item["name"], "count": item["count"]}
        for each in found["custodians"]
        for listed in each["lists"]
        for item in listed["withheld"]
    ]
    output.emit_table(rows, ["custodian", "code", "name", "count"])


def _client() -> Any:
    return client_of(Name.REGULATOR, "auditor-01", "AUDITOR")
