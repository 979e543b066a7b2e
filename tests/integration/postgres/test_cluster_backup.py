"""`salus backup` and `salus restore` on a real server: a whole base backup, and the way to a point in time."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli import output
from cli.app import run
from devnet.anvil import free_port
from devnet.postgres import Postgres, PostgresSettings
from salus.adapters.database.cluster_backup import cluster_backups_in, unfinished_clusters
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.core.errors import SetupError
from tests.killed import killed_at
from tests.unit.oracle import oracle_world
from tests.unit.oracle.oracle_world import Oracle, Outside, report


@dataclass(frozen=True, slots=True)
class Site:
    """A server with the databases of an oracle and a custodian, its archived log, and an account that replicates."""

    folder: Path
    server: Postgres
    oracle: str
    replicating: str

    @property
    def data(self) -> Path:
        return self.server.settings.folder / "data"

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def archive(self) -> Path:
        return self.folder / "archive"


@pytest.fixture
def site(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """`server` is asked for so that the test is skipped without PostgreSQL; this one archives its log."""
    folder = Path(tempfile.mkdtemp(prefix="salus-postgres-"))
    folder.chmod(0o755)
    archive = folder / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    more = {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f && sync {archive}/%f"}
    try:
        with Postgres(PostgresSettings(folder / "server", free_port(), more=more)) as own:
            urls = {name: own.create(f"{name}_db") for name in ("oracle", "custodian")}
            for name, url in urls.items():
                engine = open_engine(url)
                migrate(engine, name)
                engine.dispose()
            with own.session() as session:
                session.execute("CREATE ROLE salus_backup LOGIN REPLICATION PASSWORD 'it''s'")
                session.execute("CREATE ROLE hospital LOGIN PASSWORD 'plain'")
            replicating = own.url("postgres", "salus_backup", "it's")
            monkeypatch.setenv("SALUS_ORACLE_DATABASE_URL", urls["oracle"])
            monkeypatch.setenv("SALUS_DATABASE_BACKUP_URL", replicating)
            monkeypatch.setattr(oracle_world, "_journal_at", lambda _path: urls["oracle"])
            yield Site(folder, own, urls["oracle"], replicating)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def said(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Exit code of a command, and what it prints: a value, or the error's text."""
    capfd.readouterr()
    output.use_json(on=True)
    try:
        code = run(list(words))
    finally:
        output.use_json(on=False)
    told = json.loads(capfd.readouterr().out)
    return code, told if code == 0 else told["message"]


