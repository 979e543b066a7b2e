from pathlib import Path

import pytest

from oracle.alerts import Limits
from oracle.pressure import Bounds
from oracle.settings import PREFIX, OperationsSettings, read
from salus.core.errors import SetupError


@pytest.fixture
def needed(tmp_path: Path) -> dict[str, str]:
    """What an oracle can't do without."""
    (tmp_path / "site").write_text("5a" * 32)
    (tmp_path / "passphrase").write_text("for tests only")
    told = {
        "PARTICIPANT_ID": "0x" + "11" * 32,
        "DEPLOYMENT": "deployment.json",
        "DATABASE_URL": "sqlite:///oracle.db",
        "KEYSTORE": "operator.json",
        "PASSPHRASE_FILE": str(tmp_path / "passphrase"),
        "SITE_KEY_FILE": str(tmp_path / "site"),
        "CONTENT": "content",
        "CUSTODIANS": "custodians.json",
        "NAME": "Hospital B",
    }
    return {PREFIX + name: value for name, value in told.items()}


def operations(needed: dict[str, str], **more: str) -> OperationsSettings:
    return read(needed | {PREFIX + name: value for name, value in more.items()}).operations


def test_operations__nothing_said__are_the_usual(needed: dict[str, str]) -> None:
    assert operations(needed) == OperationsSettings(Bounds(), 8, Limits(), None)


def test_operations__all_said__are_taken(needed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("https://alerts.example/hook/secret\n")
    found = operations(
        needed,
        MOST_PENDING="5",
        MOST_PENDING_BYTES="6",
        DRAIN_SECONDS="0",
        ALERT_PENDING="1",
        ALERT_PENDING_SECONDS="2",
        ALERT_QUARANTINED="3",
        ALERT_REFUSED_PERCENT="4",
        ALERT_GAP_SECONDS="5",
        ALERT_DISK_PERCENT="6",
        ALERT_AWAY_SECONDS="7",
        ALERT_CALM_SECONDS="8",
        ALERT_DESTRUCTION_SECONDS="9",
        RETENTION_HOURS="0",
        RETENTION_GRACE_DAYS="11",
        ALERT_WEBHOOK_FILE=str(tmp_path / "hook"),
    )
    hook = "https://alerts.example/hook/secret"
    assert found == OperationsSettings(Bounds(5, 6), 0, Limits(1, 2, 3, 4, 5, 6, 7, 8, 9), hook, 0, 11)
    assert "secret" not in repr(found)


def test_operations__bounds_and_limits_of_zero__are_one(needed: dict[str, str]) -> None:
    found = operations(needed, MOST_PENDING="0", MOST_PENDING_BYTES="0", ALERT_AWAY_SECONDS="0", ALERT_PENDING="0")
    assert (found.bounds, found.limits.away_seconds, found.limits.pending) == (Bounds(1, 1), 1, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"MOST_PENDING": "many"},
        {"MOST_PENDING_BYTES": "4 GiB"},
        {"DRAIN_SECONDS": "-1"},
        {"ALERT_DISK_PERCENT": "10%"},
        {"ALERT_WEBHOOK": "ftp://alerts.example"},
        {"ALERT_WEBHOOK": "alerts.example"},
        {"ALERT_WEBHOOK_FILE": "/nowhere"},
    ],
)
def test_operations__malformed__named(wrong: dict[str, str], needed: dict[str, str]) -> None:
    with pytest.raises(SetupError, match=next(iter(wrong)).removesuffix("_FILE")):
        operations(needed, **wrong)
