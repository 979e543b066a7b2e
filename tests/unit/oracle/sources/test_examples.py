"""docs/hl7-intake.md and deployments/sources: complete, and files that really are taken."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from oracle.intake.mllp import MllpCounters
from oracle.intake.receive import SUPPORTED_EVENTS
from oracle.sources import DueAt, Institution, read_folder
from oracle.sources.listing import described
from tests.unit.oracle.sources.certificates import Authority
from tests.unit.oracle.sources.test_read import EVERYTHING

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "hl7-intake.md").read_text(encoding="utf-8")
ELSEWHERE = ("host", "client_fingerprints", "client_names", "server_name", "closed", "control_id_digits", "word")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples, with the certificates, token and folder they name."""
    shutil.copytree(ROOT / "deployments" / "sources", tmp_path / "sources")
    made = tmp_path / "sources"
    (made / "tls").mkdir()
    (made / "drop" / "night").mkdir(parents=True)
    authority = Authority(made / "tls", "hospital-ca")
    authority.issue("oracle")
    (made / "tls" / "checkup.token").write_text("a-token-of-twenty-letters")
    return made


def test_examples__all__are_taken(folder: Path) -> None:
    found = {one.name: one for one in read_folder(folder, Institution("示例医院", "H1"), SUPPORTED_EVENTS)}
    assert set(found) == {"his", "lis", "pacs", "checkup", "night"}
    assert found["lis"].acknowledgement.application is DueAt.ANCHORED
    assert found["checkup"].acknowledgement.original is DueAt.PROCESSED
    assert found["pacs"].max_message_bytes > 50 * 1024 * 1024 * 4 // 3
    rows = [described(one) for one in found.values()]
    assert "mllp 0.0.0.0:2576 tls (lis.h1.example)" in {row["in"] for row in rows}
    assert "a-token" not in repr(rows)


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
