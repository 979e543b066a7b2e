"""`python -m api`: serve one institution."""

from __future__ import annotations

import argparse
import sys

from api import runtime, settings
from salus.core.errors import SalusError


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; 0 then, 1 when a part is wrong."""
    argparse.ArgumentParser(prog="api", description=__doc__).parse_args(argv)
    try:
        runtime.serve(settings.read())
    except SalusError as error:
        sys.stderr.write(f"api: {error.diagnostics()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
