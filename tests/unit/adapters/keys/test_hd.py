"""Derived accounts, with the vectors of BIP-39 and of every Ethereum wallet."""

import pytest

from salus.adapters.keys.hd import CHINESE, DerivedAccounts, new_words
from salus.core.errors import InputError
from salus.core.signatures import recover

TEST_WORDS = "test test test test test test test test test test test junk"
ABANDON = "abandon " * 11 + "about"


@pytest.mark.parametrize(
    ("index", "address"),
    [
        (0, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        (1, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        (2, "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        (9, "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
    ],
)
def test_plain__of_the_known_test_words__are_the_accounts_every_wallet_shows(index: int, address: str) -> None:
    assert DerivedAccounts(TEST_WORDS).plain(index).address == address


def test_plain__of_the_abandon_words__is_the_known_account() -> None:
    assert DerivedAccounts(ABANDON).plain(0).address == "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"


@pytest.mark.parametrize(
    ("entropy", "words"),
    [
        (bytes(16), ABANDON),
        (b"\x7f" * 16, "legal winner thank year wave sausage worth useful legal winner thank yellow"),
        (b"\xff" * 32, "zoo " * 23 + "vote"),
    ],
)
def test_new_words__of_bip39_entropy__are_the_vectors(entropy: bytes, words: str) -> None:
    assert new_words(entropy) == words


def test_new_words__in_chinese__derive_accounts() -> None:
    words = new_words(bytes(16), CHINESE)
    assert words.split()[0] == "的"
    assert DerivedAccounts(words).controller(0).address.startswith("0x")


def test_accounts__of_one_wallet__are_all_different() -> None:
    wallet = DerivedAccounts(TEST_WORDS)
    found = {maker(index).address for maker in (wallet.plain, wallet.controller, wallet.holder) for index in range(4)}
    assert len(found) == 12
    assert wallet.holder(3).address == DerivedAccounts(f"  {TEST_WORDS}\n").holder(3).address
    assert wallet.holder(3).address != DerivedAccounts(TEST_WORDS, "extra").holder(3).address


def test_controller__signs__as_itself() -> None:
    signer = DerivedAccounts(TEST_WORDS).controller(7)
    assert recover(b"\x01" * 32, signer.sign(b"\x01" * 32)) == signer.address


@pytest.mark.parametrize("words", ["", "abandon", "abandon " * 12, "abandon " * 11 + "aboot", "的 " * 12])
def test_accounts__of_wrong_words__are_refused(words: str) -> None:
    with pytest.raises(InputError):
        DerivedAccounts(words)


@pytest.mark.parametrize("size", [0, 15, 17, 33])
def test_new_words__of_another_size__are_refused(size: int) -> None:
    with pytest.raises(InputError):
        new_words(bytes(size))


@pytest.mark.parametrize("index", [-1, 1 << 31])
def test_accounts__with_an_index_beyond_bip32__are_refused(index: int) -> None:
    with pytest.raises(InputError):
        DerivedAccounts(TEST_WORDS).holder(index)
