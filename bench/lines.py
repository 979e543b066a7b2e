"""How a benchmark prints: one line per figure, with the machine it was taken on and the command that repeats it."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent


def line(name: str, figure: str, goal: str, module: str) -> None:
    """Print one figure; `goal` is what the issue asks for, or empty."""
    wanted = f" (goal {goal})" if goal else ""
    command = " ".join(("python -m", f"bench.{module}", *sys.argv[1:]))
    sys.stdout.write(f"{name}: {figure}{wanted}  [{machine()}; {command}]\n")
    sys.stdout.flush()


def machine() -> str:
    """CPU model, cores and Python of this machine."""
    model = platform.machine()
    for entry in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if entry.startswith("model name"):
            model = entry.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def fsync_milliseconds(folder: Path, size: int = 4096, times: int = 300) -> float:
    """Median milliseconds of one append of `size` bytes with fdatasync in a folder."""
    block, taken = os.urandom(size), []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(times):
            began = time.perf_counter()
            os.write(file.fileno(), block)
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return percentile(taken, 0.5)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """An empty folder on the disk of this checkout (a temporary folder may be memory), removed at the end."""
    (ROOT / ".cache" / "bench").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=ROOT / ".cache" / "bench"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Progress:
    """What long work is at, on standard error; one line that is rewritten where that is a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._last = 0.0

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, text: str, every: float = 0.0) -> None:
        """Show a text, unless the last one is less than `every` seconds old (ten times that without a terminal)."""
        now = time.monotonic()
        if now - self._last < every * (1 if self._status is not None else 10):
            return
        self._last = now
        if self._status is not None:
            self._status.update(text)
        else:
            self._console.print(f"  … {text}", highlight=False)


def run(main: Callable[[], None]) -> None:
    """Run a benchmark; Ctrl-C and SIGTERM end it with one line, after everything is cleaned up."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        main()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(130)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
