import asyncio
from collections.abc import Callable

import pytest

from oracle.intake.gate import Gate
from oracle.intake.mllp import MllpProtocol, MllpServer, frame
from tests.unit.oracle.intake.test_mllp import HeldSink, MemoryTransport


def ran(act: Callable[[Gate, MllpServer, HeldSink], None]) -> None:
    async def running() -> None:
        gate, sink = Gate(), HeldSink()
        act(gate, MllpServer(sink, gate=gate), sink)

    asyncio.run(running())


def connected(server: MllpServer) -> tuple[MllpProtocol, MemoryTransport]:
    protocol, transport = MllpProtocol(server), MemoryTransport()
    protocol.connection_made(transport)
    return protocol, transport


def test_gate__shut_and_opened__stops_and_goes_on_reading() -> None:
    def act(gate: Gate, server: MllpServer, _: HeldSink) -> None:
        protocol, transport = connected(server)
        for shut in (True, False):
            gate.turn(shut=shut)
            protocol.gate_turned()
            assert transport.reading is not shut

    ran(act)


def test_gate__new_connection_while_shut__is_kept_and_not_read() -> None:
    def act(gate: Gate, server: MllpServer, _: HeldSink) -> None:
        gate.turn(shut=True)
        protocol, transport = connected(server)
        assert not transport.reading
        assert not transport.closed
        assert not protocol.expired(server.clock() + 1e6)

    ran(act)


def test_gate__shut__what_was_read_before_is_still_answered() -> None:
    async def running() -> None:
        gate, sink = Gate(), HeldSink()
        protocol, transport = connected(MllpServer(sink, gate=gate))
        protocol.data_received(frame(b"m"))
        gate.turn(shut=True)
        protocol.gate_turned()
        sink.waiting[0].set_result(b"ack:m")
        await asyncio.sleep(0)
        assert transport.written == frame(b"ack:m")
        assert not transport.reading

    asyncio.run(running())


@pytest.mark.parametrize("turns", [[True], [True, True, False], [False], [True, False, True]])
def test_gate__turns__tell_of_changes_only(turns: list[bool]) -> None:
    gate, told = Gate(), list[bool]()
    gate.on_turn(lambda: told.append(gate.is_shut))
    for shut in turns:
        gate.turn(shut=shut)
    changes = [shut for before, shut in zip([False, *turns], turns, strict=False) if shut != before]
    assert told == changes
    assert gate.turns == len(changes)
