"""`salus consortium introduce`: an address book learns where a node is, and forgets nobody's address by mistake."""

from __future__ import annotations

from pathlib import Path

from coincurve import PrivateKey

from cli import app
from salus.adapters.chain.address_book import read_address_book

KEY = PrivateKey(b"\x01" * 32).public_key.format(compressed=False)[1:]
OTHER = PrivateKey(b"\x02" * 32).public_key.format(compressed=False)[1:]


def introduce(book: Path, key: bytes, address: str, *more: str) -> int:
    return app.run(["consortium", "introduce", f"enode://{key.hex()}@{address}", "--book", str(book), *more])


def test_introduce__newcomers__are_listed_and_again_is_fine(tmp_path: Path) -> None:
    book = tmp_path / "addresses.json"
    assert introduce(book, KEY, "10.1.2.3:30303") == introduce(book, OTHER, "10.1.2.4:30303") == 0
    assert introduce(book, KEY, "10.1.2.3:30303") == 0
    assert read_address_book(book) == {KEY: "10.1.2.3:30303", OTHER: "10.1.2.4:30303"}


def test_introduce__known_elsewhere__is_a_conflict_unless_it_moved(tmp_path: Path) -> None:
    book = tmp_path / "addresses.json"
    introduce(book, KEY, "10.1.2.3:30303")
    assert introduce(book, KEY, "10.9.9.9:30303") == 7
    assert read_address_book(book) == {KEY: "10.1.2.3:30303"}
    assert introduce(book, KEY, "10.9.9.9:30303", "--moved") == 0
    assert read_address_book(book) == {KEY: "10.9.9.9:30303"}