def test_restore__to_a_time__has_all_until_then_and_the_day_is_sent_again(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    outside = Outside()
    oracle = Oracle(Path("journal"), outside)
    assert oracle.take(report("before the backup", order="L1")) == [True]
    code, made = said(capfd, "backup", "oracle", str(site.backups))
    assert code == 0
    assert (made["services"], made["archive"]) == (["oracle", "custodian"], "on")
    assert made["databases"] == ["custodian_db", "oracle_db", "postgres"]
    assert "it's" not in (site.backups / f"{made['file']}.json").read_text()
    assert oracle.take(report("after the backup", order="L2")) == [True]
    noon = datetime.now(UTC).isoformat()
    assert oracle.take(report("after noon", order="L3")) == [True]
    with site.server.session() as session:
        session.execute("SELECT pg_switch_wal()")
    oracle.close()

    back = ("restore", "oracle", str(site.backups), "--data", str(site.data), "--log", str(site.archive))
    code, complaint = said(capfd, *back, "--until", noon)
    assert code != 0
    assert "custodian go back with it" in complaint
    code, complaint = said(capfd, *back, "--until", noon, "--whole-server")
    assert code != 0
    assert "runs: stop it" in complaint
    site.server.stop()
    code, restored = said(capfd, *back, "--until", noon, "--whole-server")
    assert code == 0
    assert restored["setAside"] == f"{site.data}.before-1"

    site.server.start()
    oracle = Oracle(Path("journal"), outside)
    assert [message.key for message in oracle.messages.pending(10)] == [1, 2]
    assert oracle.take(report("after noon", order="L3")) == [True]
    oracle.pipeline.settle()
    assert len(outside.anchored_items()) == 3
    oracle.close()


def test_restore__to_the_end_of_the_log__loses_nothing_and_can_be_done_again(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    oracle = Oracle(Path("journal"), Outside())
    assert oracle.take(report("one", order="L1")) == [True]
    assert said(capfd, "backup", "oracle", str(site.backups))[0] == 0
    assert oracle.take(report("two", order="L2")) == [True]
    oracle.close()
    back = ("restore", "oracle", str(site.backups), "--data", str(site.data), "--whole-server")
    for _ in range(2):
        with site.server.session() as session:
            session.execute("SELECT pg_switch_wal()")
        site.server.stop()
        code, complaint = said(capfd, *back)
        assert code != 0
        assert "--log" in complaint
        assert said(capfd, *back, "--log", str(site.archive))[0] == 0
        site.server.start()
        oracle = Oracle(Path("journal"), Outside())
        assert [message.key for message in oracle.messages.pending(10)] == [1, 2]
        oracle.close()
        assert said(capfd, "backup", "oracle", str(site.backups))[0] == 0  # with the settings of this recovery in it


@pytest.mark.parametrize("harm", ["changed", "removed", "manifest", "settings", "no settings", "standby"])
def test_restore__of_a_damaged_backup__changes_nothing(
    site: Site, harm: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, made = said(capfd, "backup", "oracle", str(site.backups))
    assert code == 0
    copy = site.backups / made["file"]
    victim = max((copy / "base").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    if harm == "changed":
        with victim.open("r+b") as opened:
            opened.seek(100)
            opened.write(b"salus")
    elif harm == "removed":
        victim.unlink()
    elif harm == "settings":  # what `pg_verifybackup` does not look at
        with (copy / "postgresql.auto.conf").open("a") as opened:
            opened.write("archive_command = 'true'\n")
    elif harm == "no settings":
        (copy / "postgresql.auto.conf").unlink()
    elif harm == "standby":
        (copy / "standby.signal").touch()
    else:
        (copy / "backup_manifest").write_text("{}")
    site.server.stop()
    before = sorted(path.name for path in site.data.parent.iterdir())
    code, complaint = said(
        capfd,
        *("restore", "oracle", str(site.backups), "--data", str(site.data), "--log", str(site.archive)),
        "--whole-server",
    )
    assert code != 0
    assert "damaged" in complaint or "manifest" in complaint
    assert sorted(path.name for path in site.data.parent.iterdir()) == before
    site.server.start()


def test_backup__by_an_account_that_may_not__says_which_may(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SALUS_DATABASE_BACKUP_URL", site.server.url("postgres", "hospital", "plain"))
    code, complaint = said(capfd, "backup", "oracle", str(site.backups))
    assert code != 0
    assert "CREATE ROLE salus_backup LOGIN REPLICATION" in complaint
    assert not site.backups.exists()


def test_backup__with_keys_among_the_servers_files__is_refused(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    keys = site.data / "rows"
    keys.mkdir()
    (keys / "2026-11-27.keys").write_bytes(b"key")
    shutil.chown(keys, site.data.stat().st_uid, site.data.stat().st_gid)
    shutil.chown(keys / "2026-11-27.keys", site.data.stat().st_uid, site.data.stat().st_gid)
    code, complaint = said(capfd, "backup", "oracle", str(site.backups))
    assert code != 0
    assert "keys that can be destroyed" in complaint
    assert list(site.backups.iterdir()) == []


def test_backup__of_a_service_that_is_not_there__is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SALUS_API_DATABASE_URL", site.oracle)
    code, complaint = said(capfd, "backup", "api", str(site.backups))
    assert code != 0
    assert "of the kind api" in complaint


def test_restore__over_something_else__is_refused(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    assert said(capfd, "backup", "oracle", str(site.backups))[0] == 0
    other = site.data.parent / "else"
    other.mkdir()
    shutil.chown(other, site.data.stat().st_uid, site.data.stat().st_gid)
    (other / "thesis.txt").write_text("ten years of work")
    code, complaint = said(
        capfd,
        *("restore", "oracle", str(site.backups), "--data", str(other), "--log", str(site.archive)),
        "--whole-server",
    )
    assert code != 0
    assert "no data of PostgreSQL" in complaint
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_restore__hole_in_the_archived_log__is_refused_where_the_server_would_pass_over_it(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    oracle = Oracle(Path("journal"), Outside())
    assert said(capfd, "backup", "oracle", str(site.backups))[0] == 0
    for number in range(3):
        assert oracle.take(report(f"message {number}", order=f"L{number}")) == [True]
        with site.server.session() as session:
            session.execute("SELECT pg_switch_wal()")
    oracle.close()
    site.server.stop()
    segments = sorted(path for path in site.archive.iterdir() if len(path.name) == 24)
    lost = segments[-2]
    lost.rename(site.folder / lost.name)
    back = ("restore", "oracle", str(site.backups), "--data", str(site.data), "--whole-server")
    code, complaint = said(capfd, *back, "--log", str(site.archive))
    assert code != 0
    assert f"not {lost.name} itself" in complaint
    assert not site.data.with_name("data.before-1").exists()
    other = site.folder / "else"
    other.mkdir()
    (other / "server.log").write_text("LOG")
    code, complaint = said(capfd, *back, "--log", str(other))
    assert code != 0
    assert "no segment of the log" in complaint
    (site.folder / lost.name).rename(lost)
    assert said(capfd, *back, "--log", str(site.archive))[0] == 0
    site.server.start()
    oracle = Oracle(Path("journal"), Outside())
    assert [message.key for message in oracle.messages.pending(10)] == [1, 2, 3]
    oracle.close()


def test_restore__of_a_server_that_was_killed__has_what_it_could_not_archive(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    oracle = Oracle(Path("journal"), Outside())
    assert said(capfd, "backup", "oracle", str(site.backups))[0] == 0
    assert oracle.take(report("archived", order="L1")) == [True]
    with site.server.session() as session:
        session.execute("SELECT pg_switch_wal()")
    assert oracle.take(report("not archived yet", order="L2")) == [True]
    oracle.close()
    site.server.kill()
    back = ("restore", "oracle", str(site.backups), "--data", str(site.data), "--whole-server")
    closed = max(path for path in site.archive.iterdir() if len(path.name) == 24)
    closed.chmod(0o000)
    shutil.chown(closed, 0, 0)
    code, complaint = said(capfd, *back, "--log", str(site.archive))
    assert code != 0
    assert f"can't read {closed}" in complaint
    closed.chmod(0o644)
    assert said(capfd, *back, "--log", str(site.archive))[0] == 0
    site.server.start()
    oracle = Oracle(Path("journal"), Outside())
    assert [message.key for message in oracle.messages.pending(10)] == [1, 2]
    oracle.close()


def test_restore__killed_at_every_step__loses_nothing_and_can_be_done_again(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    assert said(capfd, "backup", "oracle", str(site.backups))[0] == 0
    site.server.stop()
    bystander = site.data.with_name("data.new")
    bystander.mkdir()
    (bystander / "thesis.txt").write_text("ten years of work")
    back = ("restore", "oracle", str(site.backups), "--data", str(site.data), "--log", str(site.archive))
    is_gone = False
    for step in range(40):
        died = killed_at(step, lambda: run([*back, "--whole-server"]), ("shutil.rmtree", "os.rename", "subprocess."))
        there = [site.data, *site.data.parent.glob("data.before-*")]
        assert any((folder / "PG_VERSION").is_file() for folder in there)
        if not died:
            break
        if not site.data.exists():
            is_gone = True
            with pytest.raises(SetupError, match="a restore was cut off"):
                site.server.start()  # not an empty one
    else:
        pytest.fail("it never came to its end")
    assert is_gone
    assert (bystander / "thesis.txt").is_file()
    assert not site.data.with_name("data.salus-restore").exists()
    site.server.start()


def test_backup__killed_at_every_step__is_whole_or_named_as_cut_off(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    code, older = said(capfd, "backup", "oracle", str(site.backups))
    assert code == 0
    for step in range(40):
        died = killed_at(
            step,
            lambda: run(["backup", "oracle", str(site.backups)]),
            ("shutil.rmtree", "os.rename", "os.mkdir", "subprocess."),
        )
        there = cluster_backups_in(site.backups, "oracle")
        assert older["file"] in {one.file for one in there}
        known = {name for one in there for name in (one.file, f"{one.file}.json")}
        left = {path.name for path in site.backups.iterdir()} - known
        assert left == {path.name for path in unfinished_clusters(site.backups)}
        for path in site.backups.iterdir():
            if older["file"] not in path.name:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not died:
            break
    else:
        pytest.fail("it never came to its end")


def test_restore__while_it_copies__nobody_else_may_look(
    site: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, made = said(capfd, "backup", "oracle", str(site.backups))
    assert code == 0
    (site.backups / made["file"]).chmod(0o755)  # as a copy from elsewhere may be
    site.server.stop()
    modes, copying = list[int](), shutil.copytree

    def copied(source: Path, target: Path, *more: Any) -> None:
        modes.append(site.data.with_name("data.salus-restore").stat().st_mode & 0o077)
        copying(source, target, *more)

    monkeypatch.setattr(shutil, "copytree", copied)
    back = ("restore", "oracle", str(site.backups), "--data", str(site.data), "--log", str(site.archive))
    assert said(capfd, *back, "--whole-server")[0] == 0
    assert set(modes) == {0}
    assert site.data.stat().st_mode & 0o077 == 0


def test_restore__through_a_link__leaves_the_link(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    assert said(capfd, "backup", "oracle", str(site.backups))[0] == 0
    site.server.stop()
    link = site.folder / "main"
    link.symlink_to(site.data)
    code, restored = said(
        capfd,
        *("restore", "oracle", str(site.backups), "--data", str(link), "--log", str(site.archive), "--whole-server"),
    )
    assert (code, restored["setAside"]) == (0, f"{site.data}.before-1")
    assert link.is_symlink()
    site.server.start()
