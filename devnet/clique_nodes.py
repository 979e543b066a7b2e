"""The processes of a Clique network: nodes and the links between them, to start, stop, kill, cut off and let in."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devnet import ipc
from devnet.clique import CliqueNetwork
from devnet.geth_binary import geth_binary
from devnet.links import Links
from devnet.supervisor import Part, Supervisor
from salus.core.errors import InputError, SetupError, UnavailableError

LINKS = "links"
_ROOT = Path(__file__).resolve().parent.parent
_POLL_SECONDS = 0.1
_INIT_SECONDS = 60
_ALONE_SECONDS = 10.0


def links_part(network: CliqueNetwork) -> Part:
    """The process of the links."""
    ports = tuple(network.link_port(a, b) for a in network.nodes for b in network.nodes if a != b)
    command = (sys.executable, "-m", "devnet.links", str(network.links_file))
    return Part(LINKS, command, {"PYTHONPATH": str(_ROOT)}, ports, Links(network.control).serving)


def node_part(network: CliqueNetwork, name: str, binary: Path, part_name: str | None = None) -> Part:
    """The process of a node, which is ready when it takes orders and can seal, and settled when it does.

    Raises:
        SetupError: its data folder cannot be made.
    """
    _initialise(network, name, binary)
    node = network.nodes[name]

    def ready() -> bool:
        # geth takes orders a moment before the account is unlocked; to seal then fails once and, alone, for good.
        try:
            ipc.ask(network.ipc(name), "eth_sign", node.sealer, "0x")
            return bool(ipc.ask(network.ipc(name), "eth_chainId") == hex(network.settings.chain_id))
        except (UnavailableError, InputError):
            return False

    return Part(
        part_name or name,
        network.command(binary, name),
        ports=(node.rpc_port, node.p2p_port),
        ready=ready,
        settle=_Sealing(network, name),
    )


class _Sealing:
    """Lets a node seal once it has company: peers that make a majority with it. Alone it would seal a block that nobody
    builds on. After some seconds it seals all the same: others may wait for it."""

    def __init__(self, network: CliqueNetwork, name: str) -> None:
        self._network, self._name = network, name
        self._since: float | None = None

    def __call__(self) -> None:
        """Let it seal.

        Raises:
            ConnectionError: it has no company yet; ask again.
        """
        self._since = self._since or time.monotonic()
        socket = self._network.ipc(self._name)
        peers = int(ipc.ask(socket, "net_peerCount"), 16)
        wanted = len(ipc.ask(socket, "clique_getSigners", "latest")) // 2
        if peers < wanted and time.monotonic() - self._since < _ALONE_SECONDS:
            raise ConnectionError(f"{self._name} has {peers} peers, and waits for {wanted} before it seals")
        let_seal(self._network, self._name)
        self._since = None


def let_seal(network: CliqueNetwork, name: str) -> None:
    """Take transactions of price zero from peers, then seal (where the chain lets this account)."""
    ipc.ask(network.ipc(name), "miner_setGasPrice", "0x0")
    ipc.ask(network.ipc(name), "miner_start")


def tell_admitted(network: CliqueNetwork, name: str, running: Iterable[str]) -> None:
    """Tell running nodes that `name` is admitted, so that they need no restart."""
    for other in running:
        if other != name:
            for order in ("admin_addTrustedPeer", "admin_addPeer"):
                ipc.ask(network.ipc(other), order, network.enode(other, name))


def tell_expelled(network: CliqueNetwork, name: str, running: Iterable[str]) -> None:
    """Tell running nodes that `name` is no member; they drop it at once."""
    for other in running:
        if other != name:
            for order in ("admin_removeTrustedPeer", "admin_removePeer"):
                ipc.ask(network.ipc(other), order, network.enode(other, name))


class CliqueNodes:
    """A running network; use it as a context, or `start` and `stop`. Logs are in `logs/` of its folder."""

    def __init__(self, network: CliqueNetwork, binary: Path | None = None) -> None:
        self.network = network
        self.links = Links(network.control)
        self.supervisor = Supervisor(network.folder)
        self._binary = binary or geth_binary()

    def start(self, *names: str) -> None:
        """Start nodes (all members without names), and the links before them if they do not run.

        Raises:
            SetupError: a port is taken, or a node does not come up.
        """
        chosen = names or self.network.members
        parts = [node_part(self.network, name, self._binary) for name in chosen]
        if LINKS not in self.supervisor.running():
            self.supervisor.start([links_part(self.network)])
        self.supervisor.start(parts)

    def stop(self, *names: str) -> None:
        """Stop nodes gently; everything without names."""
        self.supervisor.stop(names or None)

    def kill(self, *names: str) -> None:
        """Kill nodes at once, as a power cut would."""
        for name in names:
            self.supervisor.kill(name)

    def running(self) -> list[str]:
        """Nodes that run."""
        return [name for name in self.supervisor.running() if name != LINKS]

    def add(self, name: str) -> None:
        """Make one more node, which nobody lets in yet; the running links learn of its ports."""
        self.network = self.network.add(name)
        self.links.reload()

    def admit(self, name: str) -> None:
        """Put a node on everybody's allow-list, also on that of running nodes."""
        self.network = self.network.admit(name)
        tell_admitted(self.network, name, self.running())

    def expel(self, name: str) -> None:
        """Take a node off everybody's allow-list; running nodes drop it."""
        tell_expelled(self.network, name, self.running())
        self.network = self.network.expel(name)

    def ask(self, name: str, method: str, *parameters: object) -> Any:
        """Result of a call on a node's own socket."""
        return ipc.ask(self.network.ipc(name), method, *parameters)

    def head(self, name: str) -> dict[str, Any]:
        """A node's newest header, as `eth_getBlockByNumber` answers it."""
        header: dict[str, Any] = self.ask(name, "eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - no bodies
        return header

    def height(self, name: str) -> int:
        """Number of a node's newest block."""
        return int(self.ask(name, "eth_blockNumber"), 16)

    def peers(self, name: str) -> int:
        """How many peers a node has."""
        return int(self.ask(name, "net_peerCount"), 16)

    def await_(self, what: str, holds: Callable[[], bool], patience: float = 60) -> float:
        """Wait until something holds; returns the seconds it took.

        Raises:
            UnavailableError: it did not hold in time; says `what`.
        """
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > patience:
                raise UnavailableError(f"{what}: not within {patience:.0f} s; logs are in {self.network.folder}/logs")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - began

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _initialise(network: CliqueNetwork, name: str, binary: Path) -> None:
    folder = network.node_folder(name)
    if (folder / "geth" / "chaindata").exists():
        return
    command = [str(binary), "init", "--datadir", str(folder), "--state.scheme", "hash", str(network.genesis_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INIT_SECONDS)
    if done.returncode != 0:
        raise SetupError(f"geth does not take the genesis of {name}: {done.stderr.strip().splitlines()[-1:]}")
