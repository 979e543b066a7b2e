"""kill -9 at random moments: every acknowledged message is anchored exactly once, no share goes out without a final
entry, a request that was cut off is whole or was not, and the index is what the chain says.

`SALUS_KILL_SEED` repeats a run's victims and moments (what the machine makes of them is its own).
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from salus.core.codes import Code
from salus.core.errors import RefusedError, SalusError, UnavailableError
from salus.core.ids import RecordId, hex32
from tests.integration.crash.load import Feeder, Hasty, Load, Visitor
from tests.integration.crash.scene import Scene, open_scene
from tests.integration.oracle.stack import until
from tests.integration.services import Service, stop_all
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import report


@pytest.fixture(scope="module")
def scene(chain: ChainWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    opened = open_scene(chain, tmp_path_factory.mktemp("crash") / "services")
    try:
        yield opened
    finally:
        stop_all(opened.services)


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be had again: the seed is printed, pytest shows it with a failure."""
    seed = os.environ.get("SALUS_KILL_SEED") or secrets.token_hex(4)
    print(f"SALUS_KILL_SEED={seed}")
    return random.Random(seed)


def victims(scene: Scene, kills: int, chance: random.Random) -> list[Service]:
    """Of ten kills three are of the oracle, one of each custodian, two of the API and two of the watch."""
    ten = [scene.stack.oracle] * 3 + scene.stack.custodians + [scene.api] * 2 + [scene.watch] * 2
    chosen = (ten * (kills // len(ten) + 1))[:kills]
    chance.shuffle(chosen)
    return chosen


def kill_all(scene: Scene, kills: int, chance: random.Random) -> Counter[str]:
    """Kill services at random moments, also while they are still starting; how often each."""
    killed: Counter[str] = Counter()
    for victim in victims(scene, kills, chance):
        time.sleep(chance.uniform(0.1, 1.5))
        assert victim.child is not None
        assert victim.child.poll() is None, victim.log()[-2000:]
        victim.kill()
        killed[victim.package] += 1
        time.sleep(chance.uniform(0, 0.3))
        victim.start()
        if chance.random() < 0.6:
            victim.await_ready()
    for service in scene.services:
        service.await_ready()
    return killed


@pytest.mark.parametrize("kills", [10, pytest.param(90, marks=[pytest.mark.deep, pytest.mark.timeout(1500)])])
def test_services__killed_at_random_moments__lose_nothing_and_release_nothing_too_early(
    kills: int, scene: Scene, chance: random.Random
) -> None:
    name = secrets.token_hex(2).upper()
    raws = [report(f"{name}.{place}", f"{name}-L{place}", f"{place}.10", patient=f"{name}R") for place in range(3)]
    patient = scene.patient(f"{name}R", *raws)
    consent = scene.consent(patient)
    leaves = [item.listed.leaf for item in scene.stack.open_own(patient).items]
    feeders = [Feeder(scene, f"{name}{place}") for place in range(2)]
    visitor, hasty = Visitor(scene, consent), Hasty(scene, consent, leaves)
    loads: list[Load] = [*feeders, visitor, hasty]
    for load in loads:
        load.start()

    killed = kill_all(scene, kills, chance)
    before = len(visitor.opened)
    until(lambda: len(visitor.opened) > before or bool(visitor.trouble))
    for load in loads:
        load.finish()
    print(f"killed {dict(killed)}", {load.name: dict(load.outcomes) for load in loads})
    assert min(load.outcomes.total() for load in loads) > 0
    assert hasty.outcomes["share"] > 0
    scene.stack.await_idle()

    said: dict[RecordId, list[bytes]] = {}
    for feeder in feeders:
        said |= scene.stack.said(feeder.acknowledged)
    anchored = Counter((one.record_id, one.version) for one in scene.stack.anchored())
    assert set(anchored.values()) == {1}
    expected = {(record, version) for record, found in said.items() for version in range(1, len(found) + 1)}
    assert {(record, version) for record, version in anchored if record in said} == expected
    patients = [scene.stack.claim(number) for feeder in feeders for number in feeder.patients]
    assert scene.stack.opened_by(patients) == said

    granted, told = scene.granted(), scene.stack.said(raws)
    for access, record, content in visitor.read():
        assert access in granted
        assert content in told[record]
    assert scene.check_releases() > 0
    scene.check_index()


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=[pytest.mark.deep, pytest.mark.timeout(600)])])
def test_api__killed_in_the_middle_of_a_request__a_repeat_opens_once_or_is_refused_cleanly(
    kills: int, scene: Scene, chance: random.Random
) -> None:
    number = secrets.token_hex(2).upper()
    patient = scene.patient(number, report(f"{number}.1", f"{number}-L1", patient=number))
    for _ in range(kills):
        consent = scene.consent(patient, max_uses=1)
        staff, consent_id = scene.staff, hex32(consent.consent_id)
        staff.token()
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(staff.open, consent_id)
            time.sleep(chance.uniform(0, 2.5))
            scene.api.kill()
            scene.api.start()
            scene.api.await_ready()
            opened = asking.exception() is None
            assert opened or isinstance(asking.exception(), UnavailableError), asking.exception()
        again = refusal(scene, consent_id)
        assert again is Code.CONSENT_USED_UP or not opened
        assert again in (None, Code.CONSENT_USED_UP)
        (access,) = scene.granted_under(consent.consent_id)
        until(lambda access=access: has_receipt(scene, access))  # type: ignore[misc]  # bound at once
    scene.check_releases()


def refusal(scene: Scene, consent_id: str) -> Code | None:
    """The code an access is refused with for good; None if it opens."""
    while True:
        try:
            scene.staff.open(consent_id)
        except UnavailableError:
            time.sleep(0.2)
        except RefusedError as refused:
            if refused.code is not Code.NODE_STALE:
                return refused.code
        else:
            return None


def has_receipt(scene: Scene, access: bytes) -> bool:
    """Whether the API, which asked for this access in an earlier life, can prove it."""
    try:
        return bool(scene.staff.get(f"/v1/receipts/accesses/{hex32(access)}"))
    except SalusError:
        return False
