"""Where a node's socket is: nobody else on the machine may put another one in its place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from devnet.ipc import socket_path
from salus.core.errors import SetupError

LONG = "a" * 120


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for everybody's temporary files."""
    folder = tmp_path / "tmp"
    folder.mkdir(mode=0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_socket_path__short_enough__is_in_the_folder(tmp_path: Path, shared: Path) -> None:
    if len(str(tmp_path / "geth.ipc")) <= 100:
        assert socket_path(tmp_path, "geth.ipc") == tmp_path.resolve() / "geth.ipc"
    assert list(shared.iterdir()) == []


def test_socket_path__too_long__is_in_a_folder_of_ones_own(tmp_path: Path, shared: Path) -> None:
    first = socket_path(tmp_path / LONG, "geth.ipc")
    assert first == socket_path(tmp_path / LONG, "geth.ipc")
    assert first.parent.parent == shared
    assert first.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("trap", ["open to others", "a link", "a file"])
def test_socket_path__somebody_was_there_before__is_refused(tmp_path: Path, shared: Path, trap: str) -> None:
    folder = socket_path(tmp_path / LONG, "geth.ipc").parent
    folder.rmdir()
    if trap == "open to others":
        folder.mkdir()
        folder.chmod(0o777)
    elif trap == "a link":
        (shared / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(shared / "elsewhere")
    else:
        folder.touch(0o600)
    with pytest.raises(SetupError, match="temporary"):
        socket_path(tmp_path / LONG, "geth.ipc")
