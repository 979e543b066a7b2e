"""`salus patient …`: a wallet file, and what a patient does with it in the world of `salus up`."""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from cli.commands import patient_retention
from cli.exits import REFUSED
from cli.in_a_line import in_a_line
from cli.patient.destruction import agreement, named
from cli.patient.opened import PassphraseFile, Source, Wallet, api_of, opened_session, passphrase_of, wallet_path
from cli.patient.session import WalletFile
from cli.world.cast import Name
from salus.adapters.api_client import ApiClient
from salus.core.codes import EXPLANATIONS
from salus.core.days import date_of
from salus.core.errors import ConflictError, InputError
from salus.core.ids import ConsentId, LeafHash, from_hex, hex32
from salus.core.labels import Action, Category, Form, Purpose, Topic, mask_of, names
from salus.flows.grant import Offer

_DAY_SECONDS = 86_400


def register(app: typer.Typer) -> None:
    """Add the commands."""
    patient = typer.Typer(help="A patient's wallet: claim, read, consent, revoke, see who came.", no_args_is_help=True)
    patient.command("new")(new)
    patient.command("claim")(claim)
    patient.command("records")(records)
    patient.command("destroy")(destroy)
    patient.command("open")(open_own)
    patient.command("grant")(grant)
    patient.command("replace")(replace)
    patient.command("revoke")(revoke)
    patient.command("revoke-all")(revoke_all)
    patient.command("freeze")(freeze)
    patient.command("links")(links)
    patient.command("trust")(trust)
    patient.command("consents")(consents)
    patient.command("withheld")(withheld)
    patient.command("log")(log)
    patient_retention.register(patient)
    app.add_typer(patient, name="patient")


def new(wallet: Wallet = None, passphrase_file: PassphraseFile = None) -> None:
    """Make a new wallet. Its words are shown once: whoever has them is you."""
    path = wallet_path(wallet)
    if path.exists():
        raise ConflictError(
            f"there is a wallet at {path} already: name another file with --wallet",
            advice="A wallet is never overwritten: its words are the only way to its accounts.",
        )
    made = WalletFile(path, passphrase_of(passphrase_file, confirm=True)).create()
    output.emit(
        {"wallet": str(path), "words": made.mnemonic},
        [f"wallet {path}", "Write these words down and keep them apart from it:", f"  {made.mnemonic}"],
    )


