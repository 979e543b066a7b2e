"""Keys of the world: one folder of encrypted files under one development passphrase, made once.

A production institution makes its own keys on its own machine (docs/runbook.md); this one machine plays
them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

from cli.world.cast import CAST, COUNCIL, Institution
from salus.adapters.keys import files, keystore, x25519
from salus.adapters.keys.signer import LocalSigner
from salus.core import hpke
from salus.core.errors import SetupError

DEV_WORDS = "test test test test test test test test test test test junk"
RELAYS = 2


class KeyFolder:
    """Keys by name: `hospital-a.operator`, `hospital-b.oracle`, `custodian-1.sealing`, …"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.passphrase_file = folder / "passphrase"
        self._signers: dict[str, LocalSigner] = {}

    def make(self) -> None:
        """Create what is missing; what exists stays as it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.passphrase_file.exists():
            files.write_new(self.passphrase_file, (os.urandom(16).hex() + "\n").encode())
        seed = seed_from_mnemonic(DEV_WORDS, "")
        for index, name in enumerate(COUNCIL):
            self._store(name, key_from_seed(seed, f"m/44'/60'/0'/0/{index}"))
        for institution in CAST:
            for account in accounts_of(institution):
                self._create(account)
            path = self.sealing_file(institution.name)
            if not path.exists():
                x25519.create(path, self.passphrase, os.urandom, x25519.LIGHT)
        for institution in CAST:
            if institution.oracle:
                self._secret(self.site_key_file(institution.name))

    @property
    def passphrase(self) -> str:
        """The development passphrase."""
        return files.read_passphrase(self.passphrase_file)

    def account_file(self, name: str) -> Path:
        """Keystore file of an account."""
        return self.folder / f"{name}.json"

    def sealing_file(self, institution: str) -> Path:
        """X25519 key file of an institution."""
        return self.folder / f"{institution}.sealing"

    def site_key_file(self, institution: str) -> Path:
        """Site key of an oracle: 64 hex digits."""
        return self.folder / f"{institution}.site"

    def signer(self, name: str) -> LocalSigner:
        """An account.

        Raises:
            SetupError: no such key here.
        """
        if name not in self._signers:
            if not self.account_file(name).exists():
                raise SetupError(f"there is no key {name} in {self.folder}: run `make up` first")
            self._signers[name] = keystore.load(self.account_file(name), self.passphrase)
        return self._signers[name]

    def sealing_public(self, institution: str) -> bytes:
        """Public encryption key of an institution, 32 bytes."""
        return hpke.public_key(x25519.load(self.sealing_file(institution), self.passphrase))

    def _create(self, name: str) -> None:
        self._once(name, lambda path: keystore.create(path, self.passphrase, os.urandom, keystore.LIGHT))

    def _store(self, name: str, private_key: bytes) -> None:
        self._once(name, lambda path: keystore.store(path, self.passphrase, private_key, keystore.LIGHT))

    def _once(self, name: str, make: Callable[[Path], LocalSigner]) -> None:
        path = self.account_file(name)
        if not path.exists():
            self._signers[name] = make(path)

    def _secret(self, path: Path) -> None:
        if not path.exists():
            files.write_new(path, (os.urandom(32).hex() + "\n").encode())


def accounts_of(institution: Institution) -> list[str]:
    """Account names of an institution; the first applies for admission and is its principal."""
    names = [f"{institution.name}.operator"]
    if institution.oracle:
        names.append(f"{institution.name}.oracle")
    if institution.api:
        names += [f"{institution.name}.second"]
        names += [f"{institution.name}.relay-{number}" for number in range(1, RELAYS + 1)]
    return names


def operators_of(institution: Institution) -> list[str]:
    """Account names that speak for the institution; relays only carry."""
    return [name for name in accounts_of(institution) if ".relay-" not in name]
