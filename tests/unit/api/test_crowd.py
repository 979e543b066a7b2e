"""Many callers at once: who waits for whom while the chain stands still."""

from __future__ import annotations

import asyncio
from threading import Event

import httpx
import pytest

from salus.adapters.memory import MemorySigner
from salus.core.ids import hex32
from salus.core.ports import ContractCall, TxReceipt
from salus.flows.grant import revoke_all_call
from tests.unit.api.world import URL, ApiWorld

CROWD = 60
PATIENCE = 10.0


def revocation(world: ApiWorld, name: str) -> dict[str, object]:
    """A call that holds, by an account nobody knows."""
    call = revoke_all_call(MemorySigner.named(name), 0, world.chain.domain("ConsentRegistry"))
    return {"holder": call.args[0], "epoch": 0, "signature": hex32(call.args[2])}


def test_relay__stranger_with_many_keys_while_no_block_comes__staff_and_other_peers_go_on(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's sixty calls wait for a block; there are forty threads."""
    block, send = Event(), world.writer.send
    waiting: list[ContractCall] = []

    def stalled(call: ContractCall) -> TxReceipt:
        waiting.append(call)
        assert block.wait(2 * PATIENCE)
        return send(call)

    monkeypatch.setattr(world.writer, "send", stalled)
    staff = world.staff()
    bodies = [revocation(world, f"stranger {number}") for number in range(CROWD)]

    def peer(host: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(world.app, client=(host, 1)), base_url=URL, timeout=4 * PATIENCE
        )

    async def crowd() -> list[int]:
        async with peer("10.0.0.1") as stranger, peer("10.0.0.2") as patient, peer("10.0.0.3") as hospital:
            calls = [
                asyncio.create_task(stranger.post("/v1/consents/revocations-of-all", json=body)) for body in bodies
            ]
            try:
                await asyncio.sleep(0.5)
                answer = await asyncio.wait_for(hospital.get("/v1/packages", headers=staff), PATIENCE)
                assert answer.status_code == 200
                before = len(waiting)
                own = asyncio.create_task(
                    patient.post("/v1/consents/revocations-of-all", json=revocation(world, "patient"))
                )
                while len(waiting) == before:
                    assert not own.done()
                    await asyncio.sleep(0.02)
            finally:
                block.set()
            return [(await call).status_code for call in [*calls, own]]

    assert asyncio.run(asyncio.wait_for(crowd(), 3 * PATIENCE)) == [200] * (CROWD + 1)
