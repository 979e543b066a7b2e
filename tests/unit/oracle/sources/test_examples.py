"""docs/hl7-intake.md and deployments/sources: complete, and files that really are taken."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from oracle.intake.mllp import MllpCounters
from oracle.intake.receive import SUPPORTED_EVENTS
from oracle.sources import DueAt, Institution, read_folder
from oracle.sources.listing import described
from oracle.sources.model import ClientTls, ServerTls
from oracle.sources.tls import client_context, server_context, shown_by
from tests.unit.oracle.sources.test_read import EVERYTHING

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "hl7-intake.md").read_text(encoding="utf-8")
ELSEWHERE = ("host", "client_fingerprints", "client_names", "server_name", "closed", "control_id_digits", "word")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples, with what their own script makes."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here: the examples' keys can't be made")
    made = tmp_path / "sources"
    shutil.copytree(ROOT / "deployments" / "sources", made, ignore=shutil.ignore_patterns("tls", "drop"))
    keys(made)
    return made


def keys(folder: Path, *more: str) -> str:
    command = ["sh", str(folder / "make-keys.sh"), *more]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_examples__all__are_taken(folder: Path) -> None:
    found = {one.name: one for one in read_folder(folder, Institution("示例医院", "H1"), SUPPORTED_EVENTS)}
    assert set(found) == {"his", "lis", "pacs", "checkup", "night"}
    assert found["lis"].acknowledgement.application is DueAt.ANCHORED
    assert found["checkup"].acknowledgement.original is DueAt.PROCESSED
    assert found["pacs"].max_message_bytes > 50 * 1024 * 1024 * 4 // 3
    rows = [described(one) for one in found.values()]
    assert "mllp 0.0.0.0:2576 tls (lis.h1.example)" in {row["in"] for row in rows}
    assert (folder / "tls" / "checkup.token").read_text().strip() not in repr(rows)


def test_examples__keys__are_private_of_one_ca_and_stay_when_made_again(folder: Path) -> None:
    tls = folder / "tls"
    assert {file.stat().st_mode & 0o077 for file in tls.iterdir()} == {0}
    before = {file.name: file.read_bytes() for file in tls.iterdir()}
    said = keys(folder, str(folder), "oracle.h1.example", "lis.h1.example", "pacs.h1.example")
    assert {name: (tls / name).read_bytes() for name in before} == before
    server = server_context(ServerTls(tls / "oracle.pem", tls / "oracle.key", tls / "hospital-ca.pem"))
    assert "hospital-ca" in repr(server.get_ca_certs())
    for name in ("lis.h1.example", "pacs.h1.example"):
        client_context(ClientTls(tls / "hospital-ca.pem", tls / f"{name}.pem", tls / f"{name}.key"))
        fingerprint, common = shown_by(ssl.PEM_cert_to_DER_cert((tls / f"{name}.pem").read_text()))
        assert common == name
        assert fingerprint.hex() in said.replace(":", "").lower()


def keys_of(value: Any) -> set[str]:
    """All keys of a TOML document; the authorities under `systems` are no keys."""
    if isinstance(value, list):
        return {key for one in value for key in keys_of(one)}
    if not isinstance(value, dict):
        return set()
    return {key for name, one in value.items() for key in ({name} if name == "systems" else {name, *keys_of(one)})}


def test_page__every_key__is_explained() -> None:
    keys = keys_of(tomllib.loads(EVERYTHING)) | set(ELSEWHERE)
    missing = {key for key in keys if not re.search(rf"`[^`]*\b{key}\b[^`]*`", PAGE)}
    assert missing == set()


def test_page__metrics__are_those_there_are() -> None:
    named = {name.removeprefix("salus_oracle_mllp_") for name in re.findall(r"`salus_oracle_mllp_([a-z_]+)`", PAGE)}
    assert named <= set(MllpCounters.__slots__)
