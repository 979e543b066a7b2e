"""Two institutions' APIs as processes of their own, beside a watch and three custodians on a real chain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from devnet.anvil import free_port
from salus.adapters.api_client import ApiClient
from salus.adapters.content.folder import FolderStore
from salus.adapters.keys import keystore
from salus.core.hashing import keccak
from salus.core.ids import hex32
from tests.integration.custodian.conftest import ChainStage, stage
from tests.integration.world import ChainWorld

__all__ = ["stage"]

ROOT = Path(__file__).resolve().parents[3]
_PASSPHRASE = "for tests only"
_CLIENT = "ward"


@dataclass
class Process:
    """One service in a process; its folder survives a restart."""

    package: str
    folder: Path
    environ: dict[str, str]
    port: int
    child: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with (self.folder / f"{self.package}.log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", self.package], cwd=ROOT, env=self.environ, stdout=log, stderr=log
            )

    def await_ready(self) -> None:
        while not self._answers():
            assert self.child is not None
            assert self.child.poll() is None, self.log()
            time.sleep(0.2)

    def kill(self) -> None:
        assert self.child is not None
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()
            self.child.wait()

    def log(self) -> str:
        return (self.folder / f"{self.package}.log").read_text()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass
class ApiSite:
    """One institution's API, with the key of its staff client."""

    process: Process
    key: ec.EllipticCurvePrivateKey
    client: ApiClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.process.port}"

    def assertion(self, person: str = "dr-li", role: str = "PHYSICIAN") -> str:
        now = int(time.time())
        claims = {
            "iss": _CLIENT,
            "sub": _CLIENT,
            "aud": f"{self.url}/oauth/token",
            "iat": now,
            "exp": now + 120,
            "jti": uuid4().hex,
            "person": person,
            "role": role,
        }
        return jwt.encode(claims, self.key, algorithm="ES256")

    def ask_token(self, assertion: str) -> httpx.Response:
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": kind,
            "client_assertion": assertion,
        }
        return httpx.post(f"{self.url}/oauth/token", data=form, timeout=30)

    def staff(self, person: str = "dr-li") -> str:
        return str(self.ask_token(self.assertion(person)).json()["access_token"])

    def restart(self) -> None:
        self.process.kill()
        self.process.start()
        self.process.await_ready()


@dataclass
class ApiStage:
    """Everything: the custody stage, the content folder, and the APIs of the reader and of the source."""

    custody: ChainStage
    content: FolderStore
    hospital: ApiSite
    source: ApiSite

    def await_indexed(self, access_id: str, token: str) -> dict[str, Any]:
        """The access as the index of the watch has it, once it has."""
        while True:
            answer = httpx.get(
                f"{self.hospital.url}/v1/accesses/{access_id}", headers={"authorization": f"Bearer {token}"}, timeout=30
            )
            if answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                return found
            assert answer.status_code == 404, answer.text
            time.sleep(0.2)


@pytest.fixture(scope="module")
def site(chain: ChainWorld, stage: ChainStage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    base = tmp_path_factory.mktemp("api")
    common = _common(chain, stage, base)
    watch = _watch(common, base)
    hospital, source = (_api(chain, name, common, base / name) for name in ("hospital-a", "checkup"))
    processes = [watch, hospital.process, source.process]
    with _ticking(stage.mine):
        try:
            for process in processes:
                process.start()
            for process in processes:
                process.await_ready()
            yield ApiStage(stage, FolderStore(base / "content"), hospital, source)
        finally:
            for process in processes:
                process.stop()
            hospital.client.close()
            source.client.close()


def _common(chain: ChainWorld, stage: ChainStage, base: Path) -> dict[str, str]:
    (base / "passphrase").write_text(_PASSPHRASE)
    (base / "deployment.json").write_text(json.dumps(chain.deployment.to_json()))
    urls = {hex32(custodian): f"http://127.0.0.1:{process.port}" for custodian, process in stage.processes.items()}
    (base / "custodians.json").write_text(json.dumps(urls))
    return {
        "RPC_URL": chain.anvil.url,
        "DEPLOYMENT": str(base / "deployment.json"),
        "INDEX_URL": f"sqlite:///{base / 'index.db'}",
        "PASSPHRASE_FILE": str(base / "passphrase"),
        "CONTENT": str(base / "content"),
        "CUSTODIANS": str(base / "custodians.json"),
    }


def _watch(common: dict[str, str], base: Path) -> Process:
    port = free_port()
    told = {
        "RPC_URL": common["RPC_URL"],
        "DEPLOYMENT": common["DEPLOYMENT"],
        "DATABASE_URL": common["INDEX_URL"],
        "POLL_SECONDS": "0.2",
        "PORT": str(port),
    }
    environ = dict(os.environ) | {f"SALUS_WATCH_{name}": value for name, value in told.items()}
    return Process("watch", base, environ, port)


def _api(chain: ChainWorld, name: str, common: dict[str, str], folder: Path) -> ApiSite:
    folder.mkdir()
    labels = {
        "operator": f"operator|{name}",
        "second": f"second|{name}",
        "relay-1": f"api-relay-1|{name}",
        "relay-2": f"api-relay-2|{name}",
    }
    for file, label in labels.items():
        secret = keccak(f"integration|{label}".encode())
        keystore.store(folder / f"{file}.json", _PASSPHRASE, secret, keystore.LIGHT)
    key, port = ec.generate_private_key(ec.SECP256R1()), free_port()
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    scopes = ["records:open", "consents:read", "audit:read", "destroy"]
    clients = {"clients": [{"client_id": _CLIENT, "scopes": scopes, "jwks": {"keys": [jwk]}}]}
    (folder / "clients.json").write_text(json.dumps(clients))
    told = common | {
        "PARTICIPANT_ID": hex32(chain.party(name).participant),
        "DATABASE_URL": f"sqlite:///{folder / 'api.db'}",
        "OPERATOR_KEYSTORE": str(folder / "operator.json"),
        "SECOND_KEYSTORE": str(folder / "second.json"),
        "RELAY_KEYSTORES": f"{folder / 'relay-1.json'},{folder / 'relay-2.json'}",
        "CLIENTS": str(folder / "clients.json"),
        "PORT": str(port),
    }
    environ = dict(os.environ) | {f"SALUS_API_{member}": value for member, value in told.items()}
    return ApiSite(Process("api", folder, environ, port), key, ApiClient(f"http://127.0.0.1:{port}"))


class _ticking:  # noqa: N801 - a context manager reads like a verb
    """A block every half second, as a chain has them."""

    def __init__(self, mine: Callable[[], None]) -> None:
        self._mine = mine
        self._stop = Event()
        self._thread = Thread(target=self._run, name="blocks")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            self._mine()
