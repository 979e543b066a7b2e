"""`salus content` on folders that are not there, and lists that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands.content import check, move
from salus.adapters.content.folder import FolderStore
from salus.core.errors import InputError, NotFoundError


def test_check__folder_that_is_not_there__is_not_well_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no content folder"):
        check(str(tmp_path / "contnet"))
    assert list(tmp_path.iterdir()) == []


def test_move__from_a_folder_that_is_not_there__makes_neither(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no content folder"):
        move(str(tmp_path / "contnet"), str(tmp_path / "target"))
    assert list(tmp_path.iterdir()) == []


def test_move__to_a_folder_that_is_not_there__makes_it(tmp_path: Path) -> None:
    digest = FolderStore(tmp_path / "content").put(b"sealed")
    move(str(tmp_path / "content"), str(tmp_path / "target"), verify=False)
    assert FolderStore(tmp_path / "target").get(digest) == b"sealed"


def test_check__expected_ones_are_no_text__says_so(tmp_path: Path) -> None:
    FolderStore(tmp_path / "content").close()
    (tmp_path / "cids").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="no list of CIDs"):
        check(str(tmp_path / "content"), repair=False, of="", expect=str(tmp_path / "cids"))
