"""Act 8: a record is destroyed: ordered with the patient, cooled off, shares erased, attested, content gone."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

from cli import output
from cli.demo.auditing import wait_for_index, write_and_verify
from cli.demo.ledger import require
from cli.demo.stage import Stage
from cli.patient.destruction import agreement
from cli.world.cast import Name
from salus.adapters.content.address import content_store
from salus.core.codes import EXPLANATIONS, Code
from salus.core.errors import NotFoundError
from salus.core.ids import LeafHash
from salus.flows.open import OpenedItem

_DEADLINE_SECONDS = 3600
_PATIENCE_SECONDS = 60


def play(stage: Stage) -> None:
    """Order, wait, carry out, verify, fail to open."""
    stage.ledger.act(8, "A record is destroyed, and stays destroyed")
    doomed: OpenedItem = stage.opened[f"own.{Name.CHECKUP}"].items[0]
    request = _request(stage, doomed)
    staff = stage.staff(Name.CHECKUP)
    with stage.ledger.timed("the check-up centre orders it, the patient's agreement with it") as outcome:
        fact = staff.post("/v1/destructions", request)
        outcome.append(
            f"{fact['status']}, erasable from {time.strftime('%H:%M:%S', time.localtime(fact['erasableFrom']))}"
        )
    _refused(stage, doomed.listed.leaf, "during the cooling-off")
    with (
        output.working("   waiting for the cooling-off to end …"),
        stage.ledger.timed("custodians erase and attest") as outcome,
    ):
        fact = _carried_out(stage, request, fact)
        erased = sum(item["erased"] for item in fact["attestations"])
        outcome.append(f"{fact['status']}: {erased} shares erased, {len(fact['attestations'])} attestations")
    require(fact["status"] == "DESTROYED", "the record is destroyed on chain")
    state = _on_chain(stage, request["recordId"])
    _content_gone(stage, doomed)
    receipt = staff.post(
        "/v1/receipts/destructions",
        {
            "recordId": request["recordId"],
            "subjectRef": request["subjectRef"],
            "agreement": {"deadline": request["deadline"], "signature": request["signature"]},
            "attestations": fact["attestations"],
            "removed": fact["removed"],
        },
    )
    write_and_verify(stage, "destruction.json", receipt)
    _refused(stage, doomed.listed.leaf, "for ever after")
    stage.ledger.facts["destroyed"] = {
        "status": state,
        "erased": erased,
        "attestations": len(fact["attestations"]),
        "refused": Code.RECORD_DESTROYED.name,
        "cid": doomed.listed.cid,
    }


def _on_chain(stage: Stage, record_id: str) -> str:
    """State of the record by its DID, as every institution reads it."""
    wait_for_index(stage)
    did = f"did:salus:{stage.patient.api.chain_id}:record:{record_id.removeprefix('0x')}"
    state = str(stage.staff(Name.CHECKUP).get(f"/v1/records/{did}")["status"])
    require(state == "DESTROYED", "every institution reads that the record is destroyed")
    stage.ledger.tell("its state on chain, by its DID", state, note=did)
    return state


def _request(stage: Stage, doomed: OpenedItem) -> dict[str, Any]:
    signed = agreement(stage.patient, stage.world.ids[Name.CHECKUP], doomed.listed, _DEADLINE_SECONDS)
    return {**signed, "cids": [doomed.listed.cid]}


def _carried_out(stage: Stage, request: dict[str, Any], fact: Any) -> Any:
    staff = stage.staff(Name.CHECKUP)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while fact["status"] == "ORDERED" and time.monotonic() < deadline:
        time.sleep(0.5)
        fact = staff.post("/v1/destructions", request)
    return fact


def _refused(stage: Stage, leaf: LeafHash, when: str) -> None:
    opened = stage.patient.open(stage.world.ids[Name.CHECKUP], [leaf])
    codes = set(opened.refused.values())
    require(not opened.items and codes == {Code.RECORD_DESTROYED}, "nobody opens an ordered or destroyed record")
    stage.ledger.tell(
        f"the patient asks for it {when}",
        f"refused: {Code.RECORD_DESTROYED.name} ({int(Code.RECORD_DESTROYED)})",
        note=EXPLANATIONS[Code.RECORD_DESTROYED],
    )


def _content_gone(stage: Stage, doomed: OpenedItem) -> None:
    try:
        with closing(content_store(stage.world.content_address)) as store:
            store.get(doomed.listed.envelope_digest)
    except NotFoundError:
        stage.ledger.tell("fetching its ciphertext", "not found: removed from the content store")
        return
    require(condition=False, what="the ciphertext is gone")
