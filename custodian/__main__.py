"""`python -m custodian [serve|accept-chain|audit|repair]`: keep and release shares, accept a shortened chain, count
shares, get lost ones back.
"""

from __future__ import annotations

import argparse
import sys

from custodian import runtime, settings
from salus.core.errors import SalusError
from salus.core.ids import hex32


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when a part is wrong."""
    parser = argparse.ArgumentParser(prog="custodian", description=__doc__)
    parser.add_argument("command", nargs="?", default="serve", choices=("serve", "accept-chain", "audit", "repair"))
    command = parser.parse_args(argv).command
    try:
        told = settings.read()
        if command == "serve":
            runtime.serve(told)
        elif command == "audit":
            found = runtime.audit(told, lambda _: None)
            for source, holding in found.sources.items():
                sys.stdout.write(f"{hex32(source)} {holding}\n")
            return 0 if found.is_whole else 1
        elif command == "repair":
            mended = runtime.repair(told, lambda _: None)
            sys.stdout.write("\n".join(mended.lines()) + "\n")
            return 0 if mended.is_done else 1
        else:
            number = runtime.accept_chain(told)
            sys.stdout.write(f"accepted the chain up to block {number}; the custodian's log has an entry of it\n")
    except SalusError as error:
        sys.stderr.write(f"custodian: {error.diagnostics()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
