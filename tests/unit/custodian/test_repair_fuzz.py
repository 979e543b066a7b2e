"""A helper that answers anything at all: a repair ends, keeps what is true only, and blames nobody else."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from custodian.app import VERBS
from salus.adapters.memory import MemoryCustodians
from salus.core import hpke
from salus.core.errors import UnavailableError
from salus.core.repair_wire import RepairBody, Step
from tests.custody_stage import Draft
from tests.unit.custodian.test_mending import FIVE, LOST, Scene

_SEALED = {Step.MEET: "records", Step.SHARE: "parts", Step.OPEN: "key", Step.GONE: "gone"}
_ROW = (b"r" * 32, 1, b"p" * 32, b"s" * 32, b"e" * 32, b"c" * 32)
_VALUES: tuple[Any, ...] = (
    *(None, 0, -1, True, 2**70, 1.5, "", "0x", "0x00", "é", "0x" + "zz" * 32, [], {}, [1], {"a": 1}),
    *("0x" + byte * size for byte in ("00", "11", "ff") for size in (32, 65)),
)
_PAYLOADS = (
    *(b"", b"\x90", b"\x91\xc0", b"\xff" * 100, b"\xdd\xff\xff\xff\xff", b"\x91" * 5000, bytes(32)),
    *(
        msgspec.msgpack.encode([row])
        for row in (
            (b"a" * 32, b"b" * 32),
            (b"a" * 32, b"b" * 31),
            (b"a" * 32,) * 14,
            (*_ROW, 2**64 - 1, 255, 255, 255, 2**32 - 1, 0, 2**32 - 1, b"t" * 16),
            (*_ROW, 1, 5, 1, 1, 1, 0, 1, b"t" * 16, b"note"),
        )
    ),
)


class Anything:
    """One member, answering what chance says."""

    def __init__(self, scene: Scene, number: int, chance: random.Random) -> None:
        self._scene = scene
        self._member = scene.members[number]
        self._chance = chance

    def __call__(self, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        chance = self._chance
        true = VERBS[verb](self._member, call)
        match chance.randrange(8):
            case 0:
                raise UnavailableError("away")
            case 1:
                return true | {chance.choice([*true, "more"]): chance.choice(_VALUES)}
            case 2:
                left_out = chance.choice(list(true))
                return {name: value for name, value in true.items() if name != left_out}
            case 3:
                return true | {"bonds": {chance.choice(_VALUES[-6:]): chance.choice(_VALUES)}}
            case 4 | 5:
                return true | {"sealed": self._sealed(call, chance.choice(_PAYLOADS))}
            case _:
                return true

    def _sealed(self, call: dict[str, Any], payload: bytes) -> str:
        stage, asker = self._scene.stage, self._scene.lost.id
        body = RepairBody.from_json(call["body"])
        info = body.session(stage.chain.chain_id, asker).sealed_info(self._member.id, _SEALED[body.step])
        return "0x" + hpke.seal(payload, stage.encryption_key(asker), info).hex()


@pytest.mark.parametrize("seed", range(80))
def test_mend__helper_that_answers_anything__keeps_what_is_true_and_blames_nobody_else(seed: int) -> None:
    chance = random.Random(seed)
    scene, number = Scene(chance.choice([3, 4])), chance.choice([1, 2])
    cases = [scene.case(Draft(), Draft(), FIVE), scene.case(Draft())]
    if chance.random() < 0.5:
        scene.destroy(cases[1], 0)
    if chance.random() < 0.5:
        scene.lie(number, cases[0].leaves[0])
    liar = scene.members[number].id
    leaves = [leaf for case in cases for leaf in case.leaves]
    gone = scene.lost.store.erased(leaves)
    answers: dict[Any, Any] = {one.id: scene._answering(place) for place, one in enumerate(scene.members)}
    scene.client = MemoryCustodians(answers | {liar: Anything(scene, number, chance)})
    scene.lose()
    try:
        found = scene.mend()
    except UnavailableError:
        found = None
    store = scene.members[LOST].store
    told = store.tombstones_after(scene.stage.source.id, bytes(32), 99)
    assert {leaf for leaf, _ in told} <= gone
    for leaf in store.find(leaves):
        assert scene.share(scene.lost, leaf)[0] == scene.share(scene.before, leaf)[0]
    if found is not None:
        assert set(found.liars) <= {liar}
        assert all(liar in group for group in found.suspects)
        assert found.ill_dealt == []
