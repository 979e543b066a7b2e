"""Ganache 7.9.2 as a child process on loopback: a second engine to run the contracts on, for tests only.

Berlin rules, zero price and a block per transaction, with the accounts of the development mnemonic.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from devnet.anvil import CHAIN_ID, is_ready
from salus.core.errors import SetupError, UnavailableError

_ROOT = Path(__file__).resolve().parent.parent
_CLI = _ROOT / "node_modules" / "ganache" / "dist" / "node" / "cli.js"
_POLL_SECONDS = 0.1


class Ganache:
    """A running chain; use it as a context."""

    def __init__(self, port: int, mnemonic: str, chain_id: int = CHAIN_ID) -> None:
        self.port = port
        self.chain_id = chain_id
        self._mnemonic = mnemonic
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of its JSON-RPC."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """Command line; node itself, so that its pid is the chain's.

        Raises:
            SetupError: Ganache or node is not installed.
        """
        local = _ROOT / ".tools" / "node" / "node"
        node = str(local) if local.exists() else shutil.which("node")
        if node is None or not _CLI.exists():
            raise SetupError("Ganache is not installed: run `tools/install.sh test`")
        command = [node, str(_CLI), "--server.host", "127.0.0.1", "--server.port", str(self.port)]
        command += ["--chain.chainId", str(self.chain_id), "--chain.networkId", str(self.chain_id)]
        command += ["--chain.hardfork", "berlin", "--miner.defaultGasPrice", "0x0", "--miner.blockGasLimit", "60000000"]
        return [*command, "--wallet.totalAccounts", "20", "--wallet.mnemonic", self._mnemonic, "--logging.quiet"]

    def start(self, patience: float = 60) -> None:
        """Start and wait until it answers.

        Raises:
            SetupError: it ended at once.
            UnavailableError: it does not answer within `patience` seconds.
        """
        with tempfile.TemporaryFile() as log:
            self._child = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "NODE_OPTIONS": ""},
            )
        deadline = time.monotonic() + patience
        while not is_ready(self.port, self.chain_id):
            if self._child.poll() is not None:
                raise SetupError(f"Ganache ended with {self._child.returncode} at once: is the port taken?")
            if time.monotonic() > deadline:
                self.stop()
                raise UnavailableError("Ganache does not answer")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop it; the chain is gone."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
