"""`python -m oracle [serve|check]`: take messages in and bring them to the chain, or look whether it could."""

from __future__ import annotations

import argparse
import sys

from oracle import runtime, settings
from salus.core.errors import SalusError


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when a part is wrong."""
    parser = argparse.ArgumentParser(prog="oracle", description=__doc__)
    parser.add_argument("command", nargs="?", default="serve", choices=("serve", "check"))
    command = parser.parse_args(argv).command
    try:
        told = settings.read()
        if command == "serve":
            runtime.serve(told)
            return 0
        return _check(told)
    except SalusError as error:
        sys.stderr.write(f"oracle: {error.diagnostics()}\n")
        return 1


def _check(told: settings.Settings) -> int:
    with runtime.opened(told) as parts:
        findings = runtime.preflight(parts)
    for finding in findings:
        sys.stdout.write(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {finding.detail}\n")
        if finding.advice and not finding.ok:
            sys.stdout.write(f"     {finding.advice}\n")
    return int(any(finding.needed and not finding.ok for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
