"""The deployment file as services read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from salus.adapters.deployment_file import DeploymentFile, read_deployment
from salus.core.errors import SetupError
from salus.core.ids import to_address

OLD, NEW = (to_address(bytes([number]) * 20) for number in (0xAA, 0xBB))
WHOLE: dict[str, Any] = {"chainId": 2026, "contracts": {"Council": [{"address": OLD}, {"address": NEW}]}}


def test_read__whole_file__is_its_chain_and_the_newest_council(tmp_path: Path) -> None:
    file = tmp_path / "2026.json"
    file.write_text(json.dumps(WHOLE))
    assert read_deployment(file, "SALUS_X_DEPLOYMENT") == DeploymentFile(2026, NEW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        json.dumps({"contracts": WHOLE["contracts"]}),
        json.dumps({**WHOLE, "chainId": "dev"}),
        json.dumps({**WHOLE, "chainId": None}),
        json.dumps({"chainId": 1}),
        json.dumps({**WHOLE, "contracts": {"Council": []}}),
        json.dumps({**WHOLE, "contracts": {"Council": [{"address": "0x12"}]}}),
        json.dumps({**WHOLE, "contracts": {"Council": [{"address": 7}]}}),
        json.dumps({**WHOLE, "contracts": {"Council": [NEW]}}),
    ],
)
def test_read__file_that_is_none__names_the_setting(tmp_path: Path, text: str) -> None:
    file = tmp_path / "2026.json"
    file.write_text(text)
    with pytest.raises(SetupError, match="SALUS_X_DEPLOYMENT must name a deployment file"):
        read_deployment(file, "SALUS_X_DEPLOYMENT")


def test_read__no_file__names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="SALUS_X_DEPLOYMENT"):
        read_deployment(tmp_path / "none.json", "SALUS_X_DEPLOYMENT")
