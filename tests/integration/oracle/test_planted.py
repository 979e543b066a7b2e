"""Nothing of a message's content where it doesn't belong: words are planted in every field of messages of every type.

Good ones, refused, malformed, undecodable and too large ones, over MLLP and HTTP, into a running oracle with asyncio's
debugging on; then logs, metrics, lists, databases, content and other senders' replies are searched for them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.mllp_client import outcome_of
from cli.world.cast import CAST, Name, Ports
from cli.world.layout import World
from cli.world.services import oracle_settings
from devnet.supervisor import Part, Supervisor
from oracle import runtime
from salus.core.ids import ParticipantId
from tests.fuzz.messages import MESSAGES
from tests.integration.oracle.stack import Stack, prepare
from tests.integration.services import ROOT
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import report

WORD = "Qzplant"
HANZI = "椝枏"  # rare together
MARKS = (
    *(text.encode(codec) for text in (WORD, WORD.upper(), WORD.lower(), HANZI) for codec in ("utf-8", "utf-16-le")),
    HANZI.encode("gb18030"),
    json.dumps(HANZI).strip('"').encode(),
    *(repr(HANZI.encode(codec))[2:-1].encode() for codec in ("utf-8", "gb18030")),
)


def planted(raw: bytes, number: int) -> bytes:
    """A message with a word of its own in every field that was empty, and beside what names, numbers and texts say."""
    lines = []
    for line in raw.decode().rstrip("\r").split("\r"):
        name, *fields = line.split("|")
        if name == "MSH":
            header = [*fields[:8], f"{WORD}{number}C", *fields[9:]]
            header[1] = f"{WORD}{number}A"  # MSH-3 is sent back, to its own sender
            lines.append("|".join((name, *header)))
            continue
        full = fields + [""] * (36 - len(fields))
        lines.append(
            "|".join((name, *(one or f"{WORD}{number}{name}{place}{HANZI}" for place, one in enumerate(full))))
        )
        if name == "PID":
            lines[-1] = (
                lines[-1].replace("王^小明", f"{HANZI}^{WORD}{number}").replace("P1^^^HB^MR", f"{WORD}{number}^^^HB^MR")
            )
    return ("\r".join(lines) + "\r").encode()


GOOD = [planted(raw, number) for number, raw in enumerate(MESSAGES)]
PLAIN = [  # those of which records are made whatever stands in them
    raw.replace(b"|P1^^^HB^MR|", f"|{WORD}{place}^^^HB^MR|".encode())
    for place, raw in enumerate(report(f"{WORD}-{n}", f"{WORD}L{n}", item=f"{WORD}^{HANZI}^LN") for n in range(3))
]
_HEAD = f"MSH|^~\\&|{WORD}|{HANZI}|SALUS|HB|20260105090000|{WORD}|"
BAD = [
    f"{_HEAD}ADT^A01|{WORD}1|P|2.5.1||||||UNICODE UTF-8\rPID|1||||{HANZI}^{WORD}\r".encode(),
    f"{_HEAD}{WORD}^{WORD}|{WORD}2|P|2.5.1\rPID|1||{WORD}\r".encode(),
    f"{_HEAD}QZP^LAN|{WORD}3|P|2.5.1\rQZP|{WORD}\r".encode(),
    f"{_HEAD}ORU^R01||P|2.5.1\rPID|1||{WORD}\r".encode(),
    f"{_HEAD}ORU^R01|{WORD}4|{WORD}|{WORD}|||||||{WORD}\rPID|1||{WORD}\r".encode(),
    f"{_HEAD}ORU^R01|{WORD}5|P|2.5.1\rPID|1||{WORD}\rOBX|1|NM|{WORD}||{WORD}\r".encode(),
    f"{_HEAD}ORU^R01|{WORD}6|P|2.5.1||||||{WORD}\rPID|1||{WORD}^{HANZI}\rNTE|1||".encode() + b"\xff\xfe\xfd\r",
    f"{WORD} {HANZI}, not HL7 at all".encode(),
    f"MSH{WORD}{HANZI}".encode(),
    f"{_HEAD}ADT^A40|{WORD}7|P|2.5.1\rPID|1||{WORD}^^^{WORD}\rMRG|{WORD}^^^{HANZI}\r".encode(),
    f"FHS|^~\\&|{WORD}\rBHS|^~\\&|{HANZI}\r".encode(),
    f"{_HEAD}ORU^R01|{WORD}8|P|2.5.1\r".encode() + b"".join(f"Z{WORD}|{HANZI}\r".encode() for _ in range(20_100)),
    f"{_HEAD}ORU^R01|{WORD}9|P|2.5.1\rPID|1||{'~'.join([WORD] * 10_001)}\rOBR|1\r".encode(),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SALUS_HOME of the command line."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def stack(chain: ChainWorld, home: Path) -> Iterator[Stack]:
    """The oracle's journal lies where the command line looks for hospital B's."""
    world = World(home / "up", Ports(), {member.name: ParticipantId(bytes(32)) for member in CAST})
    told = oracle_settings(world, Name.HOSPITAL_B)
    world.save()
    Path(told["SITE_KEY_FILE"]).parent.mkdir()
    Path(told["SITE_KEY_FILE"]).write_text("5a" * 32)
    kept = {name: told[name] for name in ("DATABASE_URL", "SITE_KEY_FILE")}
    os.environ["PYTHONASYNCIODEBUG"] = "1"
    stack, up = prepare(chain, home / "services", **kept), Supervisor(world.folder)
    try:
        up.start([Part("anything", ("sleep", "600"), {}, (), lambda: True)])  # the world of `salus up` runs
        stack.start()
        yield stack
    finally:
        del os.environ["PYTHONASYNCIODEBUG"]
        up.stop()
        stack.close()


def found_in(data: bytes) -> list[bytes]:
    return [mark for mark in MARKS if mark in data]


def test_planted_words__every_field_of_every_type__stand_nowhere_in_clear(stack: Stack, home: Path) -> None:
    assert all(found_in(raw) for raw in (*GOOD, *PLAIN, *BAD))
    sender, other = stack.sender, stack.sender
    answered: list[tuple[str, bytes]] = []
    for raw in (*GOOD, *PLAIN, *BAD):
        answered.append(outcome_of(sender.once(raw)))
        reply = other.once(report(f"other-{len(answered)}", "other", patient="other"))
        assert outcome_of(reply) == ("AA", f"other-{len(answered)}".encode())
        assert not found_in(reply)
    for raw in (*GOOD, *BAD):
        stack.oracle.ask("POST", "/v1/messages", raw.replace(b"C|P|2.5", b"H|P|2.5"))
    _oversized(int(stack.oracle.settings["MLLP_PORT"]))
    for body in (f'{{"code":"{WORD}","controller":"{HANZI}"}}', f'{{"{WORD}":', f'["{HANZI}"]'):
        for path in ("/v1/claims", "/v1/claims/prepare", f"/v1/proofs/{WORD}", f"/{WORD}"):
            _, said = stack.oracle.ask("POST", path, body.encode())
            assert not found_in(said)
    _, said = stack.oracle.ask("GET", f"/v1/content/{WORD}", headers={"authorization": f"Bearer {WORD}"})
    assert not found_in(said)
    codes = {code for code, _ in answered}
    assert {"AA", "AE", "AR"} <= codes
    stack.await_idle()
    with runtime.opened_journal(stack.journal) as kept:
        assert len(kept.messages.quarantine()) >= 10
    for words in (("--json", "oracle", "quarantine"), ("oracle", "quarantine")):
        command = [sys.executable, "-m", "cli", *words, "hospital-b"]
        environ = dict(os.environ) | {"SALUS_HOME": str(home)}
        listed = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True)
        assert listed.stdout.count(b"PID-3") >= 2
        assert not found_in(listed.stdout + listed.stderr)
    for path in ("/metrics", "/ready", "/health"):
        status, said = stack.oracle.ask("GET", path)
        assert status == 200
        assert not found_in(said), path
    records = len({one.record_id for one in stack.anchored()})
    assert records > len(MESSAGES)  # most were read, sealed, stored and anchored, and the rest waits
    stack.oracle.stop()
    searched = 0
    for file in sorted(home.rglob("*")):
        if file.is_file():
            searched += 1
            assert not found_in(file.read_bytes()), file.name
            assert not found_in(str(file.name).encode())
    assert searched > 20
    assert stack.oracle.log().count('"event"') > 3


def _oversized(port: int) -> None:
    """17 MB of one message, which never ends well: its head alone is read, and answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"\x0b" + BAD[0] + (WORD + HANZI).encode() * 1_700_000)
        reply = client.recv(65536)
        client.sendall(b"\x1c\r")
    code, control = outcome_of(reply.strip(b"\x0b\x1c\r"))
    assert (code, control) == ("AR", f"{WORD}1".encode())
