"""Looks at nodes twice, a few seconds apart, and at disks; gathers facts and judges nothing.

Needs only what every node answers; what else is known of pools (`txpool_…`: geth, GoQuorum, Besu in part, Anvil) is
left out where a node does not say it. Reads only: nothing is sent to any chain.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from cli.chain_doctor.facts import Account, Block, Chain, Disk, Expected, Known, Node, Pool
from salus.adapters.chain.finality import FinalityRule, rule_of, stamp_of
from salus.adapters.chain.rpc import Rpc, RpcError
from salus.core.errors import SalusError
from salus.core.ids import hex32

Found = TypeVar("Found")

_ASK_SECONDS = 3.0
_NO_BODIES = False


@dataclass(frozen=True, slots=True)
class Sight:
    """What is looked at: addresses of nodes by name, sender accounts by name, what parts remember, folders by name.

    `finality` is a rule of `salus.adapters.chain.finality`, None to ask the nodes what engine they are; `room` is how
    many pending and queued transactions a pool holds.
    """

    urls: Mapping[str, str]
    expected: Expected
    finality: str | None = None
    accounts: Mapping[str, str] | None = None
    known: tuple[Known, ...] = ()
    folders: Mapping[str, Path] | None = None
    room: tuple[int, int] = (5_120, 1_024)


def look(sight: Sight, pause: float, sleep: Callable[[float], None] = time.sleep) -> Chain:
    """Everything that can be seen; takes `pause` seconds and a little more."""
    accounts = sight.accounts or {}
    rpcs = {name: Rpc(url, timeout=_ASK_SECONDS, attempts=1) for name, url in sight.urls.items()}
    try:
        with ThreadPoolExecutor(max_workers=max(1, len(rpcs))) as pool:
            before = dict(zip(rpcs, pool.map(_tried(_head), rpcs.values()), strict=True))
            alive = {name: rpc for name, rpc in rpcs.items() if before[name] is not None}  # the others cost patience
            mined = _counts(alive, list(accounts.values()), "latest")
            sleep(pause)
            seen = pool.map(lambda name: _node(name, rpcs[name], sight, before[name]), rpcs)
            nodes = tuple(_agreeing(tuple(seen), rpcs))
            at_known = dict(found for node in nodes for found in _at_known(node, rpcs[node.name], sight.known))
            senders = tuple(_senders(alive, accounts, mined))
    finally:
        for rpc in rpcs.values():
            rpc.close()
    disks = tuple(_disks(sight.folders or {}))
    return Chain(sight.expected, pause, nodes, senders, sight.known, disks, at_known)


def _node(name: str, rpc: Rpc, sight: Sight, before: Block | None) -> Node:
    try:
        head = _head(rpc)
    except SalusError as error:
        return Node(name, why=str(error))
    asked_at = time.time()
    council = sight.expected.council
    code = None if council is None else _tried(partial(_call, method="eth_getCode", params=(council, "latest")))(rpc)
    return Node(
        name,
        chain_id=_number(_tried(partial(_call, method="eth_chainId"))(rpc)),
        has_council=None if code is None else code != "0x",
        before=before,
        head=head,
        final=_tried(partial(_final, finality=sight.finality))(rpc),
        asked_at=asked_at,
        clock=_clock(sight.urls[name]),
        peers=_number(_tried(partial(_call, method="net_peerCount"))(rpc)),
        is_syncing=bool(_tried(partial(_call, method="eth_syncing"))(rpc)),
        pool=_pool(_tried(partial(_call, method="txpool_status"))(rpc), sight.room),
    )


def _tried(ask: Callable[[Rpc], Found]) -> Callable[[Rpc], Found | None]:
    """The same, None where a node does not answer or does not know the question."""

    def tried(rpc: Rpc) -> Found | None:
        try:
            return ask(rpc)
        except (SalusError, ValueError, KeyError, TypeError):
            return None

    return tried


def _call(rpc: Rpc, method: str, params: Sequence[Any] = ()) -> Any:
    return rpc.call(method, *params)


def _head(rpc: Rpc) -> Block:
    return _block(rpc.call("eth_getBlockByNumber", "latest", _NO_BODIES))


def _block(header: Mapping[str, Any]) -> Block:
    stamp = stamp_of(header)
    return Block(stamp.number, hex32(stamp.hash), stamp.timestamp)


def _final(rpc: Rpc, finality: str | None) -> Block:
    rule = _rule(rpc) if finality is None else rule_of(finality)
    header = rpc.call("eth_getBlockByNumber", "latest", _NO_BODIES)
    return _block(rule.final(header, lambda digest: rpc.call("eth_getBlockByHash", hex32(digest), _NO_BODIES)))


def _rule(rpc: Rpc) -> FinalityRule:
    """The rule of a node's engine: only Clique knows signers, and elsewhere a block is final at once."""
    try:
        return rule_of(f"clique:{len(rpc.call('clique_getSigners'))}")
    except RpcError:
        return rule_of("qbft")


