"""A journal goes back to a point in time: base backup, archived log, recovery; all taken until then is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from devnet.anvil import free_port
from devnet.postgres import Postgres, PostgresSettings, postgres_programs
from salus.adapters.database.engine import open_engine
from tests.unit.oracle import oracle_world
from tests.unit.oracle.oracle_world import Oracle, Outside, report


@pytest.fixture
def folder(server: Postgres) -> Iterator[Path]:
    """A folder the server's account reaches; `server` is asked for so that the test is skipped without PostgreSQL."""
    made = Path(tempfile.mkdtemp(prefix="salus-postgres-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_restore__to_a_named_point__has_all_until_then_and_nothing_after(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = folder / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    more = {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f && sync {archive}/%f"}
    outside = Outside()
    with Postgres(PostgresSettings(folder / "first", free_port(), more=more)) as first:
        url = first.create("journal")
        _migrated(url)
        oracle = _oracle(url, outside, monkeypatch)
        assert oracle.take(report("before the backup", order="L1")) == [True]
        _base_backup(first, folder / "base")
        assert oracle.take(report("after the backup", order="L2")) == [True]
        with first.session() as session:
            session.execute("SELECT pg_create_restore_point('noon')")
        assert oracle.take(report("after noon", order="L3")) == [True]
        with first.session() as session:
            session.execute("SELECT pg_switch_wal()")
        oracle.close()
    recovery = {"restore_command": f"cp {archive}/%f %p", "recovery_target_name": "noon"}
    second = Postgres(
        PostgresSettings(folder / "second", free_port(), more=recovery | {"recovery_target_action": "promote"})
    )
    _put_back(first, folder / "base", second)
    with second:
        oracle = _oracle(second.url("journal"), outside, monkeypatch)
        assert [message.key for message in oracle.messages.pending(10)] == [1, 2]
        assert oracle.take(report("after noon", order="L3")) == [True]  # its sender sends the day again
        oracle.pipeline.settle()
        assert len(outside.anchored_items()) == 3
        oracle.close()


def _migrated(url: str) -> None:
    from salus.adapters.database.migrate import migrate

    engine: Engine = open_engine(url)
    migrate(engine, "oracle")
    engine.dispose()


def _oracle(url: str, outside: Outside, monkeypatch: pytest.MonkeyPatch) -> Oracle:
    monkeypatch.setattr(oracle_world, "_journal_at", lambda _path: url)
    return Oracle(Path("journal"), outside)


def _base_backup(server: Postgres, target: Path) -> None:
    address = server.url().replace("+psycopg", "", 1)
    subprocess.run(
        [str(postgres_programs() / "pg_basebackup"), "-d", address, "-D", str(target), "--checkpoint=fast"],
        check=True,
        capture_output=True,
    )


def _put_back(first: Postgres, base: Path, second: Postgres) -> None:
    """The base backup as the data of another cluster, owned as the first one's is, to be recovered at its start."""
    data = second.settings.folder / "data"
    second.settings.folder.mkdir()
    for name in ("password", "hba.conf"):
        shutil.copy(first.settings.folder / name, second.settings.folder / name)
    shutil.copytree(base, data)
    (data / "recovery.signal").touch()
    owner = (first.settings.folder / "data").stat()
    for place, _, files in os.walk(second.settings.folder):
        for path in (place, *(os.path.join(place, file) for file in files)):  # noqa: PTH118 - what os.walk gives
            os.chown(path, owner.st_uid, owner.st_gid)
    data.chmod(0o700)
