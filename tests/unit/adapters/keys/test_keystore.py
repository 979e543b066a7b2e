"""Keystore files and encrypted X25519 files."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from salus.adapters.keys import files, keystore, x25519
from salus.core.errors import ConflictError, InputError, SetupError

# Web3 Secret Storage Definition, test vectors of version 3.
PBKDF2_VECTOR = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
VECTOR_KEY = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")


def test_keystore__created__loads_with_its_passphrase_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "operator.json"
    made = keystore.create(path, "correct horse", os.urandom, keystore.LIGHT)
    assert keystore.load(path, "correct horse").address == made.address
    assert keystore.address_of(path) == made.address.lower()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["operator.json"]
    with pytest.raises(SetupError, match="passphrase"):
        keystore.load(path, "wrong")


def test_keystore__vector_of_the_standard__opens(tmp_path: Path) -> None:
    path = tmp_path / "vector.json"
    path.write_text(json.dumps(PBKDF2_VECTOR))
    loaded = keystore.load(path, "testpassword")
    stored = keystore.store(tmp_path / "again.json", "x", VECTOR_KEY, keystore.LIGHT)
    assert loaded.address == stored.address


def test_keystore__that_exists__is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "operator.json"
    keystore.create(path, "a", os.urandom, keystore.LIGHT)
    before = path.read_bytes()
    with pytest.raises(ConflictError):
        keystore.create(path, "b", os.urandom, keystore.LIGHT)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "7", "{}", '{"version": 1}', '{"version": 3}', '{"crypto": 1, "version": 3}']
)
def test_keystore__that_is_none__says_so(tmp_path: Path, content: str) -> None:
    path = tmp_path / "operator.json"
    path.write_text(content)
    with pytest.raises(SetupError, match=r"operator\.json"):
        keystore.load(path, "a")


def test_keystore__missing__says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        keystore.load(tmp_path / "absent.json", "a")
    with pytest.raises(SetupError):
        keystore.address_of(tmp_path / "absent.json")


def test_x25519__created__loads_with_its_passphrase_only(tmp_path: Path) -> None:
    path = tmp_path / "custodian.key"
    made = x25519.create(path, "geheim 密码", os.urandom, x25519.LIGHT)
    assert x25519.load(path, "geheim 密码") == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made not in path.read_bytes()
    with pytest.raises(SetupError, match="passphrase"):
        x25519.load(path, "geheim")


def test_x25519__any_byte_changed__does_not_open(tmp_path: Path) -> None:
    path = tmp_path / "custodian.key"
    x25519.store(path, "a", b"\x05" * 32, os.urandom, 1)
    good = path.read_bytes()
    for index in range(len(good)):
        if index == 4:
            continue  # the cost: another one is another key, a huge one is refused below
        path.write_bytes(good[:index] + bytes([good[index] ^ 1]) + good[index + 1 :])
        with pytest.raises(SetupError):
            x25519.load(path, "a")


@pytest.mark.parametrize(
    "raw", [b"", b"SLX1", b"SLX1\xff" + bytes(76), b"XXXX\x01" + bytes(76), b"SLX1\x01" + bytes(77)]
)
def test_x25519__of_another_kind__is_refused_before_any_work(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "custodian.key"
    path.write_bytes(raw)
    with pytest.raises(SetupError, match="no key file"):
        x25519.load(path, "a")


def test_x25519__of_another_length__is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        x25519.store(tmp_path / "k", "a", bytes(31), os.urandom, 1)


def test_read_passphrase__first_line__without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_text("correct horse\nnot this\n")
    assert files.read_passphrase(path) == "correct horse"


@pytest.mark.parametrize("raw", [b"", b"\n", b"\nsecond", b"\xff\xfe"])
def test_read_passphrase__without_one__says_so(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(raw)
    with pytest.raises(SetupError, match="passphrase"):
        files.read_passphrase(path)
