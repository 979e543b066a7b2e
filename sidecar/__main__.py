"""The sidecar: `python -m sidecar [serve|once]`.

serve  make the node follow the registry until told to stop
once   look once, tell the node what differs, and end
"""

from __future__ import annotations

import argparse
import sys

from salus.core.errors import SalusError
from sidecar import runtime, settings


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when something is wrong."""
    parser = argparse.ArgumentParser(
        prog="sidecar", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", default="serve", choices=("serve", "once"))
    command = parser.parse_args(argv).command
    try:
        told = settings.read()
        if command == "serve":
            runtime.serve(told)
        else:
            for action in runtime.once(told):
                sys.stdout.write(f"{action.verb} {action.target.hex()}\n")
    except SalusError as error:
        sys.stderr.write(f"sidecar: {error.diagnostics()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
