"""Listeners of many sources over real sockets: TLS with client certificates, and settings exchanged under traffic."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from devnet.anvil import free_port
from oracle.intake.doors import Doors
from oracle.intake.receive import SUPPORTED_EVENTS
from oracle.intake.reception import Reception
from oracle.intake.throttle import Throttles
from oracle.journal import Journal
from oracle.model import RawMessage
from oracle.normalise import SourceProfile
from oracle.reading import UNKNOWN_SOURCE, InlineReader, ProcessReader
from oracle.reload import Reload
from oracle.sitekey import RAW, SiteKey
from oracle.sources import Institution, LiveSources, Source, SourceFolder
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_messages import DatabaseMessages
from salus.adapters.memory import FixedClock, MemoryPeriodKeys, SeededRandomness
from salus.core.errors import SetupError
from tests.unit.oracle.oracle_world import SITE_SECRET, report
from tests.unit.oracle.sources.certificates import Authority, Pair

HERE = Institution("Hospital B", "HB")


class Intake:
    """Journal, reception and listeners of a folder of sources; what each source's messages came to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = open_engine(f"sqlite:///{folder / 'oracle.db'}")
        migrate(self.engine, "oracle")
        site = SiteKey(SITE_SECRET, SeededRandomness("sources"), {RAW: MemoryPeriodKeys()})
        self.journal = Journal(DatabaseMessages(OracleDatabase(self.engine)), site, FixedClock())
        files = SourceFolder(folder, HERE, SUPPORTED_EVENTS)
        self.sources = LiveSources(files.read())
        numbers = count(1)
        reception = Reception(
            self.journal,
            now=lambda: datetime.now(UTC),
            next_control_id=lambda: f"R{next(numbers)}",
            source_of=lambda peer: self.sources.get(peer.listener),
        )
        loop = asyncio.get_running_loop()
        self.doors = Doors(reception, self.sources, Throttles(self.sources, loop.time))
        self.prepared: list[list[str]] = []
        self.reload = Reload(files, self.sources, self.doors, self._prepare, poll=0.05)

    def _prepare(self, sources: object) -> None:
        assert isinstance(sources, tuple)
        self.prepared.append([source.name for source in sources if isinstance(source, Source)])

    def kept(self) -> Counter[str]:
        """Messages in the journal by source."""
        with self.engine.connect() as connection:
            return Counter(connection.exec_driver_sql("SELECT listener FROM oracle_message").scalars())


@asynccontextmanager
async def intake(folder: Path) -> AsyncIterator[Intake]:
    made = Intake(folder)
    made.journal.start()
    (await made.doors.open(made.sources.all()))()
    try:
        yield made
    finally:
        await made.doors.close()
        await asyncio.to_thread(made.journal.stop)
        made.engine.dispose()


