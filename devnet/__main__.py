"""`python -m devnet`: a chain with a consortium on it, for contract developers. Everything is gone when it stops.

Anvil with a block per transaction; addresses and accounts are the same every time.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from devnet.anvil import Anvil, AnvilSettings
from devnet.consortium import CAST, DEPLOYER, RELAY, Consortium, found
from salus.adapters.keys.hd import DerivedAccounts
from salus.core.errors import SalusError
from salus.core.ids import hex32

EXAMPLE = Path(__file__).with_name("consent_example.py")
_DEFAULT_URL = "http://127.0.0.1:8545"


def main() -> int:
    """Start, print, and wait for SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m devnet", description=__doc__)
    parser.add_argument("--port", type=int, default=8545, help="loopback port of its JSON-RPC (8545)")
    parser.add_argument("--json", action="store_true", help="print one JSON line instead of text")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # set, for a shell's background jobs begin with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        with Anvil(AnvilSettings(arguments.port)) as anvil, anvil.instant():
            consortium = found(anvil.url)
            print(json.dumps(facts(consortium)) if arguments.json else told(consortium), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except SalusError as error:
        print(f"devnet: {error.diagnostics()}", file=sys.stderr)
        return 1
    return 0


def example(consortium: Consortium) -> str:
    """The consent example for this chain."""
    return EXAMPLE.read_text().replace(_DEFAULT_URL, consortium.url)


def accounts() -> dict[str, int]:
    """Index in the mnemonic by name."""
    council = {f"council-{number}": index for number, index in enumerate(range(3), 1)}
    members = {name: member.index for name, member in CAST.items()}
    return {**council, **members, "relay": RELAY, "deployer": DEPLOYER}


def facts(consortium: Consortium) -> dict[str, object]:
    """Everything a program wants to know."""
    words = DerivedAccounts(consortium.words)
    return {
        "rpc": consortium.url,
        "chainId": consortium.deployment.chain_id,
        "mnemonic": consortium.words,
        "contracts": {name: items[-1].address for name, items in consortium.deployment.contracts.items()},
        "accounts": {name: words.plain(index).address for name, index in accounts().items()},
        "participants": {name: hex32(participant) for name, participant in consortium.participants.items()},
    }


def told(consortium: Consortium) -> str:
    """The same for people, with the example."""
    words = DerivedAccounts(consortium.words)
    lines = [f"Chain {consortium.deployment.chain_id} at {consortium.url}, a block per transaction. Stop: Ctrl-C.", ""]
    lines += [f"  {name:20} {items[-1].address}" for name, items in consortium.deployment.contracts.items()]
    lines += ["", f"Accounts of the mnemonic `{consortium.words}`, m/44'/60'/0'/0/n:", ""]
    for name, index in accounts().items():
        participant = consortium.participants.get(name)
        shown = f"  participant {hex32(participant)[:12]}…" if participant else ""
        lines.append(f"  n={index:<3} {name:12} {words.plain(index).address}{shown}")
    lines += ["", "Paste into PYTHONPATH=. .venv/bin/python:", "", example(consortium)]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
