"""The services of Salus as processes of their own: set up in a folder, started, killed, asked over loopback sockets.

`Grounds` holds what all services of one world read (deployment, passphrase, addresses of custodians, content) and makes
them; nothing is started by that. A service's folder survives its process.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.staff import make_client_key, public_jwk
from devnet.anvil import free_port
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_outbox import DatabaseOutbox
from salus.adapters.keys import keystore, x25519
from salus.core.hashing import keccak
from salus.core.ids import hex32
from salus.flows.admit import add_operator
from tests.integration.world import ChainWorld

ROOT = Path(__file__).resolve().parents[2]
CUSTODIANS = ("custodian-1", "custodian-2", "custodian-3")
SCOPES = ("records:open", "consents:read", "audit:read", "destroy")
CLIENT = "ward"
_PASSPHRASE = "for tests only"


@dataclass
class Service:
    """`python -m PACKAGE` with its settings (names without prefix); `port` is where it answers HTTP."""

    package: str
    folder: Path
    settings: dict[str, str]
    port: int
    child: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        """Environment of the process."""
        return dict(os.environ) | {f"SALUS_{self.package.upper()}_{name}": told for name, told in self.settings.items()}

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin; see `await_ready`."""
        with (self.folder / f"{self.package}.log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", self.package],
                cwd=ROOT,
                env=self.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at a terminal is for whoever started it, who then stops it
            )

    def await_ready(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until it answers `/ready` with 200, doing something in between."""
        while self.get("/ready") is None:
            assert self.child is not None
            assert self.child.poll() is None, self.log()
            meanwhile()
            time.sleep(0.05)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of the service, to its end."""
        return subprocess.run(
            [sys.executable, "-m", self.package, *words],
            cwd=ROOT,
            env=self.environ,
            check=False,
            capture_output=True,
            text=True,
        )

    def kill(self) -> None:
        """Die at once."""
        self.end(signal.SIGKILL)

    def stop(self) -> int | None:
        """End in order; the exit code, or None if it did not run."""
        return self.end(signal.SIGTERM) if self.child is not None and self.child.poll() is None else None

    def end(self, how: signal.Signals) -> int:
        """Send a signal and wait for the end."""
        assert self.child is not None
        self.child.send_signal(how)
        return self.child.wait()

    def log(self) -> str:
        """What it wrote."""
        return (self.folder / f"{self.package}.log").read_text()

    def get(self, path: str) -> Any:
        """JSON of a path; None unless it is answered with 200."""
        try:
            status, body = self.ask("GET", path)
            return json.loads(body) if status == 200 else None
        except (OSError, http.client.HTTPException):
            return None

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = {}) -> tuple[int, bytes]:
        """Status and body of an answer; raises when there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body or None, dict(headers))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


class Grounds:
    """One folder with what the services of a world share."""

    def __init__(self, world: ChainWorld, folder: Path) -> None:
        self.world = world
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._write("passphrase", _PASSPHRASE)
        self._write("deployment.json", json.dumps(world.deployment.to_json()))
        self.custodians = [self._custodian(name) for name in CUSTODIANS]
        self._tell_custodians(self.custodians)

    @property
    def content(self) -> Path:
        """Folder of envelopes."""
        return self.folder / "content"

    @property
    def index_url(self) -> str:
        """Database of the watch."""
        return f"sqlite:///{self.folder / 'index.db'}"

    def oracle(self, source: str, name: str, authority: str, **more: str) -> Service:
        """The oracle of a source, with an operator account of its own; further settings by name."""
        party, folder = self.world.party(source), self._made("oracle")
        own = keystore.create(folder / "operator.json", _PASSPHRASE, secrets.token_bytes, keystore.LIGHT)
        deadline = self.world.reader.head().timestamp + 600
        add_operator(party.participant, own, deadline, party.writer, self.world.reader)
        (folder / "site").write_text(secrets.token_hex(32))
        settings = {
            "PARTICIPANT_ID": hex32(party.participant),
            "DATABASE_URL": f"sqlite:///{folder / 'oracle.db'}",
            "KEYSTORE": str(folder / "operator.json"),
            "PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "SITE_KEY_FILE": str(folder / "site"),
            "CONTENT": str(self.content),
            "CUSTODIANS": str(self.folder / "custodians.json"),
            "CUSTODIAN_SET": str(self.world.custodian_set),
            "NAME": name,
            "AUTHORITY": authority,
            "MLLP_PORT": str(free_port()),
        }
        settings |= more
        self._begin(settings["DATABASE_URL"])
        return self._service("oracle", folder, settings, "HTTP_PORT")

    def _begin(self, url: str) -> None:
        """Let an oracle's database begin at the present block: what earlier tests anchored for the source no custodian
        of these has, and is not to be caught up with."""
        engine = open_engine(url)
        try:
            migrate(engine, "oracle")
            DatabaseOutbox(OracleDatabase(engine)).reopen((), (), self.world.reader.final())
        finally:
            engine.dispose()

    def second_oracle(self, first: Service, source: str) -> Service:
        """Another oracle on the journal of one: its settings, with doors and an operator account of its own."""
        party, folder = self.world.party(source), self._made("oracle-2")
        own = keystore.create(folder / "operator.json", _PASSPHRASE, secrets.token_bytes, keystore.LIGHT)
        deadline = self.world.reader.head().timestamp + 600
        add_operator(party.participant, own, deadline, party.writer, self.world.reader)
        settings = {"KEYSTORE": str(folder / "operator.json"), "MLLP_PORT": str(free_port())}
        kept = {name: told for name, told in first.settings.items() if name != "HTTP_PORT"}
        return self._service("oracle", folder, kept | settings, "HTTP_PORT")

    def watch(self, **more: str) -> Service:
        """The watch."""
        settings = {"DATABASE_URL": self.index_url, "POLL_SECONDS": "0.2"}
        return self._service("watch", self.folder, settings | more)

    def api(self, name: str, scopes: Sequence[str] = SCOPES, **more: str) -> Service:
        """An institution's API; the key of its staff client `CLIENT` is `client.pem` in its folder."""
        folder = self._made(name)
        for account in ("operator", "second", "api-relay-1", "api-relay-2"):
            secret = keccak(f"integration|{account}|{name}".encode())
            keystore.store(folder / f"{account}.json", _PASSPHRASE, secret, keystore.LIGHT)
        make_client_key(folder / "client.pem")
        client = {"client_id": CLIENT, "scopes": list(scopes), "jwks": {"keys": [public_jwk(folder / "client.pem")]}}
        (folder / "clients.json").write_text(json.dumps({"clients": [client]}))
        settings = {
            "PARTICIPANT_ID": hex32(self.world.party(name).participant),
            "DATABASE_URL": f"sqlite:///{folder / 'api.db'}",
            "INDEX_URL": self.index_url,
            "OPERATOR_KEYSTORE": str(folder / "operator.json"),
            "SECOND_KEYSTORE": str(folder / "second.json"),
            "RELAY_KEYSTORES": f"{folder / 'api-relay-1.json'},{folder / 'api-relay-2.json'}",
            "PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "CONTENT": str(self.content),
            "CUSTODIANS": str(self.folder / "custodians.json"),
            "CLIENTS": str(folder / "clients.json"),
        }
        return self._service("api", folder, settings | more)

    def another_custodian(self, name: str) -> Service:
        """A custodian beside the three; services that start from now on know its address."""
        made = self._custodian(name)
        self._tell_custodians([*self.custodians, made])
        return made

    def _tell_custodians(self, services: Sequence[Service]) -> None:
        urls = {service.settings["PARTICIPANT_ID"]: service.url for service in services}
        self._write("custodians.json", json.dumps(urls))

    def _custodian(self, name: str) -> Service:
        party, folder = self.world.party(name), self._made(name)
        key = keccak(f"integration|operator|{name}".encode())
        keystore.store(folder / "operator.json", _PASSPHRASE, key, keystore.LIGHT)
        x25519.store(folder / "x25519.key", _PASSPHRASE, party.encryption_key, secrets.token_bytes, x25519.LIGHT)
        settings = {
            "PARTICIPANT_ID": hex32(party.participant),
            "DATABASE_URL": f"sqlite:///{folder / 'custodian.db'}",
            "OPERATOR_KEYSTORE": str(folder / "operator.json"),
            "ENCRYPTION_KEY": str(folder / "x25519.key"),
            "PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "PERIOD_KEYS": str(folder / "period-keys"),
            "SWEEP_SECONDS": "1",
        }
        return self._service("custodian", folder, settings)

    def _service(self, package: str, folder: Path, settings: dict[str, str], port_name: str = "PORT") -> Service:
        port = free_port()
        told = {
            "RPC_URL": self.world.anvil.url,
            "DEPLOYMENT": str(self.folder / "deployment.json"),
            port_name: str(port),
        }
        return Service(package, folder, told | settings, port)

    def _made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


def start_all(services: Sequence[Service], meanwhile: Callable[[], None] = lambda: None) -> None:
    """Start several services at once and wait for all."""
    for service in services:
        service.start()
    for service in services:
        service.await_ready(meanwhile)


def stop_all(services: Sequence[Service]) -> None:
    """End all that still run."""
    for service in services:
        service.stop()
