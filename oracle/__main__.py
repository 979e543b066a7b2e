"""`python -m oracle [serve|check|sources]`: take messages in and bring them to the chain; look whether it could; check
the source files."""

from __future__ import annotations

import argparse
import sys

from oracle import settings
from oracle.checks import Finding
from salus.core.errors import SalusError, SetupError


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when a part is wrong."""
    parser = argparse.ArgumentParser(prog="oracle", description=__doc__)
    parser.add_argument("command", nargs="?", default="serve", choices=("serve", "check", "sources"))
    command = parser.parse_args(argv).command
    from oracle import runtime  # noqa: PLC0415 - reading processes import this module, and need none of it

    try:
        if command == "sources":
            return _sources()
        told = settings.read()
        if command == "serve":
            runtime.serve(told)
            return 0
        with runtime.opened(told) as parts:
            return _show(runtime.preflight(parts))
    except SalusError as error:
        sys.stderr.write(f"oracle: {error.diagnostics()}\n")
        return 1


def _sources() -> int:
    from oracle import runtime  # noqa: PLC0415 - as in `main`
    from oracle.sources.listing import described  # noqa: PLC0415 - as in `main`

    told = settings.read_sources()
    if told.folder is None:
        raise SetupError(f"set {settings.PREFIX}SOURCES to the folder of source files")
    for source in runtime.sources_of(told, told.folder):
        row = described(source)
        sys.stdout.write("  ".join(f"{name}={value}" for name, value in row.items() if value) + "\n")
    return 0


def _show(findings: list[Finding]) -> int:
    for finding in findings:
        sys.stdout.write(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {finding.detail}\n")
        if finding.advice and not finding.ok:
            sys.stdout.write(f"     {finding.advice}\n")
    return int(any(finding.needed and not finding.ok for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
