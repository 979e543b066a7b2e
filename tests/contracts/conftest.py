"""One consortium per test module; every test starts from the same chain state."""

import sys
import time
from pathlib import Path

import pytest

# This suite runs in Brownie's environment, which knows nothing of the project's own import paths.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from brownie import web3  # noqa: E402 (as below)
from web3.exceptions import TransactionNotFound  # noqa: E402
from world import World  # noqa: E402 (needs the path above)

_MINED_SECONDS = 5.0


@pytest.fixture(scope="session", autouse=True)
def patient_look_ups():
    """A busy Anvil counts a sender's nonce a moment before it finds the transaction and its receipt; Brownie calls that
    one dropped."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("get_transaction", "get_transaction_receipt"):
            patch.setattr(web3.eth, name, _patient(getattr(web3.eth, name)))
        yield


def _patient(find):
    def found(txid):
        deadline = time.monotonic() + _MINED_SECONDS
        while True:
            try:
                return find(txid)
            except TransactionNotFound:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    return found


@pytest.fixture(scope="module")
def deployed(module_isolation):
    """The plan deployed, nobody admitted."""
    return World()


@pytest.fixture(scope="module")
def consortium(deployed):
    """The whole cast admitted."""
    deployed.admit_all()
    return deployed


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    """Undo what a test does."""
