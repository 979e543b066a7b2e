"""Two institutions' APIs as processes of their own, beside a watch and three custodians on a real chain."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from salus.adapters.api_client import ApiClient
from salus.adapters.content.folder import FolderStore
from tests.integration.custodian.conftest import ChainStage, stage
from tests.integration.services import CLIENT, Service, start_all, stop_all

__all__ = ["stage"]


@dataclass
class ApiSite:
    """One institution's API, with the key of its staff client."""

    process: Service
    client: ApiClient

    @property
    def url(self) -> str:
        return self.process.url

    def assertion(self, person: str = "dr-li", role: str = "PHYSICIAN") -> str:
        now = int(time.time())
        claims = {
            "iss": CLIENT,
            "sub": CLIENT,
            "aud": f"{self.url}/oauth/token",
            "iat": now,
            "exp": now + 120,
            "jti": uuid4().hex,
            "person": person,
            "role": role,
        }
        return jwt.encode(claims, (self.process.folder / "client.pem").read_text(), algorithm="ES256")

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
def site(stage: ChainStage) -> Iterator[ApiStage]:
    grounds = stage.grounds
    services = [grounds.watch(), *(grounds.api(name) for name in ("hospital-a", "checkup"))]
    hospital, source = (ApiSite(service, ApiClient(service.url)) for service in services[1:])
    with ticking(stage.mine):
        try:
            start_all(services)
            yield ApiStage(stage, FolderStore(grounds.content), hospital, source)
        finally:
            stop_all(services)
            hospital.client.close()
            source.client.close()


class ticking:  # noqa: N801 - a context manager reads like a verb
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
