"""`python -m devnet`: what it prints is there, and its example runs as it is printed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devnet.__main__ import accounts, example, told
from devnet.anvil import free_port
from devnet.consortium import CAST, Consortium
from salus.adapters.chain.connect import connect
from salus.core.ids import Address, ParticipantId, from_hex
from salus.core.policy import ParticipantStatus
from salus.flows.deploy import Deployed, Deployment
from tests.integration.cli.chains import ROOT, SETTINGS, failures


@pytest.fixture(scope="module")
def devnet() -> Iterator[dict[str, Any]]:
    """The facts a running devnet prints."""
    command = [sys.executable, "-m", "devnet", "--json", "--port", str(free_port())]
    # In the background of a script, where SIGINT is ignored: it must end by SIGTERM all the same.
    child = subprocess.Popen(["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())
    finally:
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0


def consortium_of(facts: dict[str, Any]) -> Consortium:
    contracts = {name: (Deployed(Address(address), bytes(32)),) for name, address in facts["contracts"].items()}
    ids = {name: ParticipantId(from_hex(text)) for name, text in facts["participants"].items()}
    return Consortium(facts["rpc"], SETTINGS, Deployment(facts["chainId"], contracts), ids)


def test_devnet__running__has_admitted_everybody_it_names(devnet: dict[str, Any]) -> None:
    chain = connect(devnet["rpc"], devnet["contracts"]["Council"])
    at = chain.reader.head()
    assert set(devnet["participants"]) == set(CAST)
    for name, text in devnet["participants"].items():
        state = chain.reader.participant(ParticipantId(from_hex(text)), at)
        assert (state.status, state.kind, state.roles) == (ParticipantStatus.ACTIVE, CAST[name].kind, CAST[name].roles)
        assert chain.reader.operator_of(devnet["accounts"][name], at) == from_hex(text)
    assert chain.reader.custodian_set(1, at).threshold == 2
    chain.close()


def test_devnet__running__is_a_sound_deployment(devnet: dict[str, Any]) -> None:
    found = failures(devnet["rpc"], consortium_of(devnet).deployment)
    assert {finding.check for finding in found} == {"file"}, "only the digests this test made up"


def test_example__as_it_is_printed__runs_from_grant_to_denial(devnet: dict[str, Any], tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    text = example(consortium_of(devnet))
    assert devnet["rpc"] in text
    assert devnet["contracts"]["Council"] in text
    script.write_text(text)
    for _ in range(2):  # it can be pasted again
        done = subprocess.run(
            [sys.executable, str(script)],
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        lines = done.stdout.splitlines()
        assert lines[0].startswith("granted ")
        assert lines[1:] == ["asked, the code is 1", "asked after the patient revoked, the code is 20"]


def test_text__for_people__names_every_account_and_contract(devnet: dict[str, Any]) -> None:
    text = told(consortium_of(devnet))
    for name, index in accounts().items():
        assert f"n={index:<3} {name}" in text
        assert devnet["accounts"][name] in text
    assert all(address in text for address in devnet["contracts"].values())


def test_page__about_contract_development__shows_the_example_that_runs() -> None:
    page = (ROOT / "docs" / "contract-development.md").read_text()
    assert (ROOT / "devnet" / "consent_example.py").read_text() in page
    for name in accounts():
        assert name.rstrip("123") in page
