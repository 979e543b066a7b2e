"""Act 6: the patient narrows the consent, then takes it back; the next request and the next release are refused."""

from __future__ import annotations

import time

from cli.demo.claiming import checkup_offer
from cli.demo.ledger import denial, require
from cli.demo.stage import Stage
from cli.world.cast import Name
from salus.core.codes import Code
from salus.core.errors import RefusedError
from salus.core.ids import hex32
from salus.core.labels import Category


def play(stage: Stage) -> None:
    """Replace, open the narrower one, revoke, be refused."""
    stage.ledger.act(6, "The patient replaces the consent by a narrower one, then revokes it")
    narrow = _replace(stage)
    staff = stage.staff(Name.HOSPITAL_A)
    with stage.ledger.timed("hospital A opens under the narrower consent") as outcome:
        opened = staff.open(narrow)
        outcome.append(f"{len(opened['records'])} of {len(stage.opened['hospital-a']['records'])} records")
    kinds = {name for record in opened["records"] for name in record["labels"]["categories"]}
    require(kinds <= {"CHECKUP", "VITAL"} and opened["records"], "only what the narrower consent covers is opened")
    _revoke(stage, narrow, opened["accessId"])


def _replace(stage: Stage) -> str:
    old = stage.consents[Name.HOSPITAL_A]
    offer = checkup_offer(stage, Category.CHECKUP | Category.VITAL)
    with stage.ledger.timed("the patient replaces consent 1: check-up measurements only") as outcome:
        given = stage.patient.grant(
            stage.world.ids[Name.CHECKUP], offer, stage.api(Name.HOSPITAL_A), replaces=old.consent
        )
        outcome.append("on chain, at once")
    staff = stage.staff(Name.HOSPITAL_A)
    code = denial(
        stage.ledger,
        "hospital A asks with the replaced consent",
        lambda: staff.open(
            hex32(old.consent),
            categories=["CHECKUP"],
            level=4,
            leaves=[stage.opened["hospital-a"]["records"][0]["leaf"]],
        ),
    )
    require(code is Code.CONSENT_REPLACED, "the replaced consent opens nothing")
    stage.ledger.facts["replaced"] = str(code and code.name)
    stage.consents[Name.HOSPITAL_A] = given
    return hex32(given.consent)


def _revoke(stage: Stage, consent: str, access_id: str) -> None:
    staff = stage.staff(Name.HOSPITAL_A)
    staff.token()
    began = time.perf_counter()
    stage.patient.revoke(stage.consents[Name.HOSPITAL_A].consent)
    mined = (time.perf_counter() - began) * 1000
    refused = None
    while refused is None:
        try:
            staff.post(f"/v1/accesses/{access_id}/releases", {})
        except RefusedError as error:
            refused = error.code
    took = (time.perf_counter() - began) * 1000
    stage.ledger.tell("from the patient's signature to its block", "the consent is revoked", mined)
    stage.ledger.tell(
        "from the signature to refusal of the access already granted",
        f"release refused: {refused.name} ({int(refused)})",
        took,
    )
    require(refused is Code.CONSENT_REVOKED, "a release of an access already granted is refused after revocation")
    leaf = stage.opened["hospital-a"]["records"][0]["leaf"]
    code = denial(
        stage.ledger,
        "hospital A's next request",
        lambda: staff.open(consent, leaves=[leaf], categories=["CHECKUP"], level=4),
    )
    require(code is Code.CONSENT_REVOKED, "the next request is denied")
    stage.ledger.facts["revoked"] = {
        "release": refused.name,
        "request": str(code and code.name),
        "milliseconds": {"block": round(mined), "release": round(took)},
    }
