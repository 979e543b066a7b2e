"""The power of a database server goes at the instant of an acknowledgement."""

from __future__ import annotations

import asyncio
import os

import pytest

from devnet.anvil import free_port
from devnet.postgres import Postgres, PostgresSettings
from oracle.intake.ports import Peer
from oracle.intake.receive import receive
from oracle.journal import Journal, open_raw
from oracle.sitekey import RAW, SiteKey
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_messages import DatabaseMessages
from salus.adapters.memory import FixedClock, MemoryPeriodKeys, SeededRandomness
from tests.integration.stores.disk import Disk
from tests.unit.oracle.oracle_world import report

ACKNOWLEDGED = 200


@pytest.mark.parametrize("at_once", [1, 16])
def test_postgresql__power_cut_after_acknowledgements__every_message_opens_again(disk: Disk, at_once: int) -> None:
    settings = PostgresSettings(disk.path / "postgres", free_port())
    server = Postgres(settings)
    server.start()
    site = SiteKey(bytes(32), SeededRandomness("power"), {RAW: MemoryPeriodKeys()})
    raws = [report(f"G{n}", f"G-L{n}") for n in range(ACKNOWLEDGED)]
    try:
        engine = open_engine(server.create("journal"))
        migrate(engine, "oracle")
        os.sync()  # what is set up once, months before
        asyncio.run(acknowledged(Journal(DatabaseMessages(OracleDatabase(engine)), site, FixedClock()), raws, at_once))
        left = disk.cut()
        engine.dispose()
    finally:
        server.kill()
    again = Postgres(PostgresSettings(left / "postgres", settings.port))
    again.start()
    try:
        engine = open_engine(again.url("journal"))
        kept = DatabaseMessages(OracleDatabase(engine)).pending(2 * ACKNOWLEDGED)
        assert [open_raw(site, one) for one in kept] == raws
        engine.dispose()
    finally:
        again.stop()


async def acknowledged(journal: Journal, raws: list[bytes], at_once: int) -> None:
    """Append messages, so many at once; all are durable when it returns."""
    journal.start()
    for place in range(0, len(raws), at_once):
        some = raws[place : place + at_once]
        await asyncio.gather(*(journal.append(receive(raw), Peer("mllp", "", "lis")) for raw in some))
