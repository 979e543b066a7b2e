"""The story a newcomer sees, on real processes and sockets; every act checks itself, and the facts are checked here."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from salus.core.errors import ReceiptError
from salus.core.receipt import verify_receipt

ROOT = Path(__file__).resolve().parents[2]
Told = tuple[dict[str, Any], Path]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "SALUS_HOME": str(folder), "SALUS_BASE_PORT": "23500", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cli", "demo", "--json"]
    run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    return json.loads(run.stdout)["facts"], folder / "demo"


def test_demo__act_1__contracts_and_the_cast_are_on_chain(told: Told) -> None:
    facts, folder = told
    assert len(facts["contracts"]) == 7
    assert facts["admitted"] == [
        *("hospital-a", "hospital-b", "checkup", "institute", "regulator"),
        *("custodian-1", "custodian-2", "custodian-3"),
    ]
    deployment = json.loads((folder / "deployment.json").read_text())
    assert set(facts["contracts"]) <= set(deployment["contracts"])


def test_demo__act_2__every_part_is_a_process(told: Told) -> None:
    facts, _ = told
    assert sorted(facts["running"]) == sorted(
        [
            *("chain", "watch", "custodian-1", "custodian-2", "custodian-3", "hospital-b-oracle", "checkup-oracle"),
            *("hospital-a-api", "hospital-b-api", "checkup-api", "institute-api", "regulator-api"),
        ]
    )


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("hospital-b", {"ADT^A01", "ADT^A03", "ADT^A04", "ADT^A08", "ORU^R01", "MDM^T02"}),
        ("checkup", {"ADT^A04", "ORU^R01"}),
    ],
)
def test_demo__act_3__every_message_acknowledged_and_anchored(told: Told, source: str, kinds: set[str]) -> None:
    facts, _ = told
    sent = facts[f"messages.{source}"]
    assert set(sent["kinds"]) == kinds
    assert sent["AA"] == sent["sent"] == sum(sent["kinds"].values())
    assert facts[f"anchored.{source}"]["versions"] >= sent["sent"] / 2
    assert facts[f"anchored.{source}"]["batches"] >= 1


def test_demo__act_4__the_patient_reads_own_records_and_it_is_logged(told: Told) -> None:
    facts, _ = told
    assert (facts["own.hospital-b"], facts["own.checkup"]) == (8, 11)
    assert facts["auditor"].count(["the patient", "PATRQT", "GRANTED"]) == 2


def test_demo__act_5__hospital_a_opens_exactly_what_was_allowed(told: Told) -> None:
    facts, _ = told
    hospital = facts["hospital-a"]
    assert len(hospital["opened"]) == 3
    assert hospital["opened"] == hospital["listed"] == hospital["expected"]


def test_demo__act_5__others_are_denied_on_chain(told: Told) -> None:
    facts, _ = told
    assert facts["stranger"] == "GRANTEE_MISMATCH"
    assert facts["institute"] == "FORM_TOO_IDENTIFIED"
    assert facts["institute.listed"] == 0
    assert ["Check-up centre", "TREAT", "GRANTEE_MISMATCH"] in facts["auditor"]
    assert ["Research institute", "HRESCH", "FORM_TOO_IDENTIFIED"] in facts["auditor"]


def test_demo__act_5__level_5__told_to_patient_and_auditor_but_not_to_the_reader(told: Told) -> None:
    facts, _ = told
    assert facts["withheld"]["patient"]["RECORD_ABOVE_LEVEL"] == 1
    assert "RECORD_ABOVE_LEVEL" in facts["withheld"]["auditor"]
    assert "withheld" not in facts["hospital-a"]["told"]
    assert facts["hospital-a"]["notice"]["en"].startswith("Records may have been withheld")


def test_demo__act_6__replaced_and_revoked__next_request_and_granted_access_are_refused(told: Told) -> None:
    facts, _ = told
    assert facts["replaced"] == "CONSENT_REPLACED"
    assert (facts["revoked"]["release"], facts["revoked"]["request"]) == ("CONSENT_REVOKED", "CONSENT_REVOKED")
    took = facts["revoked"]["milliseconds"]
    assert 0 < took["block"] <= took["release"]


def test_demo__act_7__auditor_and_patient_see_the_same_eight_outcomes(told: Told) -> None:
    facts, _ = told
    assert (facts["granted"], facts["denied"]) == (4, 4)
    assert len(facts["auditor"]) == len(facts["patient"]) == 8
    outcomes = [outcome for _, _, outcome in facts["auditor"]]
    assert [outcome for outcome in outcomes if outcome != "GRANTED"] == [
        *("GRANTEE_MISMATCH", "FORM_TOO_IDENTIFIED", "CONSENT_REPLACED", "CONSENT_REVOKED"),
    ]


def test_demo__act_7__the_patients_log__says_who_why_and_when_in_two_languages(told: Told) -> None:
    facts, _ = told
    denied = facts["patient"][-1]
    assert "a physician of Hospital A asked to open 1 of your" in denied["en"]
    assert "for treatment. It was denied: The patient has revoked this consent" in denied["en"]
    assert "甲医院的一名医生于" in denied["zh"]


def test_demo__act_8__destroyed__is_attested_gone_and_refused(told: Told) -> None:
    facts, folder = told
    destroyed = facts["destroyed"]
    assert (destroyed["status"], destroyed["refused"]) == ("DESTROYED", "RECORD_DESTROYED")
    assert destroyed["erased"] == destroyed["attestations"] == 3
    assert not list((folder / "content").rglob(f"{destroyed['cid']}*"))


def test_demo__receipts__hold_offline_and_break_when_changed(told: Told) -> None:
    facts, folder = told
    assert facts["receipts"] == ["access.json", "record.json", "destruction.json"]
    for name in facts["receipts"]:
        raw = (folder / "receipts" / name).read_bytes()
        assert not verify_receipt(raw).finality_proven
        spoiled = raw.replace(b'"chainId":31337', b'"chainId":31338')
        assert spoiled != raw
        with pytest.raises(ReceiptError):
            verify_receipt(spoiled)


def test_demo__logs__hold_no_name_of_a_patient(told: Told) -> None:
    _, folder = told
    logs = list((folder / "logs").glob("*.log"))
    assert len(logs) == 12
    for log in logs:
        content = log.read_bytes()
        for planted in ("陳億東", "110105197905120000", "13900000001"):
            assert planted.encode() not in content
            assert planted.encode("gb18030") not in content


def test_demo__databases__hold_no_name_of_a_patient_in_clear(told: Told) -> None:
    _, folder = told
    databases = [path for pattern in ("*.db", "*.db-wal") for path in folder.rglob(pattern)]
    assert len(databases) >= 10
    for database in databases:
        content = database.read_bytes()
        for planted in ("陳億東", "110105197905120000", "13900000001"):
            assert planted.encode() not in content
            assert planted.encode("gb18030") not in content


def test_demo__afterwards__nothing_of_it_runs(told: Told) -> None:
    _, folder = told
    assert json.loads((folder / "parts.json").read_text()) == {}


def test_demo__a_port_is_taken__one_line_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 24584))
        taken.listen()
        environment = {**os.environ, "SALUS_HOME": str(tmp_path), "SALUS_BASE_PORT": "24500", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "cli", "up"]
        run = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
    assert run.returncode == 8
    assert run.stderr == (
        "salus: port 24584 is taken: run `make down`, stop what uses it, or set SALUS_BASE_PORT to move all ports\n"
    )
