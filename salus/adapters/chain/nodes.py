"""Which node is asked, of a list of nodes of one chain: the first that answers and keeps up with the others.

| a node | what happens |
| --- | --- |
| does not answer | is left for the next in the list, and tried again after a rest |
| answers, but its newest block is older than another's by more than `STALE_SECONDS` | is left for that one |
| is of another chain than the first that answered | is never asked |
| is there again and has caught up | is used again if it stands before the one in use |

Ages are differences between timestamps of blocks, so no clock of this machine is asked: when the whole chain stands
still, no node is behind and none is left. Nothing here makes a node's word true; a service that must not believe a
node (a custodian) is given only its own and checks what it says.
"""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import structlog

from salus.core.errors import SetupError, UnavailableError

STALE_SECONDS = 6
"""How far a node may be behind: more than the longest pause of a healthy chain that one node sees before another."""
_LOOK_SECONDS = 2.0
_LOOK_PATIENCE_SECONDS = 1.0
_REST_SECONDS = 10.0
_MOST_BYTES = 64 * 1024 * 1024
"""Of one answer, unpacked: a hundred blocks with their transactions, or the events of 5,000, have some megabytes."""
_LONG = 1024 * 1024
_BYTES_A_MEMBER = 16
_BYTES_A_CONTAINER = 32
"""Of a long answer, on average and at least: honest ones are hex of hashes and addresses, with three times as much. One
of nothing but empty lists would take thirty times its length in memory."""
_DRIBBLES = 6
"""How many times its timeout, which is for each read, an answer may take as a whole."""
_LOOK = msgspec.json.encode(
    [
        {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_getBlockByNumber", "params": ["latest", False]},
    ]
)

_log = structlog.get_logger(__name__)


class Node:
    """One JSON-RPC endpoint: posts bytes, reads JSON. Safe to use from several threads."""

    def __init__(self, url: str, timeout: float, transport: httpx.BaseTransport) -> None:
        self._target = httpx.URL(url)
        self._headers = _headers(self._target)
        self._transport = transport
        self._timeout = timeout
        self.rested_at = 0.0

    @property
    def name(self) -> str:
        """Host and port, without the credentials an address may hold."""
        return self._target.netloc.decode().rpartition("@")[2]

    def ask(self, content: bytes, timeout: float | None = None) -> Any:
        """Answer to one request or batch, within `timeout` seconds (this node's own when None).

        Raises:
            UnavailableError: no answer, none in JSON, one too long or too slow to wait for its end, or a hollow one.
        """
        # httpx's client costs as much again as all the rest of a request; its transport does not
        headers = [*self._headers, (b"content-length", b"%d" % len(content))]
        patience = self._timeout if timeout is None else timeout
        extensions = {"timeout": httpx.Timeout(patience).as_dict()}
        request = httpx.Request(
            "POST", self._target, headers=headers, stream=httpx.ByteStream(content), extensions=extensions
        )
        try:
            response = self._transport.handle_request(request)
            try:
                answer = _read(response, time.monotonic() + _DRIBBLES * patience)
            finally:
                response.close()
        except httpx.RequestError as error:
            raise UnavailableError(f"the node does not answer ({type(error).__name__})") from error
        if _is_hollow(answer):
            raise UnavailableError("the node's answer is made of next to nothing but brackets and commas")
        try:
            return msgspec.json.decode(answer)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UnavailableError(f"the node answered HTTP {response.status_code} without JSON") from error


@dataclass(frozen=True, slots=True)
class Standing:
    """How many nodes are listed, how many of them may be used, and the place in the list of the one in use, from 1."""

    listed: int
    usable: int
    used: int


class Nodes:
    """The nodes of a list, most wanted first. Safe to use from several threads; `now` is a monotonic clock.

    No thread of its own: whoever asks when a look around is due makes it, and the others go on meanwhile.
    """

    def __init__(self, nodes: Sequence[Node], now: Callable[[], float] = time.monotonic) -> None:
        if not nodes:
            raise SetupError("name the address of at least one node")
        self._nodes = tuple(nodes)
        self._now = now
        self._used = self._nodes[0]
        self._chain_id: str | None = None
        self._look_due = 0.0
        self._looking = threading.Lock()
        self._unfit: frozenset[Node] = frozenset()

    def __len__(self) -> int:
        return len(self._nodes)

    def used(self) -> Node:
        """The node to ask now."""
        if len(self._nodes) > 1 and self._now() >= self._look_due and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._look_due = self._now() + _LOOK_SECONDS
                self._looking.release()
        return self._used

    def standing(self) -> Standing:
        """How the list stands, as far as the last look and the questions since say."""
        usable = [node for node in self._awake(self._nodes) if node not in self._unfit]
        return Standing(len(self._nodes), len(usable), self._nodes.index(self._used) + 1)

    def leave(self, node: Node) -> None:
        """A node did not answer: the next one that is not resting is used. Alone, a node is kept."""
        node.rested_at = self._now() + _REST_SECONDS
        if self._used is not node or len(self._nodes) == 1:
            return
        place = self._nodes.index(node)
        others = self._nodes[place + 1 :] + self._nodes[:place]
        self._use(next(iter(self._awake(others)), others[0]))

    def reachable(self) -> list[Node]:
        """Every node that is not resting, the one in use first."""
        used = self.used()
        return [used, *(node for node in self._awake(self._nodes) if node is not used)]

    def _awake(self, nodes: Sequence[Node]) -> list[Node]:
        now = self._now()
        return [node for node in nodes if now >= node.rested_at]

    def _look(self) -> None:
        heads: dict[Node, int] = {}
        for node in self._awake(self._nodes):
            try:
                chain_id, timestamp = _seen(node.ask(_LOOK, _LOOK_PATIENCE_SECONDS))
            except UnavailableError:
                self.leave(node)
                continue
            self._chain_id = self._chain_id or chain_id
            if chain_id == self._chain_id:
                heads[node] = timestamp
            else:
                _log.error("node_of_another_chain", node=node.name, chain=chain_id, expected=self._chain_id)
                self.leave(node)
        if not heads:
            return
        newest = max(heads.values())
        self._unfit = frozenset(node for node in self._nodes if newest - heads.get(node, 0) > STALE_SECONDS)
        for node in self._nodes:
            # one that was left has to be well up with the others before it is used again, or use would flicker
            bound = STALE_SECONDS if node is self._used else STALE_SECONDS // 2
            if node in heads and newest - heads[node] <= bound:
                self._use(node)
                return

    def _use(self, node: Node) -> None:
        if node is not self._used:
            _log.warning("node_changed", left=self._used.name, used=node.name)
            self._used = node


def addresses(setting: str) -> list[str]:
    """Addresses of a comma-separated setting.

    Raises:
        SetupError: one is empty or no http address.
    """
    found = [part.strip() for part in setting.split(",")]
    for part in found:
        if not part.startswith(("http://", "https://")):
            raise SetupError(f"a node's address is http://… or https://…, comma-separated for several; {part!r} is not")
    return found


def _read(response: httpx.Response, until: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise UnavailableError(f"the node's answer has more than {_MOST_BYTES} bytes")
        if time.monotonic() > until:
            raise UnavailableError("the node's answer does not come to an end")
    return b"".join(parts)


def _is_hollow(answer: bytes) -> bool:
    """Whether what an answer decodes to would take many times its length."""
    if len(answer) < _LONG:
        return False
    containers = answer.count(b"[") + answer.count(b"{")
    return containers * _BYTES_A_CONTAINER > len(answer) or answer.count(b",") * _BYTES_A_MEMBER > len(answer)


def _seen(answers: Any) -> tuple[str, int]:
    """Chain id and timestamp of the newest block in the answers to a look.

    Raises:
        UnavailableError: the node cannot say.
    """
    try:
        by_id = {answer["id"]: answer["result"] for answer in answers}
        return str(by_id[1]), int(by_id[2]["timestamp"], 16)
    except (KeyError, TypeError, ValueError) as error:
        raise UnavailableError("the node does not say what chain it has, or its newest block") from error


def _headers(url: httpx.URL) -> list[tuple[bytes, bytes]]:
    headers = [(b"host", url.netloc), (b"content-type", b"application/json")]
    if url.userinfo:
        headers.append((b"authorization", b"Basic " + b64encode(f"{url.username}:{url.password}".encode())))
    return headers
