"""Fixtures for every integration test.

`chain`  session-wide `ChainWorld` (tests/integration/world.py) on a real Anvil with one-second blocks: contracts
         deployed from deployments/plan.yaml (cooling-off and recovery delay 5 s, no Council delay), eight institutions
         admitted (`hospital-a`, `hospital-b`, `checkup`, `institute`, `regulator`, `custodian-1` to `custodian-3`),
         custodian set 1 (2 of 3). Use `chain.reader` (ChainReader), `chain.party(name).writer` and `.operator`
         (ChainWriter, Signer), `chain.relay` (ChainWriter of nobody, for patients' calls) and `chain.chamber` (for
         `salus.flows.council.decide`). It is shared: make patients, consents and records of your own, and leave
         institutions active.
`instant` a block per transaction, at once, instead of every second, while a test runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.world import ChainWorld, own_world


@pytest.fixture(scope="session")
def chain() -> Iterator[ChainWorld]:
    with own_world() as world:
        yield world


@pytest.fixture
def instant(chain: ChainWorld) -> Iterator[None]:
    with chain.anvil.instant():
        yield
