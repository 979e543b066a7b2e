"""The development chain: Anvil as a child process on loopback.

Berlin rules, zero price and no base fee, so that what runs here runs on a consortium chain. `finalized` means nothing
on it. A kill -9 loses what was not yet written to the state file (a second at most); SIGTERM writes all of it.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from devnet.supervisor import require_free
from salus.core.errors import SetupError, UnavailableError

CHAIN_ID = 31337
_ROOT = Path(__file__).resolve().parent.parent
_POLL_SECONDS = 0.02
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class AnvilSettings:
    """One chain. `state` is a file that survives a restart (None: the chain dies with the process), `block_seconds` the
    period (None: blocks only on `evm_mine`), `gas_limit` that of a block, `rules` the hard fork of its EVM."""

    port: int
    state: Path | None = None
    block_seconds: int | None = 1
    chain_id: int = CHAIN_ID
    gas_limit: int = 60_000_000
    rules: str = "berlin"


def anvil_binary() -> Path:
    """Anvil itself: `SALUS_ANVIL`, else the one npm installed.

    npm's own `anvil` command is a Node script that leaves its child behind when it is killed, so it is passed over.

    Raises:
        SetupError: there is none.
    """
    if named := os.environ.get("SALUS_ANVIL"):
        if not Path(named).is_file():
            raise SetupError(f"SALUS_ANVIL names {named}, which is no file: correct or unset it")
        return Path(named)
    for found in sorted((_ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil")):
        return found
    raise SetupError("Anvil is not installed: run `tools/install.sh runtime`, or set SALUS_ANVIL to its path")


def anvil_command(settings: AnvilSettings) -> tuple[str, ...]:
    """Command line of a chain."""
    command = [str(anvil_binary()), "--host", "127.0.0.1", "--port", str(settings.port)]
    command += ["--chain-id", str(settings.chain_id), "--hardfork", settings.rules]
    command += ["--gas-price", "0", "--block-base-fee-per-gas", "0", "--gas-limit", str(settings.gas_limit)]
    command += ["--order", "fifo", "--quiet"]
    command += ["--no-mining"] if settings.block_seconds is None else ["--block-time", str(settings.block_seconds)]
    if settings.state is not None:
        command += ["--state", str(settings.state), "--state-interval", "1"]
    return tuple(command)


def is_ready(port: int, chain_id: int = CHAIN_ID, host: str = "127.0.0.1") -> bool:
    """Whether a chain of that id answers on a port."""
    try:
        return bool(_ask(port, "eth_chainId", host=host) == hex(chain_id))
    except (OSError, http.client.HTTPException, ValueError):
        return False


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Anvil:
    """A running chain; use it as a context, or `start` and `stop`.

    `log` takes what Anvil prints (a temporary file when None).
    """

    def __init__(self, settings: AnvilSettings, log: Path | None = None) -> None:
        self.settings = settings
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of its JSON-RPC."""
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._child.pid if self._child is not None else None

    def start(self, patience: float = 30) -> None:
        """Start and wait until it answers.

        Raises:
            SetupError: the port is taken, or Anvil ended at once.
            UnavailableError: it does not answer within `patience` seconds.
        """
        require_free(self.settings.port, otherwise="choose another port")
        if self.settings.state is not None:
            self.settings.state.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") if self._log is not None else tempfile.TemporaryFile() as log:
            child = subprocess.Popen(
                anvil_command(self.settings), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._child = child
        deadline = time.monotonic() + patience
        while not is_ready(self.settings.port, self.settings.chain_id):
            if child.poll() is not None:
                self._child = None
                raise SetupError(f"Anvil ended with {child.returncode} at once: run its command by hand to see why")
            if time.monotonic() > deadline:
                self.kill()
                raise UnavailableError("Anvil does not answer")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop gently, so that the state file is complete; a child that does not end in 20 seconds is killed."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def kill(self) -> None:
        """Kill at once, as a power cut would."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()

    @contextmanager
    def instant(self) -> Iterator[None]:
        """A block per transaction while inside; see `instant_blocks`."""
        with instant_blocks(self.settings.port, self.settings.block_seconds or 0):
            yield

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


@contextmanager
def instant_blocks(port: int, block_seconds: int = 1) -> Iterator[None]:
    """A block per transaction, at once, while inside: for deploying. Time does not run ahead of the clock.

    Not for load: Anvil slows down under a deep pool in this mode.
    """
    _ask(port, "evm_setAutomine", True)  # noqa: FBT003 - a JSON-RPC parameter
    try:
        yield
    finally:
        _ask(port, "evm_setAutomine", False)  # noqa: FBT003 - as above
        _ask(port, "evm_setIntervalMining", block_seconds)


def _ask(port: int, method: str, *params: object, host: str = "127.0.0.1") -> object:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        connection.request("POST", "/", body, {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        return answer.get("result")
    finally:
        connection.close()
