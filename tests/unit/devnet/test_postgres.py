"""The folder of a PostgreSQL server when what made it, or a restore into it, was cut off. No server runs here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("psycopg")

from devnet import postgres as module
from devnet.postgres import Postgres, PostgresSettings
from salus.core.errors import SetupError


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """One whose programs are not run: `initdb` here writes what it writes first, and may be killed then."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "initdb").touch()
    monkeypatch.setenv("SALUS_POSTGRES", str(programs))
    monkeypatch.setattr(module, "_as_account", tuple)
    monkeypatch.setattr(module, "_hand_over", lambda _folder: None)
    return Postgres(PostgresSettings(tmp_path / "server", 1))


def initdb(monkeypatch: pytest.MonkeyPatch, *, ends: bool) -> None:
    def made(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        folder = Path(command[command.index("-D") + 1])
        folder.mkdir()
        (folder / "PG_VERSION").write_text("15")
        if not ends:
            raise KeyboardInterrupt
        (folder / "global").mkdir()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", made)


def test_prepare__making_it_was_cut_off__makes_it_again(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    data = server.settings.folder / "data"
    initdb(monkeypatch, ends=False)
    with pytest.raises(KeyboardInterrupt):
        server.prepare()
    assert not data.exists()
    initdb(monkeypatch, ends=True)
    server.prepare()
    assert (data / "global").is_dir()


@pytest.mark.parametrize("left", ["data.before-1", "data.salus-restore"])
def test_prepare__restore_was_cut_off__makes_no_empty_one(
    server: Postgres, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    initdb(monkeypatch, ends=True)
    (server.settings.folder / left).mkdir(parents=True)
    with pytest.raises(SetupError, match=f"{left}: a restore was cut off"):
        server.prepare()
    assert not (server.settings.folder / "data").exists()
    (server.settings.folder / left).rmdir()
    server.prepare()


def test_prepare__data_is_lost__keeps_the_password_that_a_backup_of_it_has(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    initdb(monkeypatch, ends=True)
    server.prepare()
    before = server.url()
    shutil.rmtree(server.settings.folder / "data")
    server.prepare()
    assert server.url() == before
