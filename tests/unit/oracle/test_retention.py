"""How long bytes of messages are kept, source by source."""

import asyncio
from pathlib import Path

from oracle.intake.ports import Peer
from oracle.intake.receive import receive
from tests.unit.oracle.oracle_world import PROFILE, Oracle, Outside, report


def take(oracle: Oracle, listener: str, raw: bytes) -> None:
    async def taking() -> None:
        future = oracle.journal.append(receive(raw), Peer("mllp", "", listener))
        oracle.journal.commit_group()
        await future

    asyncio.run(taking())


def test_purge__of_a_source_and_of_all_but__erase_only_theirs(tmp_path: Path) -> None:
    sources = dict.fromkeys(("his", "lis", "gone"), PROFILE)
    oracle = Oracle(tmp_path / "oracle.db", Outside(), sources=sources)
    for number, name in enumerate(("his", "lis", "gone")):
        take(oracle, name, report(str(number), f"L{number}", patient=f"P{number}"))
    oracle.pipeline.settle()

    def kept() -> list[str]:
        query = "SELECT listener FROM oracle_raw JOIN oracle_message ON key = message ORDER BY key"
        with oracle.database.reading() as connection:
            return list(connection.exec_driver_sql(query).scalars())

    late = oracle.outside.clock.now() + 10
    assert oracle.purge(late, of="lis") == 1
    assert kept() == ["his", "gone"]
    assert oracle.purge(late, but=["his", "lis"]) == 1
    assert kept() == ["his"]
    assert oracle.purge(0) == 0
    assert oracle.purge(late) == 1
