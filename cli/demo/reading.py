"""Act 5: hospital A opens exactly what it may; others are refused on chain; what was left out, and who sees that."""

from __future__ import annotations

import os
import time

from cli.demo.ledger import denial, require
from cli.demo.stage import Stage
from cli.patient.session import SystemClock
from cli.world.cast import Name
from salus.adapters.chain.connect import connect
from salus.core import hpke
from salus.core.access import Access, AccessKind
from salus.core.codes import EXPLANATIONS, Code
from salus.core.ids import LeafHash, from_hex, hex32
from salus.core.labels import Action, Category, Purpose, Role
from salus.core.merkle import records_root
from salus.core.package import ConsentPackage
from salus.flows.ledger import Gateway, OperatorLedger

_SEALED_LEVEL = 5
_HID = "the reader sees neither a level-5 record nor that one was left out"


def play(stage: Stage) -> None:
    """List, open, be denied."""
    stage.ledger.act(5, "Hospital A opens exactly what the patient allowed; others are refused on chain")
    leaves = _hospital_a(stage)
    _stranger(stage, leaves)
    _institute(stage, leaves[0])
    _left_out(stage)


def _hospital_a(stage: Stage) -> list[str]:
    consent = hex32(stage.consents[Name.HOSPITAL_A].consent)
    staff = stage.staff(Name.HOSPITAL_A)
    with stage.ledger.timed("hospital A lists what lies inside the consent") as outcome:
        listing = staff.post("/v1/listings", {"consentId": consent})
        outcome.append(f"{len(listing['items'])} record versions")
    with stage.ledger.timed("hospital A opens them: request on chain, shares, decryption, check") as outcome:
        opened = staff.open(consent)
        outcome.append(f"{len(opened['records'])} records readable")
    steps = ", ".join(f"{step} {float(took):.0f}" for step, took in opened["milliseconds"].items())
    stage.ledger.tell("of which, in milliseconds", steps)
    expected = _inside_three_months(stage)
    found = sorted(record["leaf"] for record in opened["records"])
    require(found == expected, "hospital A opened exactly the check-up records of the last three months, below level 5")
    require(not opened["refused"], "no record of the list is refused")
    stage.opened["hospital-a"] = opened
    require(
        "withheld" not in listing and all(item["labels"]["level"] < _SEALED_LEVEL for item in listing["items"]), _HID
    )
    notice = f"{listing['notice']['en']}\n{listing['notice']['zh']}"
    stage.ledger.tell("the reader is told", "the same standing sentence, whatever was left out", note=notice)
    facts = {"opened": found, "expected": expected, "listed": sorted(item["leaf"] for item in listing["items"])}
    stage.ledger.facts["hospital-a"] = facts | {"notice": listing["notice"], "told": sorted(listing)}
    return found


def _inside_three_months(stage: Stage) -> list[str]:
    window = stage.patient.package_of(stage.consents[Name.HOSPITAL_A].consent).consent.window(int(time.time()))
    require(window is not None, "the consent has a window")
    first, last = window or (0, 0)
    own = stage.patient.listing(stage.world.ids[Name.CHECKUP])
    wide = int(Category.CHECKUP | Category.VITAL | Category.LAB | Category.IMGREP)
    return sorted(
        hex32(record.leaf)
        for record in own
        if not record.categories & ~wide and record.level <= 4 and first <= record.first_day <= record.last_day <= last
    )


def _stranger(stage: Stage, leaves: list[str]) -> None:
    """The check-up centre got hold of hospital A's package and asks with it, by its own operator."""
    package = stage.patient.package_of(stage.consents[Name.HOSPITAL_A].consent)
    world = stage.world
    chain = connect(world.chain_url, stage.patient.api.address_of("Council"))
    try:
        operator = world.keys.signer(f"{Name.CHECKUP}.second")
        gateway = Gateway(chain.reader, chain.writer([operator]), time.sleep)
        with stage.ledger.timed("the check-up centre asks with hospital A's consent") as outcome:
            recorded = OperatorLedger(chain.reader, gateway, operator).record(_access(stage, package, leaves), package)
            outcome.append(f"denied on chain: {recorded.code.name} ({int(recorded.code)})")
    finally:
        chain.close()
    require(recorded.code is Code.GRANTEE_MISMATCH, "a consent of another grantee opens nothing")
    stage.ledger.facts["stranger"] = recorded.code.name


def _access(stage: Stage, package: ConsentPackage, leaves: list[str]) -> Access:
    named = [LeafHash(from_hex(leaf)) for leaf in leaves]
    first, last = package.consent.window(int(time.time())) or (0, 0)
    return Access(
        kind=AccessKind.CONSENT,
        participant=stage.world.ids[Name.CHECKUP],
        reference=package.consent_id,
        purpose=int(Purpose.TREAT),
        categories=int(Category.CHECKUP),
        actions=int(Action.ACCESS),
        level=4,
        confidentiality=3,
        form=0,
        from_day=first,
        to_day=last,
        role=int(Role.PHYSICIAN),
        record_count=len(named),
        records_root=records_root(named),
        session_key=hpke.public_key(os.urandom(32)),
        user_digest=os.urandom(32),
        deadline=SystemClock().now() + 600,
        salt=os.urandom(32),
    )


def _institute(stage: Stage, leaf: str) -> None:
    consent = hex32(stage.consents[Name.INSTITUTE].consent)
    staff = stage.staff(Name.INSTITUTE)
    today = time.strftime("%Y-%m-%d")
    refused = denial(
        stage.ledger,
        "the institute asks for identified data",
        lambda: staff.open(
            consent,
            purpose="HRESCH",
            actions=("USE",),
            form="IDENTIFIED",
            leaves=[leaf],
            categories=["LAB"],
            level=2,
            days={"from": today, "to": today},
        ),
    )
    require(refused is Code.FORM_TOO_IDENTIFIED, "identified data is refused by the consent's form")
    stage.ledger.facts["institute"] = refused.name if refused else ""
    with stage.ledger.timed("the institute lists the de-identified form") as outcome:
        listing = staff.post("/v1/listings", {"consentId": consent})
        outcome.append(f"{len(listing['items'])} records yet")
    require(not listing["items"], "there is no de-identified form yet")
    stage.ledger.facts["institute.listed"] = len(listing["items"])


def _left_out(stage: Stage) -> None:
    consent = stage.consents[Name.HOSPITAL_A].consent
    mine = stage.patient.withheld(consent)
    level = [item for item in mine if item["name"] == Code.RECORD_ABOVE_LEVEL.name]
    require(level, "the patient sees that a level-5 result was left out")
    why = "\n".join(f"{item['count']} {item['name']}: {EXPLANATIONS[Code(item['code'])]}" for item in mine)
    shown = f"{sum(item['count'] for item in mine)} records, {level[0]['count']} of them above level 4"
    stage.ledger.tell("the patient sees what consent 1 leaves out, and why", shown, note=why)
    seen = stage.staff(Name.REGULATOR).post("/v1/audit/withheld", {"consentId": hex32(consent)})
    names = {
        item["name"] for custodian in seen["custodians"] for each in custodian["lists"] for item in each["withheld"]
    }
    require(Code.RECORD_ABOVE_LEVEL.name in names, "the auditor sees that something was left out")
    reasons = f"{len(names)} reasons from {len(seen['custodians'])} custodians' logs"
    stage.ledger.tell("the auditor sees it too, without content", reasons, note=", ".join(sorted(names)))
    stage.ledger.facts["withheld"] = {"patient": {i["name"]: i["count"] for i in mine}, "auditor": sorted(names)}
