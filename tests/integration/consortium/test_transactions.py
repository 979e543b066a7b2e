"""Transactions that arrive: the node in use dies with 200 on their way, and each of them happens, once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from devnet.anvil import CHAIN_ID
from devnet.clique import PORTS, CliqueSettings, found_network
from devnet.clique_nodes import CliqueNodes
from salus.adapters.chain.connect import Chain, connect
from tests.integration.asking import asked
from tests.integration.consortium.conftest import NAMES
from tests.integration.world import ChainWorld, account, build

if TYPE_CHECKING:
    from devnet.anvil import Anvil

ON_THEIR_WAY, LANES = 200, 4


@pytest.fixture(scope="module")
def chains(
    geth: Path, free_base: Callable[[int], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CliqueNodes, ChainWorld, Chain]]:
    network = found_network(
        tmp_path_factory.mktemp("arriving"), NAMES, free_base(PORTS), CliqueSettings(chain_id=CHAIN_ID)
    )
    with CliqueNodes(network, geth) as nodes:
        nodes.await_("blocks", lambda: all(nodes.height(name) > 1 for name in NAMES))
        world = build(cast("Anvil", network.nodes["d"]))  # of a chain, the world asks the address only
        urls = ",".join(network.nodes[name].url for name in NAMES)
        chain = connect(urls, world.deployment.address("Council"), f"clique:{len(NAMES)}")
        yield nodes, world, chain
        chain.close()
        world.chain.close()


@pytest.mark.timeout(600)
def test_node_in_use__killed_with_200_on_their_way__each_happens_once_through_others(
    chains: tuple[CliqueNodes, ChainWorld, Chain],
) -> None:
    nodes, world, chain = chains
    party, first = world.party("hospital-a"), chain.reader.head().number
    relays = [chain.writer([account(f"arriving {number}")]) for number in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        waiting = [pool.submit(asked, chain.reader, party, relay, ON_THEIR_WAY // LANES) for relay in relays]
        pending = 0
        while pending < ON_THEIR_WAY // 4:  # in the pool of the node that is asked, not in a block yet
            pending = int(nodes.ask("a", "txpool_status")["pending"], 16)
            assert not all(one.done() for one in waiting), "all were mined before the node could be killed"
        nodes.kill("a")
        consents = [one.package.consent_id for done in waiting for one in done.result()]
    assert len(set(consents)) == ON_THEIR_WAY
    target = chain.reader.head().number
    while chain.reader.final().number < target:
        time.sleep(0.2)
    events = chain.reader.events(first, target)
    granted = Counter(bytes(event.args["consentId"]) for event in events if event.name == "ConsentGranted")
    assert granted == dict.fromkeys(map(bytes, consents), 1)
    assert nodes.running() == [name for name in NAMES if name != "a"]

    nodes.start("a")  # its pool forgot what it had; it takes part again
    nodes.await_("the node that died has caught up", lambda: nodes.height("a") >= target)
    again = asked(chain.reader, party, relays[0], 5)
    assert len(again) == 5
