"""Runs the project's checks one after another and says what each took: `tools/check.py lint unit forge`.

Every stage runs even if an earlier one failed; the exit code is 1 if any did. Stages that compute run beside those that
wait for blocks, and print when both are done. Of stages with real services up to three tests that failed are run once
more, by themselves: what passes then is called unsteady, aloud and again at the end, and is to be mended. The last line
is the sum of all tests, in the form 'N passed, N failed, N skipped'.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).resolve().parent.parent
BIN = ".venv/bin"
NO_TEST_SELECTED = 5  # pytest's exit code
DEEP_TIMES = 6  # as long as a stage may take otherwise
MOST_AGAIN = 3


@dataclass(frozen=True)
class Stage:
    """One command; it is skipped while no file below `folders` matches `pattern`. `waits`: blocks and clocks, not the
    processor, make it long. `again`: its services and chains run on a machine that others use, too."""

    name: str
    command: tuple[str, ...]
    folders: tuple[str, ...] = ()
    pattern: str = "test_*.py"
    deep: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    seconds: int = 1200
    waits: bool = False
    again: bool = False

    def has_work(self) -> bool:
        return not self.folders or any(
            file for folder in self.folders for file in (ROOT / folder).rglob(self.pattern) if file.is_file()
        )


def _pytest(folder: str, *options: str) -> tuple[str, ...]:
    return (f"{BIN}/pytest", folder, "-q", "--no-header", "--durations=5", "--durations-min=2", *options)


_EVERYTHING = ("-m", "")
_CONSORTIUM = "tests/integration/consortium"
# The configuration is named because solhint, left to find it, reports nothing at all.
_SOLHINT = ("solhint", "--noPoster", "--max-warnings", "0", "-c", ".solhintrc.yaml", "contracts/**/*.sol")

GROUPS: dict[str, tuple[Stage, ...]] = {
    "lint": (
        Stage("format", (f"{BIN}/ruff", "format", "--check", "--quiet")),
        Stage("ruff", (f"{BIN}/ruff", "check", "--quiet")),
        Stage("mypy", (f"{BIN}/mypy",)),
        Stage("imports", (f"{BIN}/lint-imports", "--no-logo", "--cache-dir", ".cache/import-linter")),
        Stage("forge fmt", ("forge", "fmt", "--check"), ("contracts", "tests/forge"), "*.sol"),
        Stage("solhint", _SOLHINT, ("contracts",), "*.sol"),
        Stage("artifacts", (f"{BIN}/python", "tools/artifacts.py", "--check"), ("contracts",), "*.sol"),
        Stage("snapshots", (f"{BIN}/python", "-m", "tools.snapshots", "--check"), ("contracts",), "*.sol"),
    ),
    "unit": (Stage("unit", _pytest("tests/unit", "-n", "2"), ("tests/unit",), deep=_EVERYTHING),),
    "brownie": (
        Stage("brownie", ("tools/brownie", "test", "tests/contracts"), ("tests/contracts",), deep=_EVERYTHING),
    ),
    "ape": (Stage("ape", ("tools/ape", "test", "tests/ape", "--no-showlocals", "--tb=short"), ("tests/ape",)),),
    "forge": (
        Stage("forge", ("forge", "test"), ("tests/forge",), "*.t.sol", environment={"FOUNDRY_PROFILE": "default"}),
    ),
    "audit": (Stage("slither", (".venv-audit/bin/python", "tools/audit.py"), ("contracts",), "*.sol"),),
    "symbolic": (Stage("halmos", (".venv-audit/bin/python", "tools/symbolic.py"), ("tests/forge/symbolic",), "*.sol"),),
    "differential": (
        Stage(
            "differential",
            _pytest("tests/integration/differential"),
            ("tests/integration/differential",),
            deep=_EVERYTHING,
        ),
    ),
    "integration": (
        Stage(
            "integration",
            _pytest("tests/integration", "--ignore", _CONSORTIUM),
            ("tests/integration",),
            deep=_EVERYTHING,
            seconds=3000,
            waits=True,
            again=True,
        ),
        Stage("consortium", _pytest(_CONSORTIUM), (_CONSORTIUM,), deep=_EVERYTHING, seconds=3600, again=True),
    ),
    "acceptance": (Stage("acceptance", _pytest("tests/acceptance"), ("tests/acceptance",), deep=_EVERYTHING),),
}
ALIASES = {"contracts": ("forge", "brownie", "ape")}
LANES = (("forge", "ape"), ("consortium",))
"""Stages that run beside the one that waits, each lane one after another. Not brownie: on a busy machine it takes a
transaction that is not mined yet for a dropped one."""

_COUNT = re.compile(r"(\d+) (?:tests? )?(passed|failed|skipped|errors?)\b")
_PYTEST_SUMMARY = re.compile(r"^=*\s*(?:\d+ [a-z]+(?:, )?)+ in [\d.]+s")
_FORGE_SUMMARY = re.compile(r"^Ran \d+ test suites? in ")
_FAILED = re.compile(r"^FAILED (tests/\S+?::.+?)(?: - .*)?$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Totals:
    """Tests counted from the summary lines of pytest and forge."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    unsteady: list[str] = field(default_factory=list)

    def add(self, other: Totals) -> None:
        """Count another's too."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.unsteady += other.unsteady

    def read(self, line: str) -> None:
        plain = _COLOUR.sub("", line)
        if not (_PYTEST_SUMMARY.match(plain) or _FORGE_SUMMARY.match(plain)):
            return
        for number, word in _COUNT.findall(plain):
            if word == "passed":
                self.passed += int(number)
            elif word == "skipped":
                self.skipped += int(number)
            else:
                self.failed += int(number)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def _lines(stage: Stage, command: Iterable[str], environment: dict[str, str]) -> Iterator[str | int]:
    """The command's output line by line, then its exit code (124 when it ran out of time)."""
    process = subprocess.Popen(
        list(command),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    out_of_time: list[bool] = []

    def stop() -> None:
        out_of_time.append(True)
        process.send_signal(signal.SIGINT)  # as Ctrl-C: fixtures end what they started

    timer = Timer(stage.seconds, stop)
    timer.start()
    try:
        assert process.stdout is not None
        yield from process.stdout
        yield 124 if process.wait() and out_of_time else process.returncode
    finally:
        timer.cancel()


Say = Callable[[str], None]


def _say(text: str) -> None:
    print(text, flush=True)


def run(stage: Stage, totals: Totals, *, deep: bool, environment: dict[str, str], say: Say = _say) -> bool:
    """Run one stage, count its tests, and say what it prints; whether it passed."""
    if not stage.has_work():
        say(f"── {stage.name}: skipped, no {stage.pattern} in {' or '.join(stage.folders)} yet")
        return True
    say(f"── {stage.name}")
    if deep:
        stage = replace(stage, seconds=stage.seconds * DEEP_TIMES)
    start = time.monotonic()
    failures = totals.failed
    command = (*stage.command, *(stage.deep if deep else ()))
    overlay = stage.environment | ({"FOUNDRY_PROFILE": "deep"} if deep and stage.name == "forge" else {})
    code, names = _told(stage, command, environment | overlay, totals, say)
    if stage.again and code == 1 and 0 < len(names) == totals.failed - failures <= MOST_AGAIN:
        say(f"── {stage.name}: {len(names)} failed; once more, by themselves")
        if _told(stage, (stage.command[0], *names, "-q", "--no-header"), environment, Totals(), say)[0] == 0:
            totals.failed, totals.passed, code = failures, totals.passed + len(names), 0
            totals.unsteady += names
    if code == NO_TEST_SELECTED and not deep and stage.deep:
        say(f"{stage.name} holds deep tests only: make test-deep")
        code = 0
    if code == 0 and totals.failed > failures:
        code = 1  # a runner that counts failures and ends with 0 is not believed
    verdict = {0: "ok", 124: f"FAILED: took longer than {stage.seconds} s"}.get(code, f"FAILED with exit code {code}")
    say(f"── {stage.name}: {verdict}, {time.monotonic() - start:.1f} s")
    return code == 0


def _told(
    stage: Stage, command: Sequence[str], environment: dict[str, str], totals: Totals, say: Say
) -> tuple[int, list[str]]:
    """Run a command, count its tests and say what it prints: its exit code, and the tests that pytest says failed."""
    code, names = 0, list[str]()
    for line in _lines(stage, command, environment):
        if isinstance(line, int):
            code = line
            continue
        totals.read(line)
        say(line.removesuffix("\n"))
        if found := _FAILED.match(_COLOUR.sub("", line.rstrip())):
            names.append(found[1])
    return code, names


def run_all(stages: Sequence[Stage], totals: Totals, *, deep: bool, environment: dict[str, str]) -> list[str]:
    """Run stages, those of a lane beside the one that waits; names of those that failed."""
    lanes = [[stage for name in lane for stage in stages if stage.name == name] for lane in LANES]
    beside = [lane for lane in lanes if lane]
    failed: list[str] = []
    for stage in stages:
        if stage.waits and beside:
            with ThreadPoolExecutor(len(beside)) as pool:
                others = [pool.submit(_quietly, lane, deep, environment) for lane in beside]
                passed = run(stage, totals, deep=deep, environment=environment)
                ended = [other.result() for other in others]
            for lost, counted, said in ended:
                _say(said)
                totals.add(counted)
                failed += lost
        elif any(stage in lane for lane in beside) and any(one.waits for one in stages):
            continue
        else:
            passed = run(stage, totals, deep=deep, environment=environment)
        failed += [] if passed else [stage.name]
    return failed


def _quietly(stages: Sequence[Stage], deep: bool, environment: dict[str, str]) -> tuple[list[str], Totals, str]:
    """Run stages one after another: those that failed, what was counted, and all they said."""
    said: list[str] = []
    counted = Totals()
    failed = [s.name for s in stages if not run(s, counted, deep=deep, environment=environment, say=said.append)]
    return failed, counted, "\n".join(said)


def main() -> int:
    names = [*GROUPS, *ALIASES]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="+", choices=names, metavar="stage", help=", ".join(names))
    parser.add_argument("--deep", action="store_true", help="also what takes minutes")
    arguments = parser.parse_args()
    stages = [s for name in arguments.stages for group in ALIASES.get(name, (name,)) for s in GROUPS[group]]

    # Foundry's own programs come first: npm's `forge` is a script that ends with 0 whatever forge says.
    foundry = sorted((ROOT / "node_modules" / "@foundry-rs").glob("*-*-*/bin"))
    places = (*foundry, ROOT / ".tools" / "node", ROOT / "node_modules" / ".bin")
    environment = os.environ | {"PATH": os.pathsep.join([*map(str, places), os.environ["PATH"]])}
    totals = Totals()
    start = time.monotonic()
    failed = run_all(stages, totals, deep=arguments.deep, environment=environment)
    print(f"── {len(stages)} stages in {time.monotonic() - start:.0f} s; failed: {', '.join(failed) or 'none'}")
    for name in totals.unsteady:
        print(f"── UNSTEADY, passed when run again: {name}")
    if failed and not totals.failed:
        totals.failed = len(failed)
    if totals.passed or totals.failed:
        print(totals)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
