"""Mutation testing of the contracts: `make mutants`, or `python -m tools.mutate --sample 100 Council Policy`.

Each mutant is compiled and tested in a copy of the project; a test that fails kills it, one that does not compile is
not counted. Survivors need a reason in tools/mutants.toml (equivalent, or why no test can tell); one without a reason
is an error, and so is a share of killed mutants below 95 %. Results are kept in reports/mutants.json as they come, so
Ctrl-C loses nothing and the next run goes on. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from tools.mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".cache" / "mutants"
RESULTS = ROOT / "reports" / "mutants.json"
REASONS = ROOT / "tools" / "mutants.toml"
GOAL = 0.95
# Which tests are asked first; the whole suite is asked only when these let a mutant live.
FIRST = {
    "Council": "tests/forge/council/*",
    "ParticipantRegistry": "tests/forge/participants/*",
    "SubjectRegistry": "tests/forge/subjects/*",
    "RecordRegistry": "tests/forge/records/*",
    "ConsentRegistry": "tests/forge/consents/*",
    "AccessGateway": "tests/forge/gateway/*",
    "AuditLog": "tests/forge/log/*",
}
ELSEWHERE = "tests/forge/libraries/*"
# Most mutants die by a test without chance: a little fuzzing is asked first, all of it when that lets one live.
QUICK = {"FOUNDRY_FUZZ_RUNS": "16", "FOUNDRY_INVARIANT_RUNS": "4"}


def targets(names: list[str]) -> list[Path]:
    """Contracts, libraries and types, or those named."""
    files = [*(ROOT / "contracts").glob("*.sol"), *(ROOT / "contracts/libraries").glob("*.sol")]
    files += (ROOT / "contracts/types").glob("*.sol")
    return [file for file in sorted(files) if not names or file.stem in names]


def prepare(work: Path) -> None:
    """A copy of what forge needs."""
    shutil.rmtree(work / "contracts", ignore_errors=True)
    shutil.rmtree(work / "tests", ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "contracts", work / "contracts")
    shutil.copytree(ROOT / "tests" / "forge", work / "tests" / "forge")
    shutil.copytree(ROOT / "deployments", work / "deployments", dirs_exist_ok=True)
    for name in ("node_modules", "tools"):
        if not (work / name).exists():
            (work / name).symlink_to(ROOT / name)
    settings = (
        (ROOT / "foundry.toml")
        .read_text()
        .replace("[profile.default]", "[profile.default]\ndynamic_test_linking = true", 1)
    )
    (work / "foundry.toml").write_text(settings)


def forge(work: Path, *arguments: str, seconds: float = 600, effort: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and output of forge in the copy; `effort` are settings in its environment."""
    binary = next((ROOT / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"))
    try:
        done = subprocess.run(
            [binary, *arguments],
            cwd=work,
            env=dict(os.environ, FOUNDRY_PROFILE="default", **(effort or {})),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, "out of time"
    return done.returncode, done.stdout + done.stderr


def verdict(mutant: Mutant, work: Path) -> str:
    """killed, survived or stillborn."""
    path = work / mutant.file
    original = path.read_text()
    path.write_text(mutant.applied(original))
    try:
        first = FIRST.get(Path(mutant.file).stem, ELSEWHERE)
        for pattern, effort in ((first, QUICK), (first, {}), ("tests/forge/*", {})):
            code, output = forge(work, "test", "--fail-fast", "--match-path", pattern, effort=effort)
            if code and "ompiler run failed" in output:
                return "stillborn"
            if code:
                return "killed"
        return "survived"
    finally:
        path.write_text(original)


def report(found: dict[str, dict[str, str]]) -> int:
    """Print the figures; 1 if a survivor has no reason or too many live."""
    reasons = tomllib.loads(REASONS.read_text())["reason"] if REASONS.exists() else {}
    counted = {name: one for name, one in found.items() if one["verdict"] != "stillborn"}
    alive = {name: one for name, one in counted.items() if one["verdict"] == "survived"}
    equivalent = {name for name in alive if reasons.get(name, "").startswith("equivalent")}
    able = len(counted) - len(equivalent)
    killed = len(counted) - len(alive)
    for name, one in alive.items():
        print(f"  {name} {one['file']}:{one['line']} {one['kind']}: {one['after'].strip()}")
        print(f"           {reasons.get(name, 'NO REASON: write a test that kills it, or say why none can')}")
    share = killed / able if able else 1.0
    print(
        f"{killed} of {able} non-equivalent mutants killed, {share:.1%} (goal {GOAL:.0%}); {len(equivalent)} equivalent"
    )
    return int(share < GOAL or any(name not in reasons for name in alive))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contracts", nargs="*", help="names of contracts, libraries or types; all if none is named")
    parser.add_argument("--sample", type=int, help="this many, drawn by --seed, instead of all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time (default: one a core)")
    parser.add_argument("--list", action="store_true", help="list the mutants and stop")
    parser.add_argument("--again", action="store_true", help="forget earlier results")
    arguments = parser.parse_args()
    chosen = [
        mutant
        for file in targets(arguments.contracts)
        for mutant in mutants_of(str(file.relative_to(ROOT)), file.read_text())
    ]
    if arguments.sample and arguments.sample < len(chosen):
        chosen = random.Random(arguments.seed).sample(chosen, arguments.sample)
        chosen.sort(key=lambda one: (one.file, one.line))  # file by file: what is put back compiles again
    if arguments.list:
        for mutant in chosen:
            change = f"{mutant.before.strip()}  →  {mutant.after.strip()}"
            print(f"{mutant.id} {mutant.file}:{mutant.line} {mutant.kind}: {change}")
        print(f"{len(chosen)} mutants")
        return 0
    found = {} if arguments.again or not RESULTS.exists() else json.loads(RESULTS.read_text())
    free: SimpleQueue[Path] = SimpleQueue()
    for number in range(arguments.jobs):
        prepare(WORK / str(number))
        free.put(WORK / str(number))
    code, output = forge(WORK / "0", "test")
    if code:
        print(f"the tests fail without any change:\n{output[-2000:]}")
        return 1
    RESULTS.parent.mkdir(exist_ok=True)
    began, lock = time.monotonic(), Lock()

    def judge(mutant: Mutant) -> None:
        work = free.get()
        try:
            result = verdict(mutant, work)
        finally:
            free.put(work)
        with lock:
            found[mutant.id] = {
                "file": mutant.file,
                "line": str(mutant.line),
                "kind": mutant.kind,
                "after": mutant.after,
                "verdict": result,
            }
            RESULTS.write_text(json.dumps(found, indent=1))
            known = sum(one.id in found for one in chosen)
            print(f"{known}/{len(chosen)} {mutant.id} {result} {time.monotonic() - began:.0f} s", flush=True)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(judge, [mutant for mutant in chosen if mutant.id not in found]))
    return report({mutant.id: found[mutant.id] for mutant in chosen})


if __name__ == "__main__":
    sys.exit(main())