def _clock(url: str) -> int | None:
    """The node's clock, which its HTTP server tells in whole seconds (RFC 9110 section 6.6.1)."""
    try:
        asked = {"jsonrpc": "2.0", "id": 1, "method": "web3_clientVersion", "params": []}
        told = httpx.post(url, json=asked, timeout=_ASK_SECONDS, trust_env=False).headers.get("date")
        return None if told is None else int(parsedate_to_datetime(told).timestamp())
    except (httpx.HTTPError, ValueError):
        return None


def _pool(told: Any, room: tuple[int, int]) -> Pool | None:
    if not isinstance(told, dict) or "pending" not in told:
        return None
    return Pool(_count(told["pending"]), _count(told.get("queued", "0x0")), *room)


def _count(told: Any) -> int:
    return int(told, 16) if isinstance(told, str) else int(told)


def _number(told: Any) -> int | None:
    return None if told is None else _count(told)


def _agreeing(nodes: Sequence[Node], rpcs: Mapping[str, Rpc]) -> Iterable[Node]:
    """The nodes with their block at a height that is final for each that said what is."""
    finals = [node.final.number for node in nodes if node.final is not None]
    for node in nodes:
        if node.final is None:
            yield node
            continue
        there = _tried(partial(_call, method="eth_getBlockByNumber", params=(hex(min(finals)), _NO_BODIES)))
        header = there(rpcs[node.name])
        yield node if header is None else replace(node, agreed=_block(header))


def _at_known(node: Node, rpc: Rpc, known: Iterable[Known]) -> Iterable[tuple[tuple[str, str], str | None]]:
    for one in known if node.why is None else ():
        header = _tried(partial(_call, method="eth_getBlockByNumber", params=(hex(one.number), _NO_BODIES)))(rpc)
        yield (node.name, one.who), None if header is None else _block(header).hash


def _counts(rpcs: Mapping[str, Rpc], addresses: Sequence[str], at: str) -> list[int]:
    """Transactions of each address, by the node that knows of most."""
    found = [0] * len(addresses)
    for rpc in rpcs.values():
        told = _tried(lambda rpc: rpc.batch_all([("eth_getTransactionCount", (one, at)) for one in addresses]))(rpc)
        if told is not None:
            found = [max(most, int(count, 16)) for most, count in zip(found, told, strict=True)]
    return found


def _queued(rpcs: Mapping[str, Rpc], addresses: Sequence[str]) -> list[list[int]]:
    """Nonces of each address that wait behind a missing one, in the pool that holds most of them."""
    found: list[list[int]] = [[] for _ in addresses]
    for rpc in rpcs.values():
        told = _tried(lambda rpc: rpc.batch([("txpool_contentFrom", (one,)) for one in addresses]))(rpc) or []
        for place, content in enumerate(told):
            nonces = [int(nonce) for nonce in content["queued"]] if isinstance(content, dict) else []
            found[place] = max(found[place], nonces, key=len)
    return found


def _senders(rpcs: Mapping[str, Rpc], accounts: Mapping[str, str], before: Sequence[int]) -> Iterable[Account]:
    addresses = list(accounts.values())
    mined, pending = _counts(rpcs, addresses, "latest"), _counts(rpcs, addresses, "pending")
    rows = zip(accounts.items(), before, mined, pending, _queued(rpcs, addresses), strict=True)
    for (name, address), earlier, now, waiting, nonces in rows:
        yield Account(name, address, earlier, now, max(now, waiting), len(nonces), min(nonces, default=None))


def _disks(folders: Mapping[str, Path]) -> Iterable[Disk]:
    """One row for each disk, with all that is written there."""
    by_disk: dict[int, list[tuple[str, Path]]] = {}
    for what, folder in folders.items():
        try:
            by_disk.setdefault(folder.stat().st_dev, []).append((what, folder))
        except OSError:
            continue
    for places in by_disk.values():
        usage = shutil.disk_usage(places[0][1])
        yield Disk(", ".join(what for what, _ in places), usage.free, usage.total)
