"""Fuzz a way in, led by coverage: `python -m bench.fuzz [NAME …] [--seconds N]` (see `tests.fuzz.laws` for the names).

    make fuzz                                  every law, five minutes each
    python -m bench.fuzz read --seconds 3600   one of them, an hour
    python -m bench.fuzz --again               everything found before, without atheris

Needs atheris, which `make fuzz` installs into an environment of its own; without it, or with --blind, inputs are
changed at random and coverage leads nowhere. An input that breaks its law is written to `tests/fuzz/found/NAME/`, where
the unit tests pick it up: mend, then commit it. What reaches something new is kept in `.cache/fuzz/NAME`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from random import Random

from bench.lines import ROOT, line
from tests.fuzz.laws import LAWS
from tests.fuzz.seeds import mutate, seeds

FOUND = ROOT / "tests" / "fuzz" / "found"
_MOST = 65_536


def main() -> int:
    """Fuzz; 0 when every law held."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(LAWS)}; all without")
    parser.add_argument("--seconds", type=int, default=300, help="of each law")
    parser.add_argument("--blind", action="store_true", help="change inputs at random, without coverage")
    parser.add_argument("--again", action="store_true", help="only check what was found before")
    options = parser.parse_args()
    unknown = set(options.names) - set(LAWS)
    if unknown:
        parser.error(f"no law is called {', '.join(sorted(unknown))}")
    names = options.names or list(LAWS)
    broken = [name for name in names if not _holds(name, options)]
    return int(bool(broken))


def _holds(name: str, options: argparse.Namespace) -> bool:
    known = _again(name)
    if options.again or not known:
        return known
    if options.blind or importlib.util.find_spec("atheris") is None:
        runs, held = _blind(name, options.seconds)
        line(f"fuzz {name}", f"{runs} inputs at random, {'held' if held else 'broken'}", "held", "fuzz")
        return held
    command = [sys.executable, "-m", "bench.fuzz_led", name, str(options.seconds)]
    before = set((FOUND / name).glob("*"))
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, check=False)
    found = set((FOUND / name).glob("*")) - before
    for one in sorted(found):
        sys.stdout.write(f"broken by {one.relative_to(ROOT)}\n")
    held = done.returncode == 0 and not found
    line(
        f"fuzz {name}", f"{time.monotonic() - began:.0f} s by coverage, {'held' if held else 'broken'}", "held", "fuzz"
    )
    return held


def _again(name: str) -> bool:
    held = True
    for one in sorted((FOUND / name).glob("*")):
        try:
            LAWS[name](one.read_bytes())
        except Exception as error:  # noqa: BLE001 - whatever broke it is told
            sys.stdout.write(f"{name} is broken by {one.relative_to(ROOT)}: {type(error).__name__}: {error}\n")
            held = False
    return held


def _blind(name: str, seconds: int) -> tuple[int, bool]:
    random, runs, ends = Random(), 0, time.monotonic() + seconds
    pool = list(seeds(name))
    while time.monotonic() < ends:
        data = mutate(name, random.choice(pool), random, _MOST)
        runs += 1
        try:
            LAWS[name](data)
        except Exception:  # noqa: BLE001 - kept, and told by its file
            _keep(name, data)
            return runs, False
        if runs % 20 == 0 and len(pool) < 2000:
            pool.append(data)
    return runs, True


def _keep(name: str, data: bytes) -> Path:
    file = FOUND / name / hashlib.sha256(data).hexdigest()[:12]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


if __name__ == "__main__":
    sys.exit(main())
