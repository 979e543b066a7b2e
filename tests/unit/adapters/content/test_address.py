from __future__ import annotations

from pathlib import Path

import pytest

from salus.adapters.content.address import content_store, is_folder
from salus.adapters.content.folder import FolderStore
from salus.adapters.content.kubo import KuboStore
from salus.core.errors import SetupError


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("secret\n")
    return path


def test_address__a_path__is_a_folder(tmp_path: Path) -> None:
    assert is_folder(str(tmp_path))
    assert isinstance(content_store(str(tmp_path / "content")), FolderStore)


@pytest.mark.parametrize(
    ("options", "nodes", "copies"), [("", 3, 2), ("", 1, 1), ("&copies=3", 3, 3), ("&copies=1&quota=200GB", 2, 1)]
)
def test_address__nodes_by_comma__are_a_swarm(token: Path, options: str, nodes: int, copies: int) -> None:
    parts = [f"kubo+http://127.0.0.1:{5001 + place}?token_file={token}" for place in range(nodes)]
    address = ", ".join([parts[0] + options, *parts[1:]])
    store = content_store(address)
    assert not is_folder(address)
    assert isinstance(store, KuboStore)
    assert (store.copies, store.places) == (copies, tuple(f"127.0.0.1:{5001 + place}" for place in range(nodes)))
    store.close()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("kubo+http://127.0.0.1:5001", "needs token_file"),
        ("kubo+http://127.0.0.1:5001?token_file=/nowhere/at/all", "cannot be read"),
        ("kubo+ftp://127.0.0.1:5001?token_file={token}", "is like"),
        ("kubo+http://?token_file={token}", "is like"),
        ("kubo+http://127.0.0.1:5001/api?token_file={token}", "is like"),
        ("kubo+http://127.0.0.1:5001?token_file={token},/a/folder", "is like"),
        ("kubo+http://127.0.0.1:5001?token_file={token}&copy=2", "no option copy"),
        ("kubo+http://127.0.0.1:5001?token_file={token}&copies=two", "copies is a number"),
        ("kubo+http://127.0.0.1:5001?token_file={token}&copies=2", "2 copies need"),
        ("kubo+http://127.0.0.1:5001?token_file={token}&copies=0", "0 copies need"),
        ("kubo+http://127.0.0.1:5001?token_file={token}&quota=lots", "quota is"),
        ("kubo+http://h:1?token_file={token}&copies=1,kubo+http://h:2?token_file={token}&copies=2", "say them once"),
    ],
)
def test_address__malformed__says_what_is_wrong(token: Path, address: str, why: str) -> None:
    with pytest.raises(SetupError, match=why):
        content_store(address.format(token=token))


def test_address__an_empty_token__is_refused(token: Path) -> None:
    token.write_text("\n")
    with pytest.raises(SetupError, match="is empty"):
        content_store(f"kubo+http://127.0.0.1:5001?token_file={token}")
