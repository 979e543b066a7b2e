"""Checks the laws of tests/forge/symbolic/ for all inputs with halmos: `make symbolic`.

halmos compiles a small project of its own (.cache/symbolic: the contracts, the laws, nothing else), so it does not wait
for the whole test tree. Standard library only: it runs in the audit environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".cache" / "symbolic"
HALMOS = ROOT / ".venv-audit" / "bin" / "halmos"
_LINKS = ("contracts", "node_modules", "tools", "tests/forge/symbolic", "tests/forge/Vm.sol")
_SOLVER_SECONDS = 600


def main(arguments: list[str]) -> int:
    """Exit code of halmos: 0 if every law holds for all inputs. Arguments are handed on."""
    for name in _LINKS:
        link = WORK / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(ROOT / name)
    settings = (ROOT / "foundry.toml").read_text(encoding="utf-8")
    (WORK / "foundry.toml").write_text(settings.replace(".cache/forge", "cache"), encoding="utf-8")
    binaries = sorted((ROOT / "node_modules" / "@foundry-rs").glob("forge-*/bin"))
    path = os.pathsep.join([*map(str, binaries), str(ROOT / ".tools" / "node"), os.environ["PATH"]])
    command = [str(HALMOS), "--match-contract", "Symbolic$", "--no-status"]
    command += ["--solver-timeout-assertion", f"{_SOLVER_SECONDS}s", *arguments]
    return subprocess.run(command, cwd=WORK, env=dict(os.environ, PATH=path), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
