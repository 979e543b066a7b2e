"""Settings of a custodian: what must not be said."""

from __future__ import annotations

from pathlib import Path

import pytest

from custodian import runtime, settings
from custodian.__main__ import main
from salus.core.errors import SetupError


@pytest.fixture
def told(tmp_path: Path) -> dict[str, str]:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("open\n")
    values = {
        "PARTICIPANT_ID": "0x" + "11" * 32,
        "DEPLOYMENT": "deployments/31337.json",
        "DATABASE_URL": "sqlite:///custodian.db",
        "OPERATOR_KEYSTORE": "operator.json",
        "ENCRYPTION_KEY": "encryption.json",
        "PASSPHRASE_FILE": str(passphrase),
        "PERIOD_KEYS": "periods",
    }
    return {f"SALUS_CUSTODIAN_{name}": value for name, value in values.items()}


def test_read__one_node__is_its_own(told: dict[str, str]) -> None:
    read = settings.read({**told, "SALUS_CUSTODIAN_RPC_URL": "http://127.0.0.1:8601"})
    assert read.rpc_url == "http://127.0.0.1:8601"


def test_read__several_nodes__are_refused(told: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="its own and no other"):
        settings.read({**told, "SALUS_CUSTODIAN_RPC_URL": "http://127.0.0.1:8601,http://127.0.0.1:8602"})


def test_read__grace_after_retention__thirty_days_unless_said(told: dict[str, str]) -> None:
    assert settings.read(told).grace_days == 30
    assert settings.read({**told, "SALUS_CUSTODIAN_RETENTION_GRACE_DAYS": "0"}).grace_days == 0
    for wrong in ("-1", "1.5", "soon"):
        with pytest.raises(SetupError, match="GRACE_DAYS is a whole number"):
            settings.read({**told, "SALUS_CUSTODIAN_RETENTION_GRACE_DAYS": wrong})


def test_read__repairs__many_an_hour_and_nobody_to_ask_unless_said(told: dict[str, str]) -> None:
    read = settings.read(told)
    assert (read.repairs_an_hour, read.custodians, read.content) == (400_000, None, None)
    more = {"REPAIRS_PER_HOUR": "0", "CUSTODIANS": "custodians.json", "CONTENT": "content"}
    read = settings.read({**told, **{f"SALUS_CUSTODIAN_{name}": value for name, value in more.items()}})
    assert (read.repairs_an_hour, read.custodians, read.content) == (0, Path("custodians.json"), "content")
    with pytest.raises(SetupError, match="REPAIRS_PER_HOUR is a whole number"):
        settings.read({**told, "SALUS_CUSTODIAN_REPAIRS_PER_HOUR": "many"})


def test_repair__nobody_to_ask_or_no_content__is_told_before_anything_is_opened(told: dict[str, str]) -> None:
    for name in ("CUSTODIANS", "CONTENT"):
        with pytest.raises(SetupError, match="SALUS_CUSTODIAN_CUSTODIANS and SALUS_CUSTODIAN_CONTENT"):
            runtime.repair(settings.read({**told, f"SALUS_CUSTODIAN_{name}": "there"}), lambda _: None)


def test_main__allow_repair_for_nobody__says_what_is_missing(
    told: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert main(["allow-repair"]) == 1
    assert "--custodian" in capsys.readouterr().err
