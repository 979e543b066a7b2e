"""`python -m custodian [serve|accept-chain]`: keep and release shares, or accept a chain that lost blocks."""

from __future__ import annotations

import argparse
import sys

from custodian import runtime, settings
from salus.core.errors import SalusError


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when a part is wrong."""
    parser = argparse.ArgumentParser(prog="custodian", description=__doc__)
    parser.add_argument("command", nargs="?", default="serve", choices=("serve", "accept-chain"))
    command = parser.parse_args(argv).command
    try:
        told = settings.read()
        if command == "serve":
            runtime.serve(told)
        else:
            number = runtime.accept_chain(told)
            sys.stdout.write(f"accepted the chain up to block {number}; the custodian's log has an entry of it\n")
    except SalusError as error:
        sys.stderr.write(f"custodian: {error.diagnostics()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