class Client:
    """One MLLP connection, a message at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, tls: ssl.SSLContext | None = None) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=None))

    async def send(self, raw: bytes) -> str:
        """MSA-1 of the reply."""
        self._writer.write(b"\x0b" + raw + b"\x1c\r")
        reply = await asyncio.wait_for(self._reader.readuntil(b"\x1c\r"), 10)
        return reply.split(b"MSA|")[1][:2].decode()

    async def ended(self) -> bool:
        """Whether the other side has hung up."""
        return await asyncio.wait_for(self._reader.read(1), 10) == b""

    def close(self) -> None:
        self._writer.close()


def run(case: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await case()

    asyncio.run(main())


def write(folder: Path, name: str, text: str) -> None:
    """Put a file in its place at once, as an editor does."""
    (folder / f"{name}.new").write_text(text, encoding="utf-8")
    (folder / f"{name}.new").rename(folder / f"{name}.toml")


def plain(name: str, port: int, more: str = "") -> str:
    return f'name = "{name}"\n{more}\n[mllp]\nport = {port}\n'


def shared(name: str, port: int, client: str) -> str:
    return (
        f'name = "{name}"\n[mllp]\nport = {port}\n{client}\n[mllp.tls]\ncertificate = "server.pem"\n'
        'key = "server.key"\nclient_ca = "test-CA.pem"\n'
    )


def context(folder: Path, own: Pair | None = None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A sender's TLS."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(folder / "test-CA.pem")
    if own is not None:
        made.load_cert_chain(own.certificate, own.key)
    if version is not None:
        made.minimum_version = made.maximum_version = version
    return made


async def refused(port: int, tls: ssl.SSLContext | None) -> bool:
    """Whether a connection gets no message in: no handshake, or an end without a reply."""
    try:
        client = await Client.connect(port, tls)
        await client.send(report("refused", "refused"))
    except (OSError, asyncio.IncompleteReadError):
        return True
    return False


async def until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.025)
    raise AssertionError("not in time")


@pytest.fixture
def door() -> int:
    """A free port."""
    return free_port()


@pytest.fixture
def pairs(tmp_path: Path) -> dict[str, Pair]:
    """Certificates of the server and of senders, all of one CA, and one of another."""
    authority = Authority(tmp_path)
    made = {name: authority.issue(name) for name in ("server", "his", "lis", "stranger")}
    return made | {"foreign": Authority(tmp_path, "other CA").issue("foreign-his")}


def test_tls__accepted_certificates__name_their_sources_on_one_port(
    tmp_path: Path, pairs: dict[str, Pair], door: int
) -> None:
    async def case() -> None:
        write(tmp_path, "his", shared("his", door, 'client_names = ["his"]'))
        pinned = f'client_fingerprints = ["{pairs["lis"].fingerprint}"]'
        write(tmp_path, "lis", shared("lis", door, pinned))
        async with intake(tmp_path) as made:
            for number, name in enumerate(("his", "lis", "lis")):
                client = await Client.connect(door, context(tmp_path, pairs[name]))
                assert await client.send(report(f"{number}", f"L{number}")) == "AA"
                client.close()
            assert made.kept() == {"his": 1, "lis": 2}

    run(case)


def test_tls__certificate_that_is_nobodys__gets_no_message_in(
    tmp_path: Path, pairs: dict[str, Pair], door: int
) -> None:
    async def case() -> None:
        write(tmp_path, "his", shared("his", door, 'client_names = ["his"]'))
        async with intake(tmp_path) as made:
            for tls in (
                None,
                context(tmp_path),
                context(tmp_path, pairs["stranger"]),
                context(tmp_path, pairs["foreign"]),
                context(tmp_path, pairs["his"], ssl.TLSVersion.TLSv1_1),
            ):
                assert await refused(door, tls)
            assert made.kept() == {}
            assert made.doors.counters.unknown_certificates == 1  # the others don't get past the handshake
            client = await Client.connect(door, context(tmp_path, pairs["his"], ssl.TLSVersion.TLSv1_2))
            assert await client.send(report("1")) == "AA"

    run(case)


def test_tls__certificate_withdrawn_and_server_certificate_exchanged__open_connections_follow(
    tmp_path: Path, pairs: dict[str, Pair], door: int
) -> None:
    async def case() -> None:
        write(tmp_path, "his", shared("his", door, 'client_names = ["his", "lis"]'))
        async with intake(tmp_path) as made:
            stays = await Client.connect(door, context(tmp_path, pairs["his"]))
            goes = await Client.connect(door, context(tmp_path, pairs["lis"]))
            assert await stays.send(report("1", "L1")) == await goes.send(report("2", "L2")) == "AA"
            pairs["stranger"].certificate.rename(tmp_path / "server.pem")
            pairs["stranger"].key.rename(tmp_path / "server.key")
            write(tmp_path, "his", shared("his", door, 'client_names = ["his"]'))
            assert await made.reload.look()
            assert await goes.ended()
            assert await stays.send(report("3", "L3")) == "AA"
            await asyncio.sleep(0.1)
            fresh = await Client.connect(door, context(tmp_path, pairs["his"]))
            shown = fresh._writer.get_extra_info("ssl_object").getpeercert()["subject"]
            assert shown == ((("commonName", "stranger"),),)
            assert await fresh.send(report("4", "L4")) == "AA"

    run(case)


def test_reload__under_traffic__loses_and_doubles_nothing_and_drops_no_connection(tmp_path: Path) -> None:
    first, second = free_port(), free_port()

    async def case() -> None:
        write(tmp_path, "his", plain("his", first))
        async with intake(tmp_path) as made:
            watching = asyncio.create_task(made.reload.watch())
            codes: Counter[str] = Counter()
            stop = asyncio.Event()

            async def pump(place: int) -> None:
                client = await Client.connect(first)
                number = 0
                while not stop.is_set():
                    number += 1
                    codes[await client.send(report(f"{place}.{number}", f"L{place}.{number}"))] += 1
                client.close()

            pumps = [asyncio.create_task(pump(place)) for place in range(8)]
            for turn in range(6):
                await asyncio.sleep(0.1)
                write(tmp_path, "his", plain("his", first, f"retain_days = {turn + 1}"))
                if turn == 2:
                    write(tmp_path, "lis", plain("lis", second))
                await until(lambda turn=turn: made.sources.get("his").retain_days == turn + 1)  # type: ignore[union-attr,misc]
            await until(lambda: made.sources.get("lis") is not None)
            client = await Client.connect(second)
            assert await client.send(report("other", "other")) == "AA"
            stop.set()
            await asyncio.gather(*pumps)
            watching.cancel()
            assert set(codes) == {"AA"}
            assert codes["AA"] > 50
            assert made.kept() == {"his": codes["AA"], "lis": 1}
            assert ["his", "lis"] in made.prepared

    run(case)


def test_reload__new_rule__holds_for_the_next_message_of_an_open_connection(tmp_path: Path, door: int) -> None:
    async def case() -> None:
        write(tmp_path, "his", plain("his", door))
        async with intake(tmp_path) as made:
            client = await Client.connect(door)
            assert await client.send(report("1", "L1")) == "AA"
            rule = '\n[messages]\naccept = ["ADT"]\n'
            write(tmp_path, "his", plain("his", door) + rule)
            assert await made.reload.look()
            assert await client.send(report("2", "L2")) == "AR"
            write(tmp_path, "his", plain("his", door, "max_message_bytes = 1024"))
            assert await made.reload.look()
            assert await client.send(report("3", "L3") + b"NTE|1||" + b"x" * 1024) == "AR"
            assert await client.send(report("4", "L4")) == "AA"

    run(case)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name = 7\n", "his.toml: name: must be a text"),
        ('name = "his"\n[mllp]\nport = {taken}\n', "his: mllp.port: {taken} is taken"),
    ],
)
def test_reload__wrong_file__keeps_what_is_in_force_and_says_which_key(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    reason: str,
) -> None:
    port, taken = free_port(), free_port()

    async def case() -> None:
        write(tmp_path, "his", plain("his", port))
        other = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", taken)
        async with intake(tmp_path) as made:
            client = await Client.connect(port)
            write(tmp_path, "his", text.format(taken=taken))
            assert not await made.reload.look()
            assert reason.format(taken=taken) in "".join(capsys.readouterr())
            assert any(line.startswith(reason.format(taken=taken)) for line in made.sources.rejected)
            assert await client.send(report("1", "L1")) == "AA"
            assert await (await Client.connect(port)).send(report("2", "L2")) == "AA"
            write(tmp_path, "his", plain("his", port, "level = 5"))
            assert await made.reload.look()
            assert made.sources.rejected == ()
        other.close()

    run(case)


def test_reload__plain_port_becomes_tls_and_plain_again__stays_open(
    tmp_path: Path, pairs: dict[str, Pair], door: int
) -> None:
    async def case() -> None:
        write(tmp_path, "his", plain("his", door))
        async with intake(tmp_path) as made:
            old = await Client.connect(door)
            assert await old.send(report("1", "L1")) == "AA"
            write(tmp_path, "his", shared("his", door, 'client_names = ["his"]'))
            assert await made.reload.look()
            assert await old.ended()
            client = await Client.connect(door, context(tmp_path, pairs["his"]))
            assert await client.send(report("2", "L2")) == "AA"
            assert await refused(door, None)
            write(tmp_path, "his", plain("his", door))
            assert await made.reload.look()
            assert await client.ended()
            assert await (await Client.connect(door)).send(report("3", "L3")) == "AA"
            assert made.kept() == {"his": 3}

    run(case)


def test_reading__profiles_exchanged__processes_read_by_the_new_ones(tmp_path: Path) -> None:
    raw = RawMessage("his", report("1"))
    reader = ProcessReader({"his": SourceProfile("Hospital B", "HB")}, 1)
    try:
        ((before,),) = reader.read([[raw]])
        reader.exchange({"his": SourceProfile("Hospital B", "HB", level=5)})
        ((after,),) = reader.read([[raw]])
        reader.exchange({})
        ((gone,),) = reader.read([[raw]])
    finally:
        reader.close()
    assert [one.drafts[0].labels.level for one in (before, after)] == [4, 5]
    assert gone.fault == UNKNOWN_SOURCE


def test_reload__removed_source__stops_listening_and_sends_the_replies_it_owes(tmp_path: Path) -> None:
    first, second = free_port(), free_port()

    async def case() -> None:
        write(tmp_path, "his", plain("his", first))
        write(tmp_path, "lis", plain("lis", second))
        async with intake(tmp_path) as made:
            client = await Client.connect(second)
            assert await client.send(report("1", "L1")) == "AA"
            (tmp_path / "lis.toml").unlink()
            assert await made.reload.look()
            assert await client.ended()
            assert await refused(second, None)
            assert await (await Client.connect(first)).send(report("2", "L2")) == "AA"

    run(case)


def test_rate__faster_sender__is_slowed_and_never_refused(tmp_path: Path, door: int) -> None:
    async def case() -> None:
        write(tmp_path, "his", plain("his", door) + "\n[rate]\nmessages_per_second = 40\nburst = 5\n")
        async with intake(tmp_path) as made:
            loop = asyncio.get_running_loop()
            began = loop.time()
            clients = [await Client.connect(door) for _ in range(2)]
            for number in range(12):
                for place, client in enumerate(clients):
                    assert await client.send(report(f"{place}.{number}", f"L{place}.{number}")) == "AA"
            assert loop.time() - began > 0.3  # 24 messages less the burst at 40 a second; the law, not a speed
            assert made.doors.counters.throttled > 0
            assert made.kept() == {"his": 24}

    run(case)


def test_size__document_of_fifty_megabytes__is_taken_where_the_source_may_send_it(tmp_path: Path, door: int) -> None:
    async def case() -> None:
        write(tmp_path, "his", plain("his", door, "max_message_bytes = 75_000_000"))
        write(tmp_path, "lis", plain("lis", other))
        document = base64.b64encode(bytes(50 * 1024 * 1024))
        raw = report("big", "L1") + b"OBX|2|ED|18842-5^x^LN||^application^pdf^Base64^" + document + b"||||||F\r"
        async with intake(tmp_path) as made:
            client = await Client.connect(door)
            assert await client.send(raw) == "AA"
            assert await client.send(report("small", "L2")) == "AA"
            client = await Client.connect(other)
            assert await client.send(raw) == "AR"
            assert await client.send(report("small", "L3")) == "AA"
            assert made.kept() == {"his": 2, "lis": 1}
            with made.engine.connect() as connection:
                largest = connection.exec_driver_sql("SELECT max(length(sealed)) FROM oracle_raw").scalar_one()
            assert largest > len(raw)

    other = free_port()
    run(case)


def test_open__port_taken_at_start__is_a_setup_error(tmp_path: Path, door: int) -> None:
    async def case() -> None:
        write(tmp_path, "his", plain("his", door))
        other = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", door)
        with pytest.raises(SetupError, match=f"his: mllp.port: {door} is taken"):
            async with intake(tmp_path):
                pass
        other.close()

    run(case)


def test_reading__of_many_runs__fetches_a_few_ahead_and_gives_them_in_order(tmp_path: Path) -> None:
    fetched: list[int] = []

    def runs() -> Iterator[list[RawMessage]]:
        for number in range(20):
            fetched.append(number)
            yield [RawMessage("his", report(str(number)))]

    reader = ProcessReader({"his": SourceProfile("Hospital B", "HB")}, 2)
    try:
        read = reader.read(runs())
        results = [next(read)]
        ahead = len(fetched)
        results += read
    finally:
        reader.close()
    assert ahead == 4  # of 20: what is read ahead of need is held in memory
    ((expected,),) = InlineReader({"his": SourceProfile("Hospital B", "HB")}).read([[RawMessage("his", report("7"))]])
    assert len(results) == 20
    assert results[7] == [expected]
