"""An API whose staff's requests go to the chain together (`SALUS_API_BATCH_MILLISECONDS`): each has its own outcome."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from salus.adapters.api_client import ApiClient
from salus.adapters.chain import participants
from salus.adapters.chain.reads import view
from salus.adapters.chain.rpc import Rpc
from salus.adapters.content.folder import FolderStore
from salus.core.codes import Code
from salus.core.errors import ChainRevert
from salus.core.outcome import AccessDeniedError
from salus.core.ports import ChainEvent
from salus.core.refusals import Refusal
from salus.flows.admit import renew
from tests.integration.api.conftest import ApiSite, ApiStage, ticking
from tests.integration.api.test_api import Shared
from tests.integration.custodian.conftest import ChainStage
from tests.integration.services import start_all, stop_all

TOGETHER = 6
BLOCKS = Event()
"""Set while blocks are mined."""
BLOCKS.set()
_HOUR, _MARGIN = 3600, 60


@pytest.fixture(scope="module")
def site(stage: ChainStage) -> Iterator[ApiStage]:
    """One API, whose requests wait for company while another is on its way to a block."""
    grounds = stage.grounds
    services = [grounds.watch(), grounds.api("hospital-a", BATCH_MILLISECONDS="60000")]
    hospital = ApiSite(services[1], ApiClient(services[1].url))
    with ticking(lambda: stage.mine() if BLOCKS.is_set() else None):
        try:
            start_all(services)
            yield ApiStage(stage, FolderStore(grounds.content), hospital, hospital)
        finally:
            stop_all(services)
            hospital.client.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=TOGETHER) as running:
        yield running


def metric(site: ApiStage, name: str) -> float:
    shown = site.hospital.process.ask("GET", "/metrics")[1].decode()
    found = re.search(rf"^{name} (\S+)$", shown, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def asked(site: ApiStage, pool: ThreadPoolExecutor, cases: list[Shared], **more: Any) -> list[Future[Any]]:
    """Every case's access, asked for at once."""
    token, client = site.hospital.staff(), site.hospital.client
    return [pool.submit(client.post, "/v1/accesses", {**case.ask, **more}, token) for case in cases]


def entries(site: ApiStage, first_block: int) -> list[ChainEvent]:
    """Outcomes the gateway recorded since a block."""
    chain = site.custody.chain
    found = chain.events(first_block, chain.head().number)
    return [event for event in found if event.name in ("AccessGranted", "AccessDenied")]


def test_accesses__asked_for_at_once__share_transactions_and_each_is_opened(
    site: ApiStage, pool: ThreadPoolExecutor
) -> None:
    cases = [Shared(site) for _ in range(TOGETHER)]
    first_block, before = site.custody.chain.head().number + 1, metric(site, "salus_chain_batched_requests_total")
    with blocks_held(site):
        futures = asked(site, pool, cases)
        while metric(site, "salus_chain_requests_waiting") < TOGETHER - 1:
            assert not any(future.done() for future in futures)
            time.sleep(0.1)
    opened = [future.result() for future in futures]
    assert [[record["leaf"] for record in one["records"]] for one in opened] == [
        ["0x" + leaf.hex() for leaf in case.leaves] for case in cases
    ]
    made = entries(site, first_block)
    assert len(made) == TOGETHER
    assert len({event.tx_hash for event in made}) == 2, "the one that came first, and the others"
    assert metric(site, "salus_chain_batched_requests_total") == before + TOGETHER
    assert metric(site, "salus_chain_transactions_waiting") == 0


def test_accesses__one_denied_among_them__has_its_code_and_the_others_open(
    site: ApiStage, pool: ThreadPoolExecutor
) -> None:
    cases = [Shared(site) for _ in range(3)]
    [denied] = asked(site, pool, cases[:1], level=5)
    opened = asked(site, pool, cases[1:])
    with pytest.raises(AccessDeniedError) as caught:
        denied.result()
    assert caught.value.code is Code.LEVEL_TOO_HIGH
    assert all(future.result()["records"] for future in opened)


def test_accesses__one_more_than_the_quota__is_refused_alone_and_opens_once_there_is_room(
    site: ApiStage, pool: ThreadPoolExecutor
) -> None:
    cases = [Shared(site) for _ in range(TOGETHER)]
    first_block = site.custody.chain.head().number + 1
    with quota_for(site, TOGETHER - 1):
        futures = asked(site, pool, cases)
        refused = [case for case, future in zip(cases, futures, strict=True) if future.exception() is not None]
        opened = [future.result() for future in futures if future.exception() is None]
    assert len(refused) == 1
    [error] = [found for future in futures if (found := future.exception()) is not None]
    assert isinstance(error, ChainRevert)
    assert error.error == "AccessGatewayRefused"
    assert error.args_by_name["cause"] == Refusal.QUOTA_USED_UP.name
    assert all(one["records"] for one in opened)
    assert len(entries(site, first_block)) == TOGETHER - 1
    [again] = asked(site, pool, refused)
    assert again.result()["records"]


@contextmanager
def blocks_held(site: ApiStage) -> Iterator[None]:
    """No block is mined meanwhile, so what is sent stays on its way."""
    rpc = Rpc(site.custody.world.anvil.url)
    BLOCKS.clear()
    try:
        rpc.call("evm_setAutomine", False)  # noqa: FBT003 - a JSON-RPC parameter
        yield
    finally:
        rpc.call("evm_setAutomine", True)  # noqa: FBT003 - as above
        rpc.close()
        BLOCKS.set()


@contextmanager
def quota_for(site: ApiStage, left: int) -> Iterator[None]:
    """The Council leaves the hospital so many requests of this clock hour; afterwards it has its old quota again."""
    stage = site.custody
    while (
        stage.chain.head().timestamp % _HOUR > _HOUR - _MARGIN
    ):  # an hour that begins meanwhile would bring a new quota
        time.sleep(1)
    reader, chamber, hospital = stage.world.reader, stage.world.chamber, stage.reader
    before = reader.read(participants.all_of(hospital.id), reader.head())
    caller = view("ParticipantRegistry", "callerOf", (hospital.operator.address,), lambda *row: int(row[2]))
    used = before.hourly_quota - reader.read(caller, reader.head())
    tight = replace(before, hourly_quota=used + left)
    renew(hospital.id, before, tight, chamber)
    try:
        assert reader.read(caller, reader.head()) == left
        yield
    finally:
        renew(hospital.id, tight, before, chamber)
