"""Settings of a custodian: what must not be said."""

from __future__ import annotations

from pathlib import Path

import pytest

from custodian import settings
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
        with pytest.raises(SetupError, match="whole number of days"):
            settings.read({**told, "SALUS_CUSTODIAN_RETENTION_GRACE_DAYS": wrong})
