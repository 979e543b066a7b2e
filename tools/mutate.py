"""Mutation testing of the contracts: `make mutants`, or `python -m tools.mutate --sample 100 Council Policy`.

Each mutant is compiled and tested in a copy of the project; a test that fails kills it, one that does not compile is
not counted. Survivors need a reason in tools/mutants.toml (equivalent, or why no test can tell); one without a reason
is an error, and so is a share of killed mutants below 95 %. Verdicts are kept in snapshots/mutants.json as they come:
Ctrl-C loses nothing, and the next run judges what is new or was changed. Standard library only.
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
RESULTS = ROOT / "snapshots" / "mutants.json"
REASONS = ROOT / "tools" / "mutants.toml"
GOAL = 0.95
OUT_OF_TIME = "out of time"
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
        return 1, OUT_OF_TIME
    return done.returncode, done.stdout + done.stderr


def verdict(mutant: Mutant, work: Path) -> str:
    """killed, survived or stillborn; empty when the machine was too slow to tell."""
    path = work / mutant.file
    original = path.read_text()
    path.write_text(mutant.applied(original))
    try:
        first = FIRST.get(Path(mutant.file).stem, ELSEWHERE)
        for pattern, effort in ((first, QUICK), (first, {}), ("tests/forge/*", {})):
            code, output = forge(work, "test", "--fail-fast", "--match-path", pattern, effort=effort)
            if code and "ompiler run failed" in output:
                return "stillborn"
            if output == OUT_OF_TIME:
                return ""
            if code:
                return "killed"
        return "survived"
    finally:
        path.write_text(original)


def report(chosen: list[Mutant], found: dict[str, str]) -> int:
    """Print the figures; 1 if a survivor has no reason, too many live, or some were not judged."""
    reasons = tomllib.loads(REASONS.read_text())["reason"] if REASONS.exists() else {}
    counted = [one for one in chosen if found.get(one.id) in ("killed", "survived")]
    alive = [one for one in counted if found[one.id] == "survived"]
    equivalent = sum(reasons.get(one.id, "").startswith("equivalent") for one in alive)
    able, killed = len(counted) - equivalent, len(counted) - len(alive)
    for one in alive:
        print(f"  {one.id} {one.file}:{one.line} {one.kind}: {one.after.strip()}")
        print(f"           {reasons.get(one.id, 'NO REASON: write a test that kills it, or say why none can')}")
    share = killed / able if able else 1.0
    print(f"{killed} of {able} non-equivalent mutants killed, {share:.1%} (goal {GOAL:.0%}); {equivalent} equivalent")
    left = sum(one.id not in found for one in chosen)
    if left:
        print(f"{left} of {len(chosen)} not judged yet: run this again")
    return int(share < GOAL or left > 0 or any(one.id not in reasons for one in alive))


def keep(found: dict[str, str]) -> None:
    """Write the verdicts, whole or not at all."""
    scratch = RESULTS.with_suffix(".new")
    scratch.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")
    scratch.replace(RESULTS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contracts", nargs="*", help="names of contracts, libraries or types; all if none is named")
    parser.add_argument("--sample", type=int, help="this many, drawn by --seed, instead of all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time (default: one a core)")
    parser.add_argument("--list", action="store_true", help="list the mutants and stop")
    parser.add_argument("--report", action="store_true", help="only say what earlier runs came to")
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
    found: dict[str, str] = {} if arguments.again or not RESULTS.exists() else json.loads(RESULTS.read_text())
    if arguments.report:
        return report(chosen, found)
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
            if result:
                found[mutant.id] = result
                keep(found)
            known = sum(one.id in found for one in chosen)
            print(
                f"{known}/{len(chosen)} {mutant.id} {result or OUT_OF_TIME} {time.monotonic() - began:.0f} s",
                flush=True,
            )

    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(judge, [mutant for mutant in chosen if mutant.id not in found]))
    return report(chosen, found)


if __name__ == "__main__":
    sys.exit(main())
