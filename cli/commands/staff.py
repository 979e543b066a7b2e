"""`salus staff …`: a person of an institution's staff, through its API, in the world of `salus up`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from cli.in_a_line import in_a_line
from cli.staff import StaffClient
from cli.world.cast import Name
from cli.world.running import running_world
from cli.world.services import STAFF_CLIENT, client_key
from salus.core.canonical import canonical
from salus.core.errors import InputError
from salus.core.labels import Role
from salus.core.state import RecordStatus

_DESTROYED = RecordStatus.DESTROYED.name
Institution = Annotated[Name, typer.Argument(help="Whose staff.")]
Consent = Annotated[str, typer.Argument(help="Id of a consent package that was handed in.")]
PersonName = Annotated[str, typer.Option(help="Internal name of the person.")]
RoleName = Annotated[str, typer.Option(help="Role of the person: PHYSICIAN, NURSE … (docs/policy.md).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    staff = typer.Typer(help="Staff of an institution: packages, listings, accesses, receipts.", no_args_is_help=True)
    staff.command("packages")(packages)
    staff.command("list")(listing)
    staff.command("open")(open_records)
    staff.command("receipt")(receipt)
    staff.command("destroy")(destroy)
    app.add_typer(staff, name="staff")


def client_of(name: Name, person: str = "staff-07", role: str = "PHYSICIAN") -> StaffClient:
    """A staff client in the running world.

    Raises:
        InputError: no such role, or the institution has no API.
    """
    if role not in Role.__members__:
        raise InputError(f"a role is one of {', '.join(Role.__members__)}")
    world = running_world()
    return StaffClient(world.api_url(name), STAFF_CLIENT, client_key(world, name), f"{name}/{person}", Role[role])


def packages(institution: Institution) -> None:
    """Consent packages patients handed in."""
    page: dict[str, Any] = client_of(institution).get("/v1/packages")
    headings = {
        "status": "status",
        "purposes": "purposes",
        "categories": "categories",
        "maxLevel": "max level",
        "consentId": "consent",
    }
    output.emit_table(page["items"], headings, "no patient has handed in a package")


def listing(institution: Institution, consent: Consent) -> None:
    """What lies inside a consent, not opened."""
    found = client_of(institution).post("/v1/listings", {"consentId": consent})
    lines = [
        f"{item['leaf']}  level {item['labels']['level']}  {','.join(item['labels']['categories'])}"
        for item in found["items"]
    ]
    output.emit(found, [*lines, found["notice"]["en"]])


def open_records(
    institution: Institution,
    consent: Consent,
    purpose: Annotated[str, typer.Option(help="HL7 purpose of use.")] = "TREAT",
    person: PersonName = "staff-07",
    role: RoleName = "PHYSICIAN",
) -> None:
    """Request on chain, then open."""
    opened = client_of(institution, person, role).open(consent, purpose)
    lines = [f"{in_a_line(item['content'])}\n   {item['did']} version {item['version']}" for item in opened["records"]]
    refused = [f"refused: {item['leaf']}  {item['name']}" for item in opened["refused"]]
    end = [f"access {opened['accessId']}", opened["notice"]["en"], "--json shows the content"]
    output.emit(opened, [*lines, *refused, *end])


def destroy(
    institution: Institution,
    agreed: Annotated[Path, typer.Argument(help="File a patient made by `salus patient destroy`.")],
    receipts: Annotated[Path | None, typer.Option(help="Folder for receipts of those that are DESTROYED.")] = None,
) -> None:
    """Order the destruction of records with their patient's agreement; run it again to see how far it is.

    Nobody opens them from then on. After the cooling-off custodians erase their shares, and the institution's oracle
    its copy, by themselves. What proves it, for `salus verify`: --receipts, once they are DESTROYED. Example: salus
    staff destroy hospital-b agreed.json --receipts proofs
    """
    client = client_of(institution)
    rows = []
    for one in _agreements(agreed):
        fact = client.post("/v1/destructions", {**one, "cids": []})
        row = {"record": fact["recordId"], "status": fact["status"], "erasable": output.clock(fact["erasableFrom"])}
        if receipts is not None and fact["status"] == _DESTROYED:
            row["receipt"] = str(_written(client, one, fact, receipts))
        rows.append(row)
    headings = {"status": "status", "erasable": "erasable from", "record": "record"}
    output.emit_table(rows, headings | ({} if receipts is None else {"receipt": "receipt"}))


def _written(client: StaffClient, agreement: dict[str, Any], fact: dict[str, Any], folder: Path) -> Path:
    """The receipt of a destruction, in a file named by the record."""
    request = {
        "recordId": agreement["recordId"],
        "subjectRef": agreement["subjectRef"],
        "agreement": {"deadline": agreement["deadline"], "signature": agreement["signature"]},
        "attestations": fact["attestations"],
        "removed": fact["removed"],
    }
    file = folder / f"{agreement['recordId']}.json"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_bytes(canonical(client.post("/v1/receipts/destructions", request)))
    return file


def _agreements(file: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is no file of agreements that `salus patient destroy` made") from error
    members = {"recordId", "subjectRef", "deadline", "custodianSet", "signature"}
    listed = found if isinstance(found, list) else []
    if not listed or not all(isinstance(one, dict) and one.keys() == members for one in listed):
        raise InputError(f"{file} is no file of agreements that `salus patient destroy` made")
    return listed


def receipt(
    institution: Institution,
    access: Annotated[str, typer.Argument(help="accessId.")],
    target: Annotated[Path, typer.Argument(help="File to write.")],
) -> None:
    """Write the receipt of an access; `salus verify FILE` checks it."""
    client = client_of(institution)
    target.write_bytes(client.api.raw(f"/v1/receipts/accesses/{access}", client.token()))
    output.emit({"file": str(target)}, [f"receipt in {target}"])
