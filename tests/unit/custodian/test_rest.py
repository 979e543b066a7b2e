"""Shares at rest, period keys, settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from custodian import settings as told
from custodian.wrap import Wrapping, fingerprint, period_at, unwrap
from salus.adapters.memory import MemoryPeriodKeys, SeededRandomness
from salus.adapters.period_keys import FolderPeriodKeys
from salus.core.custody import WrappedShare
from salus.core.errors import IntegrityError, NotFoundError, SetupError
from salus.core.hashing import sha256
from salus.core.ids import LeafHash, ParticipantId, hex32

SOURCE, LEAF = ParticipantId(sha256(b"source")), LeafHash(sha256(b"leaf"))
NOW = 1_790_000_000
SHARE, INNER = b"\x01" + b"s" * 32, b"\x01" + b"i" * 32


@pytest.mark.parametrize("inner", [None, INNER])
def test_wrap__unwrap__gives_the_shares_back(inner: bytes | None) -> None:
    keys = MemoryPeriodKeys()
    wrapped = Wrapping(SOURCE, NOW, keys, SeededRandomness()).wrap(SHARE, inner, LEAF)
    assert SHARE[1:] not in wrapped.blob
    assert unwrap(wrapped, SOURCE, LEAF, keys) == (SHARE, inner)


def test_wrap__any_changed_byte_or_row__does_not_unwrap() -> None:
    keys = MemoryPeriodKeys()
    wrapped = Wrapping(SOURCE, NOW, keys, SeededRandomness()).wrap(SHARE, INNER, LEAF)
    for at in range(len(wrapped.blob)):
        bent = bytearray(wrapped.blob)
        bent[at] ^= 1
        with pytest.raises(IntegrityError):
            unwrap(WrappedShare(wrapped.period, bytes(bent)), SOURCE, LEAF, keys)
    with pytest.raises(IntegrityError):
        unwrap(wrapped, SOURCE, LeafHash(sha256(b"other leaf")), keys)
    with pytest.raises(IntegrityError):
        unwrap(WrappedShare(wrapped.period, b""), SOURCE, LEAF, keys)


def test_wrap__erased_period__is_lost_for_good() -> None:
    keys = MemoryPeriodKeys()
    wrapped = Wrapping(SOURCE, NOW, keys, SeededRandomness()).wrap(SHARE, None, LEAF)
    keys.erase(wrapped.period)
    with pytest.raises(NotFoundError):
        unwrap(wrapped, SOURCE, LEAF, keys)


def test_period__at_midnight_in_shanghai__changes() -> None:
    assert period_at(1_793_461_199) == "2026-10"  # 2026-10-31T15:39:59Z
    assert period_at(1_793_462_400 - 1) == "2026-10"
    assert period_at(1_793_462_400) == "2026-11"  # 2026-10-31T16:00:00Z is midnight there


def test_fingerprint__of_share_and_inner__differ() -> None:
    assert len({fingerprint(SHARE, None), fingerprint(SHARE, INNER), fingerprint(INNER, None)}) == 3


def test_folder_keys__made_once__are_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    random = SeededRandomness("keys")
    first = FolderPeriodKeys(folder, random).present("2026-11")
    again = FolderPeriodKeys(folder, random)
    assert again.past("2026-11") == again.present("2026-11") == first
    assert again.present("2026-12") != first
    assert again.periods() == ["2026-11", "2026-12"]
    assert (folder / "2026-11.key").stat().st_mode & 0o777 == 0o600


def test_folder_keys__erased__are_gone(tmp_path: Path) -> None:
    keys = FolderPeriodKeys(tmp_path / "keys", SeededRandomness())
    keys.present("2026-11")
    keys.erase("2026-11")
    keys.erase("2026-11")
    assert keys.periods() == []
    with pytest.raises(NotFoundError):
        keys.past("2026-11")


def test_folder_keys__damaged_or_misnamed__are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys = FolderPeriodKeys(folder, SeededRandomness())
    (folder / "2026-11.key").write_bytes(b"short")
    with pytest.raises(IntegrityError):
        keys.past("2026-11")
    with pytest.raises(NotFoundError):
        keys.past("../2026-11")


def test_folder_keys__open_to_others__is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o755)
    with pytest.raises(SetupError, match="chmod 700"):
        FolderPeriodKeys(folder, SeededRandomness())


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    secret = tmp_path / "passphrase"
    secret.write_text("open sesame\n")
    return {
        "SALUS_CUSTODIAN_PARTICIPANT_ID": hex32(SOURCE),
        "SALUS_CUSTODIAN_DEPLOYMENT": "deployments/31337.json",
        "SALUS_CUSTODIAN_DATABASE_URL": "sqlite:///custodian.db",
        "SALUS_CUSTODIAN_OPERATOR_KEYSTORE": "operator.json",
        "SALUS_CUSTODIAN_ENCRYPTION_KEY": "encryption.key",
        "SALUS_CUSTODIAN_PASSPHRASE_FILE": str(secret),
        "SALUS_CUSTODIAN_PERIOD_KEYS": "period-keys",
    }


def test_settings__all_required__are_read_with_defaults(environ: dict[str, str]) -> None:
    found = told.read(environ)
    assert (found.participant, found.passphrase, found.port, found.head_age) == (SOURCE, "open sesame", 8440, 5)
    assert "sesame" not in repr(found)


@pytest.mark.parametrize("change", ["missing", "PARTICIPANT_ID=0x12", "PORT=high", "PASSPHRASE_FILE=nowhere"])
def test_settings__wrong__say_which(environ: dict[str, str], change: str) -> None:
    if change == "missing":
        del environ["SALUS_CUSTODIAN_PASSPHRASE_FILE"]
    else:
        name, value = change.split("=")
        environ[f"SALUS_CUSTODIAN_{name}"] = value
    with pytest.raises(SetupError, match="SALUS_CUSTODIAN_"):
        told.read(environ)


def test_settings__every_variable__is_in_the_table(environ: dict[str, str]) -> None:
    source = Path(told.__file__).read_text()
    table = told.__doc__ or ""
    for name in set(environ) | {f"SALUS_CUSTODIAN_{n}" for n in ("PORT", "HEAD_AGE", "MAX_BODY_BYTES", "FINALITY")}:
        assert f"`{name}`" in table
        assert name.removeprefix("SALUS_CUSTODIAN_").removesuffix("_FILE") in source