def claim(
    source: Source,
    code: Annotated[str, typer.Argument(help="The desk's one-time code.")],
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Take control of your records at an institution."""
    world, session = opened_session(wallet, passphrase_file)
    own = session.claim(ApiClient(world.oracle_url(source)), code, world.ids[source])
    output.emit({"source": hex32(own.source), "subjectRef": hex32(own.subject)}, [f"claimed at {source}"])


def records(source: Source, wallet: Wallet = None, passphrase_file: PassphraseFile = None) -> None:
    """List your records at an institution, without opening them."""
    world, session = opened_session(wallet, passphrase_file)
    rows = [
        {
            "leaf": hex32(item.leaf),
            "version": item.version,
            "categories": ",".join(names(Category(item.categories))),
            "level": item.level,
            "day": date_of(item.first_day).isoformat() if item.first_day else "undated",
        }
        for item in session.listing(world.ids[source])
    ]
    headings = {"day": "day", "categories": "categories", "level": "level", "version": "version", "leaf": "leaf"}
    output.emit_table(rows, headings, "custodians hold nothing of yours from there")


def open_own(
    source: Source,
    leaf: Annotated[list[str] | None, typer.Argument(help="Leaves to open; all when left out.")] = None,
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Open your own records; it is logged like any access. Exit code 3 if every one is refused."""
    world, session = opened_session(wallet, passphrase_file)
    chosen = None if not leaf else [LeafHash(from_hex(item)) for item in leaf]
    opened = session.open(world.ids[source], chosen)
    value = {
        "accessId": hex32(opened.access_id),
        "records": [{"leaf": hex32(item.listed.leaf), "content": item.record.content} for item in opened.items],
        "refused": [
            {"leaf": hex32(name), "code": int(code), "name": code.name} for name, code in opened.refused.items()
        ],
    }
    shown = [f"{in_a_line(i.record.content)}\n   {hex32(i.listed.leaf)}" for i in opened.items]
    refused = [f"refused: {hex32(name)}  {code.name}: {EXPLANATIONS[code]}" for name, code in opened.refused.items()]
    output.emit(value, [*shown, *refused, "--json shows the content"] if shown else refused or ["no records there yet"])
    if refused and not shown:
        raise typer.Exit(REFUSED)


def destroy(
    source: Source,
    record: Annotated[list[str], typer.Argument(help="Records, by a leaf that `patient records` shows, or their ids.")],
    to: Annotated[Path, typer.Option("--to", help="File to write; hand it to the institution.")],
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Sign that records are destroyed, all versions, for good. The institution orders it with your signature.

    It may refuse: its law may bind it to keep them. Your signature is good for a month. Example: salus patient destroy
    hospital-b 0x… --to agreed.json
    """
    world, session = opened_session(wallet, passphrase_file)
    chosen = named(session.listing(world.ids[source]), record)
    signed = [agreement(session, world.ids[source], one) for one in chosen]
    try:
        with to.open("x") as file:
            json.dump(signed, file, indent=1)
    except FileExistsError as error:
        raise ConflictError(f"{to} exists already", advice="Name another file by --to.") from error
    value = {"file": str(to), "records": [one["recordId"] for one in signed]}
    output.emit(value, [f"signed for {len(signed)}; the institution orders it: salus staff destroy {source} {to}"])


def grant(
    source: Source,
    grantee: Annotated[Name, typer.Argument(help="Institution that may open.")],
    months: Annotated[int, typer.Option(min=0, max=120, help="The last months, rolling; 0: use --from and --to.")] = 3,
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD.")] = "",
    categories: Annotated[str, typer.Option(help="Comma-separated.")] = "CHECKUP,VITAL,LAB,IMGREP",
    purposes: Annotated[str, typer.Option(help="Comma-separated.")] = "TREAT,COC",
    actions: Annotated[str, typer.Option(help="Comma-separated.")] = "ACCESS,USE",
    days: Annotated[int, typer.Option(min=1, max=3660, help="How long the consent holds.")] = 30,
    max_level: Annotated[int, typer.Option(min=1, max=5)] = 4,
    min_form: Annotated[str, typer.Option(help="Least de-identified form.")] = "IDENTIFIED",
    topics: Annotated[str, typer.Option(help="Sensitive topics allowed, comma-separated.")] = "",
    uses: Annotated[int, typer.Option(min=0, help="0: without limit.")] = 0,
    replaces: Annotated[str, typer.Option(help="Consent that this one replaces.")] = "",
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Allow one institution to open some records, and hand it the package."""
    world, session = opened_session(wallet, passphrase_file)
    now = int(time.time())
    try:
        offer = Offer(
            grantee=world.ids[grantee],
            purposes=mask_of(Purpose, _split(purposes)),
            categories=mask_of(Category, _split(categories)),
            actions=mask_of(Action, _split(actions)),
            valid_from=now - 60,
            valid_until=now + days * _DAY_SECONDS,
            max_level=max_level,
            min_form=Form[min_form],
            window_months=months,
            days=(0, 0) if months else (_day(first), _day(last)),
            max_uses=uses,
            topics=mask_of(Topic, _split(topics)),
        )
    except KeyError as error:
        raise InputError(f"{error.args[0]} is in none of the tables of docs/policy.md") from error
    old = ConsentId(from_hex(replaces)) if replaces else None
    given = session.grant(world.ids[source], offer, api_of(world, grantee), old)
    output.emit(
        {"consentId": hex32(given.consent)}, [f"consent {hex32(given.consent)} is live, {grantee} has the package"]
    )


def replace(
    consent: Annotated[str, typer.Argument(help="Consent to narrow.")],
    source: Source,
    grantee: Annotated[Name, typer.Argument()],
    categories: Annotated[str, typer.Option(help="Comma-separated.")] = "CHECKUP,VITAL",
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Replace a consent by a narrower one, in one step on chain (all options: `grant --replaces`)."""
    grant(source, grantee, categories=categories, replaces=consent, wallet=wallet, passphrase_file=passphrase_file)


def revoke(
    consent: Annotated[str, typer.Argument()], wallet: Wallet = None, passphrase_file: PassphraseFile = None
) -> None:
    """Take one consent back, at once."""
    _, session = opened_session(wallet, passphrase_file)
    wanted = ConsentId(from_hex(consent))
    if session.wallet.consent(wanted).status in ("revoked", "replaced"):
        raise ConflictError(
            f"this consent is {session.wallet.consent(wanted).status} already",
            advice="Nothing needs to be done: it allows nothing any more. `salus patient consents` lists all.",
        )
    session.revoke(wanted)
    output.emit({"revoked": consent}, ["revoked"])


def revoke_all(
    grantee: Annotated[Name, typer.Argument()], wallet: Wallet = None, passphrase_file: PassphraseFile = None
) -> None:
    """Void everything you ever signed for an institution."""
    world, session = opened_session(wallet, passphrase_file)
    session.revoke_all(world.ids[grantee])
    output.emit({"revoked": grantee}, [f"everything signed for {grantee} is void"])


def freeze(
    source: Source,
    off: Annotated[bool, typer.Option("--off", help="Allow access again.")] = False,
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Stop every access to your records of an institution."""
    world, session = opened_session(wallet, passphrase_file)
    session.freeze(world.ids[source], frozen=not off)
    output.emit({"frozen": not off}, ["allowed again" if off else "frozen"])


def links(
    source: Source,
    sign: Annotated[int | None, typer.Option(help="Key of the merge to agree to.")] = None,
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Merges of your numbers, or their undoing, that wait for your signature; no consent comes to cover more by one."""
    world, session = opened_session(wallet, passphrase_file)
    oracle = ApiClient(world.oracle_url(source))
    waiting = session.waiting_links(oracle, world.ids[source])
    if sign is None:
        rows = [
            {
                "key": one.key,
                "undo": one.words.by is not None,
                "subjectRef": hex32(one.words.subject),
                "survivor": hex32(one.words.survivor),
            }
            for one in waiting
        ]
        headings = {"key": "key", "undo": "undone", "subjectRef": "number merged", "survivor": "number that stays"}
        output.emit_table(rows, headings, "nothing waits for your signature there")
        return
    chosen = next((one for one in waiting if one.key == sign), None)
    if chosen is None:
        raise InputError("no such merge waits for you: list them without --sign")
    session.agree(oracle, world.ids[source], chosen)
    output.emit({"signed": sign}, ["signed; the institution brings it to the chain when everybody has"])


def trust(wallet: Wallet = None, passphrase_file: PassphraseFile = None) -> None:
    """Accept the custodians' keys as the API names them now, after the Council has renewed one."""
    _, session = opened_session(wallet, passphrase_file)
    keys = session.custodian_keys(trust=True)
    output.emit({"custodians": len(keys)}, [f"keys of {len(keys)} custodians are known now"])


def consents(wallet: Wallet = None, passphrase_file: PassphraseFile = None) -> None:
    """List the consents this wallet signed."""
    world, session = opened_session(wallet, passphrase_file)
    rows = [
        {"consentId": hex32(given.consent), "grantee": world.name_of(given.grantee), "status": given.status}
        for given in session.wallet.consents
    ]
    headings = {"grantee": "grantee", "status": "status", "consentId": "consent"}
    output.emit_table(rows, headings, "this wallet has signed no consent")


def withheld(
    consent: Annotated[str, typer.Argument()], wallet: Wallet = None, passphrase_file: PassphraseFile = None
) -> None:
    """What a consent leaves out, and why."""
    _, session = opened_session(wallet, passphrase_file)
    rows = session.withheld(ConsentId(from_hex(consent)))
    output.emit_table(rows, {"count": "records", "name": "left out because", "code": "code"}, "nothing is left out")


def log(wallet: Wallet = None, passphrase_file: PassphraseFile = None) -> None:
    """Who asked, for what, when, with which outcome."""
    _, session = opened_session(wallet, passphrase_file)
    entries: list[dict[str, Any]] = session.log()
    output.emit(entries, [entry["sentences"].get("en", entry["name"]) for entry in entries])


def _split(text: str) -> list[str]:
    return [code.strip() for code in text.split(",") if code.strip()]


def _day(text: str) -> int:
    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError as error:
        raise InputError("give --months, or --from and --to as YYYY-MM-DD") from error
