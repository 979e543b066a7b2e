"""The story a newcomer sees, on real processes and sockets; every act checks itself, and the facts are checked here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from salus.core.errors import ReceiptError
from salus.core.receipt import verify_receipt

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "SALUS_HOME": str(folder), "SALUS_BASE_PORT": "23500", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cli", "demo", "--json"]
    run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    return json.loads(run.stdout)["facts"], folder / "demo"


def test_demo__whole_story__every_refusal_has_its_code(told: tuple[dict[str, Any], Path]) -> None:
    facts, _ = told
    assert facts["stranger"] == "GRANTEE_MISMATCH"
    assert facts["institute"] == "FORM_TOO_IDENTIFIED"
    assert facts["hospital-a.records"] == 3
    assert (facts["granted"], facts["denied"]) == (4, 4)
    assert facts["patient.accesses"] == 8


def test_demo__receipts__hold_offline_and_break_when_changed(told: tuple[dict[str, Any], Path]) -> None:
    facts, folder = told
    assert facts["receipts"] == ["access.json", "record.json", "destruction.json"]
    for name in facts["receipts"]:
        raw = (folder / "receipts" / name).read_bytes()
        assert not verify_receipt(raw).finality_proven
        spoiled = raw.replace(b'"chainId":31337', b'"chainId":31338')
        assert spoiled != raw
        with pytest.raises(ReceiptError):
            verify_receipt(spoiled)


def test_demo__logs__hold_no_name_of_a_patient(told: tuple[dict[str, Any], Path]) -> None:
    _, folder = told
    logs = list((folder / "logs").glob("*.log"))
    assert len(logs) == 12
    for log in logs:
        content = log.read_bytes()
        for planted in ("陳億東", "110105197905120000", "13900000001"):
            assert planted.encode() not in content
            assert planted.encode("gb18030") not in content


def test_demo__databases__hold_no_name_of_a_patient_in_clear(told: tuple[dict[str, Any], Path]) -> None:
    _, folder = told
    databases = [path for pattern in ("*.db", "*.db-wal") for path in folder.rglob(pattern)]
    assert len(databases) >= 10
    for database in databases:
        content = database.read_bytes()
        for planted in ("陳億東", "110105197905120000", "13900000001"):
            assert planted.encode() not in content
            assert planted.encode("gb18030") not in content


def test_demo__afterwards__nothing_of_it_runs(told: tuple[dict[str, Any], Path]) -> None:
    _, folder = told
    assert json.loads((folder / "parts.json").read_text()) == {}
