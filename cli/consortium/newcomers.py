"""Nodes of institutions that joined a consortium later, as the nodes of this machine see them.

They run on machines of their own, so there is no process here to look at. What can be seen is who the registry names
at a final block, which of this machine's nodes have that node as a peer, and whether its account may seal and did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.world.layout import World
from devnet.clique import CliqueNetwork
from devnet.ipc import ask
from salus.adapters.chain.address_book import key_of
from salus.adapters.chain.connect import connect
from salus.adapters.chain.roll import Roll
from salus.adapters.deployment_file import read_deployment
from salus.core.errors import SalusError
from salus.core.ids import hex32
from salus.core.node import Seat

_ASK_SECONDS = 3.0
_NO_PEER = "no node here has it as a peer: does it run, is its address in the books (`salus consortium introduce`)?"
_NO_VOTE = "its validator is not voted in: /ready of the members' sidecars says why they withhold, if they do"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the nodes of this machine see: peers of each of them, blocks of the last 64 by account that may seal."""

    peers: Sequence[Collection[bytes]]
    sealed: Mapping[bytes, int]


def newcomer_rows(world: World, network: CliqueNetwork, alive: Collection[str]) -> list[dict[str, Any]]:
    """A row for each active member with a node that is not this world's; `alive` are names of its nodes that run.

    Raises:
        SalusError: no node answers, or none has a final block.
    """
    if not alive:
        return []
    chain = connect(world.chain_url, read_deployment(world.deployment_file, "world").council, timeout=_ASK_SECONDS)
    try:
        signers = {_account(each) for each in chain.rpc.call("clique_getSigners", "latest")}
        _, seats = Roll(chain, clique=True).seats(len(signers))
        own = {bytes.fromhex(node.node_id) for node in network.nodes.values()}
        strangers = [seat for seat in seats if seat.active and seat.node_key is not None and seat.node_key not in own]
        if not strangers:
            return []
        activity = {_account(who): int(n) for who, n in chain.rpc.call("clique_status")["sealerActivity"].items()}
        seen = Seen([*_peers(network, alive)], {each: activity.get(each, 0) for each in signers})
        return [row_of(seat, seen) for seat in strangers]
    finally:
        chain.close()


def row_of(seat: Seat, seen: Seen) -> dict[str, Any]:
    """One row; `peers` counts the nodes here that are connected with it. Its head only its own machine knows."""
    peers = sum(seat.node_key in each for each in seen.peers)
    may_seal = seat.validator is None or seat.validator in seen.sealed
    why = _NO_PEER if not peers else "" if may_seal else _NO_VOTE
    return {
        "part": f"{hex32(seat.participant)[:10]}…-node",
        "pid": None,
        "state": "not ready" if why else "well",
        "participant": hex32(seat.participant),
        "peers": peers,
        **({} if seat.validator is None else {"sealing": seen.sealed.get(seat.validator, 0)}),
        **({"why": why} if why else {}),
    }


def _peers(network: CliqueNetwork, alive: Collection[str]) -> Iterator[frozenset[bytes]]:
    for name in alive:
        try:
            told = ask(network.ipc(name), "admin_peers")
        except SalusError:
            continue  # its own row says so
        yield frozenset(key for peer in told if (key := key_of(peer["enode"])) is not None)


def _account(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
