"""An oracle and three custodians as processes of their own, on a real chain."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devnet.anvil import free_port
from salus.adapters.keys import keystore, x25519
from salus.core.hashing import keccak
from salus.core.ids import ParticipantId, hex32
from salus.flows.admit import add_operator
from tests.integration.world import ChainWorld

ROOT = Path(__file__).resolve().parents[3]
CUSTODIANS = ("custodian-1", "custodian-2", "custodian-3")
SOURCE = "hospital-b"
_PASSPHRASE = "for tests only"


@dataclass
class Service:
    """One process; its folder survives a restart."""

    package: str
    folder: Path
    environ: dict[str, str]
    port: int
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", self.package],
                cwd=ROOT,
                env=dict(os.environ) | self.environ,
                stdout=log,
                stderr=log,
            )
        while self.get("/ready") is None:
            assert self.child.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)

    def get(self, path: str) -> dict[str, Any] | None:
        """JSON of a path; None unless it is answered with 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            found = json.loads(response.read())
            return found if response.status == 200 else None
        except OSError:
            return None
        finally:
            connection.close()

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def kill(self) -> None:
        """Die at once."""
        assert self.child is not None
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        """End in order."""
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()
            self.child.wait()


@dataclass
class Stack:
    """Custodians, and the oracle of one source."""

    world: ChainWorld
    custodians: list[Service]
    oracle: Service
    mllp_port: int
    source: ParticipantId
    folder: Path

    def await_idle(self) -> None:
        """Wait until everything taken in is anchored."""
        while True:
            ready = self.oracle.get("/ready")
            names = ("pendingMessages", "waitingVersions", "openBatches", "openInvalidations")
            if ready is not None and not any(ready[name] for name in names):
                return
            time.sleep(0.1)

    def close(self) -> None:
        """Stop all."""
        for service in (self.oracle, *self.custodians):
            service.stop()


def prepare(world: ChainWorld, folder: Path) -> Stack:
    """Keys and settings of everything; nothing is started."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "passphrase").write_text(_PASSPHRASE)
    (folder / "deployment.json").write_text(json.dumps(world.deployment.to_json()))
    custodians = [_custodian(world, folder, name) for name in CUSTODIANS]
    urls = {
        hex32(world.party(name).participant): f"http://127.0.0.1:{service.port}"
        for name, service in zip(CUSTODIANS, custodians, strict=True)
    }
    (folder / "custodians.json").write_text(json.dumps(urls))
    (folder / "site").write_text(secrets.token_hex(32))
    party = world.party(SOURCE)
    own = keystore.create(folder / "oracle-operator.json", _PASSPHRASE, secrets.token_bytes, keystore.LIGHT)
    deadline = world.reader.head().timestamp + 600
    add_operator(party.participant, own, deadline, party.writer, world.reader)
    (folder / "oracle").mkdir()
    http_port, mllp_port = free_port(), free_port()
    settings = {
        "PARTICIPANT_ID": hex32(party.participant),
        "RPC_URL": world.anvil.url,
        "DEPLOYMENT": str(folder / "deployment.json"),
        "DATABASE_URL": f"sqlite:///{folder / 'oracle' / 'oracle.db'}",
        "KEYSTORE": str(folder / "oracle-operator.json"),
        "PASSPHRASE_FILE": str(folder / "passphrase"),
        "SITE_KEY_FILE": str(folder / "site"),
        "CONTENT": str(folder / "content"),
        "CUSTODIANS": str(folder / "custodians.json"),
        "CUSTODIAN_SET": str(world.custodian_set),
        "NAME": "Hospital B",
        "AUTHORITY": "HB",
        "MLLP_PORT": str(mllp_port),
        "HTTP_PORT": str(http_port),
    }
    environ = {f"SALUS_ORACLE_{name}": value for name, value in settings.items()}
    oracle = Service("oracle", folder / "oracle", environ, http_port)
    return Stack(world, custodians, oracle, mllp_port, party.participant, folder)


def _custodian(world: ChainWorld, base: Path, name: str) -> Service:
    party, folder = world.party(name), base / name
    folder.mkdir()
    key = keccak(f"integration|operator|{name}".encode())
    keystore.store(folder / "operator.json", _PASSPHRASE, key, keystore.LIGHT)
    x25519.store(folder / "x25519.key", _PASSPHRASE, party.encryption_key, secrets.token_bytes, x25519.LIGHT)
    port = free_port()
    settings = {
        "PARTICIPANT_ID": hex32(party.participant),
        "RPC_URL": world.anvil.url,
        "DEPLOYMENT": str(base / "deployment.json"),
        "DATABASE_URL": f"sqlite:///{folder / 'custodian.db'}",
        "OPERATOR_KEYSTORE": str(folder / "operator.json"),
        "ENCRYPTION_KEY": str(folder / "x25519.key"),
        "PASSPHRASE_FILE": str(base / "passphrase"),
        "PERIOD_KEYS": str(folder / "period-keys"),
        "PORT": str(port),
    }
    environ = {f"SALUS_CUSTODIAN_{member}": value for member, value in settings.items()}
    return Service("custodian", folder, environ, port)
