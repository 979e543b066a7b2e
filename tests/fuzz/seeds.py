"""Where each law begins: whole messages, frames, bodies and files, and how one is changed into another."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from oracle.intake.mllp import frame
from tests.fuzz.messages import GB18030, MESSAGES
from tests.fuzz.mutation import mutated

_JSON = (
    b'{"code":"ABCD-EFGH","controller":"0x00000000000000000000000000000000000000aa","deadline":1790000000}',
    b'{"a":[1,2.50,-0.0,1e5,true,null,"\\ud83d\\ude00"],"b":{"c":{}}}',
    b"[[[[[[[[]]]]]]]]",
    '{"名":"王","\uffff":"x","a":"\\u0000"}'.encode(),
)
_TOML = (
    b'name = "lis"\nauthority = "HB"\ncharset = "GB18030"\nzone = "Asia/Shanghai"\nlevel = 3\n[mllp]\nport = 2576\n',
    (
        b'name = "his"\n[messages]\naccept = ["ADT^A01", "ORU"]\nrequire_segments = ["PID"]\n[rate]\n'
        b'messages_per_second = 0.5\n[identifiers]\nsystems = { HB = "urn:oid:1.2.3" }\n'
        b'[[identifiers.patient]]\ntype = "MR"\n[mllp]\nport = 0\nhost = "127.0.0.1"\n'
    ),
)
_MESSAGES = MESSAGES + GB18030
_BATCH = (
    b"\r".join(
        (
            b"FHS|^~\\&|LIS|HB|SALUS|HB|20260105||||F1",
            b"BHS|^~\\&|LIS|HB",
            MESSAGES[4] + MESSAGES[5] + b"BTS|2",
            b"FTS|1",
        )
    ),
    b"BHS|^~\\&|LIS|HB\n" + MESSAGES[0].replace(b"\r", b"\r\n") + b"BTS|9\r\n",
    b"".join(GB18030),
)


def seeds(law: str) -> tuple[bytes, ...]:
    """What to begin with."""
    if law == "json":
        return _JSON
    if law == "toml":
        return _TOML
    if law == "batch":
        return _BATCH
    return tuple(frame(one) for one in _MESSAGES) if law == "mllp" else _MESSAGES


def mutate(law: str, data: bytes, random: Random, most: int) -> bytes:
    """Some changes to what a law was given."""
    return _MUTATE.get(law, mutated)(data, random, most)


def _frames(data: bytes, random: Random, most: int) -> bytes:
    act = random.randrange(6)
    at = random.randrange(len(data) + 1)
    if act == 0:
        return (data + frame(mutated(random.choice(_MESSAGES), random)))[:most]
    if act == 1:
        return (data[:at] + random.choice((b"\x0b", b"\x1c", b"\x1c\r", b"\r", b"\x0b\x0b", b"\x1c\x0b")) + data[at:])[
            :most
        ]
    if act == 2:
        return data[:at]
    if act == 3:
        return (data[:at] + b"A" * random.choice((10, 4094, 4096, 4097, 9000)) + data[at:])[:most]
    return mutated(data, random, most)


def _text(data: bytes, random: Random, most: int) -> bytes:
    at, until = sorted(random.randrange(len(data) + 1) for _ in range(2))
    signs = (
        b'"',
        b"[",
        b"]",
        b"{",
        b"}",
        b"=",
        b"\n",
        b"9" * 30,
        b"0.1",
        b"\\u0000",
        b"\xff",
        b"-",
        b'"""',
        b"#",
        b"1e9",
    )
    return (data[:at] + random.choice(signs) + data[random.choice((at, at, until)) :])[:most]


_MUTATE: dict[str, Callable[[bytes, Random, int], bytes]] = {"mllp": _frames, "json": _text, "toml": _text}
