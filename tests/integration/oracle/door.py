"""An oracle's intake alone, as a process: `python door.py FOLDER`. It prints its ports: MLLP, MLLP with TLS, HTTP."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from oracle.intake.doors import Doors
from oracle.intake.http import answer
from oracle.intake.ports import Peer
from oracle.intake.reception import Reception
from oracle.intake.throttle import Throttles
from oracle.journal import Journal
from oracle.sitekey import RAW, SiteKey
from oracle.sources import LiveSources, MllpDoor, ServerTls, Source
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_messages import DatabaseMessages
from salus.adapters.http_server import HttpCounters, HttpLimits, config_of
from salus.adapters.memory import FixedClock, MemoryPeriodKeys, SeededRandomness


async def serve(folder: Path) -> None:
    """Serve until killed."""
    engine = open_engine(f"sqlite:///{folder / 'oracle.db'}")
    migrate(engine, "oracle")
    site = SiteKey(bytes(32), SeededRandomness("door"), {RAW: MemoryPeriodKeys()})
    journal = Journal(DatabaseMessages(OracleDatabase(engine)), site, FixedClock())
    journal.start()
    numbers = count()
    reception = Reception(journal, now=lambda: datetime.now(UTC), next_control_id=lambda: str(next(numbers)))
    tls = ServerTls(folder / "server.pem", folder / "server.key", folder / "test-CA.pem")
    sources = LiveSources(
        [
            Source("lis", "H", "HB", mllp=MllpDoor(0)),
            Source("his", "H", "HB", mllp=MllpDoor(0, tls=tls, names=frozenset({"client"}))),
        ]
    )
    doors = Doors(reception, sources, Throttles(sources, time.monotonic))
    (await doors.open(sources.all()))()
    http = HttpCounters()

    async def messages(request: Request) -> Response:
        try:
            posted = await answer(await request.body(), Peer("http", "", "lis"), reception)
        except ClientDisconnect:
            return Response(status_code=400)
        return Response(posted.reply, posted.status)

    async def counters(_: Request) -> Response:
        found = asdict(doors.counters) | {f"http_{name}": value for name, value in asdict(http).items()}
        return Response("\n".join(f"{name}={value}" for name, value in found.items()))

    app = Starlette(
        routes=[Route("/v1/messages", messages, methods=["POST"]), Route("/counters", counters, methods=["GET"])]
    )
    server = uvicorn.Server(config_of(app, "127.0.0.1", 0, HttpLimits(), http, lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    sys.stdout.write(f"{doors.port_of('lis')} {doors.port_of('his')} {port}\n")
    sys.stdout.flush()
    await running


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
