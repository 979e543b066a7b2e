"""The database server as a part of a world: started, killed, started again by the keeper, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from cli.commands.backup import restore_
from cli.consortium.keeper import Keeper
from cli.world.cast import CAST, CUSTODIANS, WITH_API, WITH_ORACLE, Ports
from cli.world.database import SERVER, Database, database_parts, prepare_databases, server_of
from cli.world.layout import World
from cli.world.services import service_parts
from devnet.postgres import postgres_programs
from devnet.supervisor import Supervisor, free_ports
from salus.adapters.database.cluster_backup import back_up_cluster
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.core.errors import SetupError
from salus.core.ids import ParticipantId


@pytest.fixture
def world() -> Iterator[World]:
    ids = {one.name: ParticipantId(bytes([place]) * 32) for place, one in enumerate(CAST, start=1)}
    folder = Path(tempfile.mkdtemp(prefix="salus-world-"))  # pytest's own folders can't be reached by its account
    folder.chmod(0o755)
    try:
        yield World(folder, Ports(free_ports(60)), ids, database=Database.POSTGRES)
    finally:
        Supervisor(folder).stop()
        shutil.rmtree(folder, ignore_errors=True)


def told(world: World, part: str, name: str) -> list[int]:
    """What a part's database holds of what it was told to keep."""
    engine = sa.create_engine(world.database_url(part, name), poolclass=sa.NullPool)
    with engine.begin() as connection:
        return list(connection.execute(sa.text("SELECT n FROM kept ORDER BY n")).scalars())


def test_server__killed__is_started_again_with_every_database_and_all_that_was_committed(world: World) -> None:
    prepare_databases(world.folder, world.ports, world.database)
    supervisor, [part] = Supervisor(world.folder), database_parts(world.folder, world.ports, world.database)
    supervisor.start([part])
    engine = sa.create_engine(world.database_url("checkup-oracle", "oracle"))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE kept (n int)"))
        connection.execute(sa.text("INSERT INTO kept VALUES (1)"))
    acknowledged = [1]
    os.kill(supervisor.running()[SERVER], signal.SIGKILL)
    with suppress(sa.exc.DBAPIError):  # a session that runs may come to its end
        with engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO kept VALUES (2)"))
        acknowledged.append(2)
    engine.dispose()
    keeper, until = Keeper(supervisor, [part], time.monotonic), time.monotonic() + 60
    while not (SERVER in supervisor.running() and part.ready()):
        keeper.look()
        assert time.monotonic() < until, "it is not started again"
        time.sleep(0.1)
    keeper.look()
    assert set(acknowledged) <= set(told(world, "checkup-oracle", "oracle")) <= {1, 2}
    with server_of(world.folder, world.ports).session() as session:
        found = {row[0] for row in session.execute("SELECT datname FROM pg_database")}
    parts = [*CUSTODIANS, "watch", *(f"{n}-oracle" for n in WITH_ORACLE), *(f"{n}-api" for n in WITH_API)]
    assert {part.replace("-", "_") for part in parts} <= found
    assert supervisor.stop() == [SERVER]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(world.index_url.replace("+psycopg", "", 1), connect_timeout=5)


@pytest.mark.parametrize("lost", ["all", "the exchange was cut off"])
def test_restore__data_of_the_server_is_lost__is_brought_back_and_no_empty_one_is_begun(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    home = world.folder / "home"
    world = replace(world, folder=home / "up")
    world.folder.mkdir(parents=True)
    world.save()
    monkeypatch.setenv("SALUS_HOME", str(home))
    prepare_databases(world.folder, world.ports, world.database)
    supervisor, parts = Supervisor(world.folder), database_parts(world.folder, world.ports, world.database)
    supervisor.start(parts)
    backups, data = home / "backups", world.folder / SERVER / "data"
    try:
        engine = open_engine(world.database_url("custodian-1", "custodian"))
        migrate(engine, "custodian")
        engine.dispose()
        url = server_of(world.folder, world.ports).url()
        back_up_cluster(url, "custodian", backups, datetime.now(UTC), postgres_programs())
        supervisor.stop()
        if lost == "all":
            shutil.rmtree(data)
        else:
            data.rename(data.with_name("data.before-1"))
            with pytest.raises(SetupError, match="a restore was cut off"):
                prepare_databases(world.folder, world.ports, world.database)
        service_parts(world)  # as `salus status` asks for them
        assert not data.exists()
        restore_("custodian-1", backups, whole_server=True)
        supervisor.start(parts)
        with server_of(world.folder, world.ports).session("custodian_1") as session:
            assert session.execute("SELECT count(*) FROM custody_log").fetchone() == (0,)
    finally:
        supervisor.stop()
