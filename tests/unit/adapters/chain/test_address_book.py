"""Address books: what is read, what is refused, and enode URLs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.adapters.chain.address_book import (
    address_of,
    enode_of,
    key_of,
    merge_addresses,
    place_of,
    read_address_book,
)
from salus.core.errors import InputError, SetupError

KEY, OTHER = bytes(range(64)), bytes(64)


def test_book__lines__are_keys_and_addresses(tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    file.write_text(json.dumps({KEY.hex(): "10.0.0.1:30303", OTHER.hex().upper(): "[::1]:1"}))
    assert read_address_book(file) == {KEY: "10.0.0.1:30303", OTHER: "[::1]:1"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"ab": "10.0.0.1:30303"}',
        f'{{"{"zz" * 64}": "10.0.0.1:30303"}}',
        f'{{"{KEY.hex()}": "10.0.0.1"}}',
        f'{{"{KEY.hex()}": ":30303"}}',
        f'{{"{KEY.hex()}": "10.0.0.1:0"}}',
        f'{{"{KEY.hex()}": "10.0.0.1:65536"}}',
        f'{{"{KEY.hex()}": "10.0.0.1:-1"}}',
        f'{{"{KEY.hex()}": 30303}}',
        f'{{"{KEY.hex()}": null}}',
    ],
)
def test_book__malformed__is_refused_with_its_name(text: str, tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    file.write_text(text)
    with pytest.raises(SetupError, match=r"book\.json"):
        read_address_book(file)


def test_book__not_there__is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="FileNotFoundError"):
        read_address_book(tmp_path / "book.json")


def test_merge__no_book_yet__makes_one_with_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "sidecar" / "book.json"
    merge_addresses(file, {KEY: "10.0.0.1:30303"})
    assert read_address_book(file) == {KEY: "10.0.0.1:30303"}


def test_merge__a_book__keeps_other_lines_and_takes_new_addresses(tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    merge_addresses(file, {KEY: "10.0.0.1:30303", OTHER: "10.0.0.2:30303"})
    merge_addresses(file, {KEY: "10.9.9.9:1"})
    assert read_address_book(file) == {KEY: "10.9.9.9:1", OTHER: "10.0.0.2:30303"}
    assert list(tmp_path.iterdir()) == [file]  # no scratch file is left


def test_merge__says_so_already__leaves_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    text = json.dumps({KEY.hex(): "10.0.0.1:30303"})  # as somebody wrote it by hand
    file.write_text(text)
    merge_addresses(file, {KEY: "10.0.0.1:30303"})
    assert file.read_text() == text


def test_merge__malformed_book__is_refused_and_left(tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    file.write_text("{")
    with pytest.raises(SetupError):
        merge_addresses(file, {KEY: "10.0.0.1:30303"})
    assert file.read_text() == "{"


@given(st.binary(min_size=64, max_size=64), st.integers(1, 65535))
def test_enode__of_key_and_address__is_read_back(key: bytes, port: int) -> None:
    url = enode_of(key, f"10.1.2.3:{port}")
    assert key_of(url) == key
    assert place_of(url) == (key, f"10.1.2.3:{port}")


def test_enode__without_address__has_a_key_and_no_place() -> None:
    assert key_of(enode_of(KEY, None)) == KEY
    assert place_of(enode_of(KEY, None)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "enode://",
        KEY.hex(),
        f"enode://{KEY.hex()[:-2]}@10.0.0.1:1",
        f"enode://{'zz' * 64}@h:1",
        f"ENODE://{KEY.hex()}",
    ],
)
def test_key__of_what_is_no_enode__is_none(text: str) -> None:
    assert key_of(text) is None
    assert place_of(text) is None


@pytest.mark.parametrize("text", ["", "host", "host:", ":1", "host:0", "host:65536", "host:http", "host:1.0"])
def test_address__malformed__is_refused(text: str) -> None:
    with pytest.raises(InputError):
        address_of(text)


@pytest.mark.parametrize(
    "text", ['a":30303', "a b:1", "a\n:1", "-a:1", "a/b:1", "[::1:1", "a:１", ":1", "a:0", "a:65536"]
)
def test_address__that_is_no_host_and_port__is_refused(text: str) -> None:
    with pytest.raises(InputError):
        address_of(text)


@pytest.mark.parametrize("text", ["10.1.2.3:30303", "node-1.hospital.example:1", "[2001:db8::1]:65535"])
def test_address__of_a_host_by_name_or_number__is_taken(text: str) -> None:
    assert address_of(text) == text
