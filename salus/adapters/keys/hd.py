"""Accounts derived from words (BIP-39, BIP-32), one secret for all, no account shared by two institutions.

| path | account |
| --- | --- |
| `m/44'/60'/0'/0/i` | plain account i, as other wallets and Anvil derive it: accounts of a development chain |
| `m/44'/60'/1'/0/i` | controller of the patient's i-th source |
| `m/44'/60'/2'/0/i` | holder for the patient's i-th grantee |

The wallet file says which i belongs to whom; without it, a scan of the chain for the first accounts finds them again.
The account level is hardened, so nobody who learns an account of one kind can derive the others.
"""

from __future__ import annotations

from eth_account.hdaccount import key_from_seed, seed_from_mnemonic
from eth_account.hdaccount.mnemonic import Mnemonic
from eth_account.types import Language
from eth_utils.exceptions import ValidationError

from salus.adapters.keys.signer import LocalSigner
from salus.core.errors import InputError

PLAIN, CONTROLLER, HOLDER = 0, 1, 2
ENGLISH, CHINESE = Language.ENGLISH, Language.CHINESE_SIMPLIFIED


def new_words(entropy: bytes, language: Language = ENGLISH) -> str:
    """Words of 16, 20, 24, 28 or 32 random bytes (BIP-39): 12 to 24 words.

    Raises:
        InputError: another number of bytes.
    """
    try:
        return Mnemonic(language).to_mnemonic(entropy)
    except (ValidationError, ValueError) as error:
        raise InputError("words are made of 16, 20, 24, 28 or 32 bytes") from error


class DerivedAccounts:
    """All accounts of one mnemonic.

    Raises:
        InputError: the words or their checksum are wrong.
    """

    __slots__ = ("_seed",)

    def __init__(self, words: str, passphrase: str = "") -> None:
        try:
            self._seed: bytes = seed_from_mnemonic(" ".join(words.split()), passphrase)
        except (ValidationError, ValueError) as error:
            raise InputError("these are not the words of a wallet: check spelling and order") from error

    def plain(self, index: int) -> LocalSigner:
        """Account without a role."""
        return self._at(PLAIN, index)

    def controller(self, index: int) -> LocalSigner:
        """Controller account for one source."""
        return self._at(CONTROLLER, index)

    def holder(self, index: int) -> LocalSigner:
        """Holder account for one grantee."""
        return self._at(HOLDER, index)

    def _at(self, account: int, index: int) -> LocalSigner:
        if index < 0 or index >> 31:
            raise InputError("an account index is 0 to 2^31 - 1")
        return LocalSigner(key_from_seed(self._seed, f"m/44'/60'/{account}'/0/{index}"))
