"""`salus` run in this process as a script runs it, and members of the Council that vote by their keystores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.app import main
from salus.adapters.keys import keystore
from tests.integration.world import plan_and_settings

_PASSPHRASE = "votes of a test"


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """JSON answer of `salus …` that ends with an exit code; None if it said none."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["salus", "--json", *words])
        try:
            main()
            found = 0
        except SystemExit as end:
            found = int(end.code or 0)
    told = capsys.readouterr()
    assert found == code, told
    return json.loads(told.out) if told.out.strip() else None


def votes(folder: Path, number: int) -> tuple[str, ...]:
    """Options by which a member of the Council votes; its keystore is made in the folder."""
    (folder / "votes").write_text(_PASSPHRASE)
    file = folder / f"member-{number}.json"
    member = plan_and_settings()[2][number]
    keystore.store(file, _PASSPHRASE, member._key.secret, keystore.LIGHT)
    return ("--member", str(file), "--passphrase-file", str(folder / "votes"))
