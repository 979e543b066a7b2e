"""Ethereum keystore files (Web3 Secret Storage, version 3): create and load accounts.

The scrypt cost n is a choice: `STANDARD` (2^18, about a second and 256 MB) for people's and institutions' keys, `LIGHT`
(2^12) for development keys, which everybody knows anyway.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from eth_account import Account

from salus.adapters.keys.files import read, write_new
from salus.adapters.keys.signer import LocalSigner
from salus.core.errors import SetupError
from salus.core.ports import Randomness

STANDARD = 1 << 18
LIGHT = 1 << 12


def create(path: Path, passphrase: str, random: Randomness, cost: int = STANDARD) -> LocalSigner:
    """A new account in a new file.

    Raises:
        ConflictError: the file exists.
    """
    return store(path, passphrase, random(32), cost)


def store(path: Path, passphrase: str, private_key: bytes, cost: int = STANDARD) -> LocalSigner:
    """A given account in a new file.

    Raises:
        ConflictError: the file exists.
        InputError: the bytes are no private key.
    """
    signer = LocalSigner(private_key)
    content = Account.encrypt(private_key, passphrase, kdf="scrypt", iterations=cost)
    write_new(path, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
    return signer


def load(path: Path, passphrase: str) -> LocalSigner:
    """The account of a file.

    Raises:
        SetupError: no such file, no keystore, or the passphrase is wrong.
    """
    try:
        content = cast("dict[str, Any]", json.loads(read(path)))
        return LocalSigner(bytes(Account.decrypt(content, passphrase)))
    except ValueError as error:
        raise SetupError(f"{path.name} does not open: a wrong passphrase, or no keystore file of version 3") from error
    except (AttributeError, KeyError, TypeError, NotImplementedError) as error:
        raise SetupError(f"{path.name} is no keystore file of version 3") from error


def address_of(path: Path) -> str:
    """Address a keystore file says it holds, `0x` and lower case; needs no passphrase.

    Raises:
        SetupError: no such file or no keystore.
    """
    try:
        return "0x" + str(json.loads(read(path))["address"]).removeprefix("0x").lower()
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(f"{path.name} is no keystore file of version 3") from error
