"""The watch: `python -m watch [serve|verify|rebuild|acknowledge]`.

serve        follow the chain until told to stop
verify       compare the index with one made from the chain alone, and log heads with the contract
rebuild      make the index anew from the chain (stop the watch first)
acknowledge  close the alerts that wait for a person, and print them
"""

from __future__ import annotations

import argparse
import sys

from salus.core.errors import SalusError
from watch import runtime, settings


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when the index differs or a part is wrong."""
    parser = argparse.ArgumentParser(
        prog="watch", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", default="serve", choices=("serve", "verify", "rebuild", "acknowledge"))
    command = parser.parse_args(argv).command
    try:
        told = settings.read()
        if command == "serve":
            runtime.serve(told)
        elif command == "rebuild":
            made = runtime.rebuild_index(told)
            sys.stdout.write(f"rebuilt up to block {made.block}: {made.digest.hex()}\n")
        elif command == "acknowledge":
            for alert in runtime.acknowledge(told):
                sys.stdout.write(f"closed: {alert.kind} at block {alert.block}: {alert.detail}\n")
        else:
            return _verify(told)
    except SalusError as error:
        sys.stderr.write(f"watch: {error.diagnostics()}\n")
        return 1
    return 0


def _verify(told: settings.Settings) -> int:
    kept, fresh, differing = runtime.verify(told)
    if kept == fresh and not differing:
        sys.stdout.write(f"the index is what the chain says, up to block {kept.block}: {kept.digest.hex()}\n")
        return 0
    sys.stdout.write(
        f"the index differs from the chain at block {kept.block} ({differing} log heads differ): "
        "stop the watch and run `python -m watch rebuild`\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
