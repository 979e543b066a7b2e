"""Shares at rest, period keys, settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from custodian import settings as told
from custodian.wrap import Wrapping, fingerprint, number_of, period_at, unwrap
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


def test_wrap__forgotten_key__takes_that_share_only() -> None:
    keys = MemoryPeriodKeys()
    wrapping = Wrapping(SOURCE, NOW, keys, SeededRandomness())
    first, second = (wrapping.wrap(SHARE, None, LEAF) for _ in range(2))
    keys.forget(first.period, [number_of(first)])
    with pytest.raises(NotFoundError, match="destroyed"):
        unwrap(first, SOURCE, LEAF, keys)
    assert unwrap(second, SOURCE, LEAF, keys) == (SHARE, None)


def test_folder_keys__made_once__are_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    random = SeededRandomness("keys")
    number, key = FolderPeriodKeys(folder, random).fresh("2026-11")
    again = FolderPeriodKeys(folder, random)
    assert again.past("2026-11", number) == key
    assert again.fresh("2026-11")[0] > number  # a number is given out once, whatever became of the database
    assert again.fresh("2026-12")[1] != key
    assert again.periods() == ["2026-11", "2026-12"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in folder.iterdir())


def test_folder_keys__many__are_all_different(tmp_path: Path) -> None:
    keys = FolderPeriodKeys(tmp_path / "keys", SeededRandomness())
    given = [keys.fresh("2026-11") for _ in range(5000)]  # more than are reserved at once
    assert len(dict(given)) == len({key for _, key in given}) == 5000


def test_folder_keys__erased_period__is_gone(tmp_path: Path) -> None:
    keys = FolderPeriodKeys(tmp_path / "keys", SeededRandomness())
    number, _ = keys.fresh("2026-11")
    keys.erase("2026-11")
    keys.erase("2026-11")
    assert keys.periods() == []
    with pytest.raises(NotFoundError):
        keys.past("2026-11", number)


def test_folder_keys__forgotten__no_file_can_make_it_again(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys = FolderPeriodKeys(folder, SeededRandomness())
    given = dict(keys.fresh("2026-11") for _ in range(40))
    numbers = list(given)
    gone = [numbers[place] for place in (7, 8, 30)]
    keys.forget("2026-11", gone)
    keys.forget("2026-11", gone[1:2])
    again = FolderPeriodKeys(folder, SeededRandomness())
    for number, key in given.items():
        if number in gone:
            with pytest.raises(NotFoundError):
                again.past("2026-11", number)
        else:
            assert again.past("2026-11", number) == key
    assert sorted(file.name for file in folder.iterdir()) == [".giving", ".lock", "2026-11.keys", "2026-11.next"]


@pytest.mark.parametrize("renamed", [False, True])
def test_folder_keys__killed_while_forgetting__old_tree_is_overwritten_once_there_is_a_new_one(
    tmp_path: Path, *, renamed: bool
) -> None:
    folder = tmp_path / "keys"
    keys = FolderPeriodKeys(folder, SeededRandomness())
    number, key = keys.fresh("2026-11")
    os.link(folder / "2026-11.keys", folder / "2026-11.old")
    held = (folder / "2026-11.old").open("rb")
    if renamed:
        (folder / "2026-11.new").write_bytes((folder / "2026-11.keys").read_bytes())
        (folder / "2026-11.new").rename(folder / "2026-11.keys")
    after = FolderPeriodKeys(folder, SeededRandomness())
    after.forget("2026-11", [])  # whoever writes next
    assert after.past("2026-11", number) == key
    with held:
        assert any(held.read()) is not renamed
    assert not (folder / "2026-11.old").exists()


def test_folder_keys__two_processes__never_give_out_a_number_twice_nor_bring_a_key_back(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first, second = (FolderPeriodKeys(folder, SeededRandomness(seed)) for seed in "ab")
    given = [keys.fresh("2026-11-27") for _ in range(3) for keys in (first, second)]
    assert len(dict(given)) == 6
    numbers = [number for number, _ in given]
    first.forget("2026-11-27", numbers[:2])
    second.forget("2026-11-27", numbers[2:3])
    again = FolderPeriodKeys(folder, SeededRandomness())
    for number in numbers[:3]:
        with pytest.raises(NotFoundError):
            again.past("2026-11-27", number)
    assert again.past("2026-11-27", numbers[3]) == given[3][1]


def test_folder_keys__damaged_or_misnamed__are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys = FolderPeriodKeys(folder, SeededRandomness())
    number, _ = keys.fresh("2026-11")
    whole = (folder / "2026-11.keys").read_bytes()
    for content in (b"short", whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        (folder / "2026-11.keys").write_bytes(content)
        with pytest.raises(IntegrityError):
            FolderPeriodKeys(folder, SeededRandomness()).past("2026-11", number)
    with pytest.raises(NotFoundError):
        keys.past("../2026-11", number)
    (folder / "2026-11.keys").write_bytes(whole)
    (folder / "2026-11.next").unlink()
    with pytest.raises(IntegrityError, match="next"):
        FolderPeriodKeys(folder, SeededRandomness()).fresh("2026-11")


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
