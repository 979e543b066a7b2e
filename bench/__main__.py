"""Run every benchmark, or those named: `python -m bench [NAME …]`."""

from __future__ import annotations

import subprocess
import sys

ALL = ("ingest", "path", "access", "receipt", "log_lookup")


def main(names: list[str]) -> int:
    """Run benchmarks one after another, each in a process of its own; returns how many failed."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        sys.stderr.write(f"bench: no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}\n")
        return 2
    failed = 0
    for name in names or ALL:
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        failed += subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
