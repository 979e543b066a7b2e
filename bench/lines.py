"""How a benchmark prints: one line per figure, with the machine it was taken on and the command that repeats it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from pathlib import Path


def line(name: str, figure: str, goal: str, module: str) -> None:
    """Print one figure; `goal` is what the issue asks for, or empty."""
    wanted = f" (goal {goal})" if goal else ""
    sys.stdout.write(f"{name}: {figure}{wanted}  [{machine()}; python -m bench.{module}]\n")
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


def fsync_milliseconds(size: int = 4096, times: int = 200) -> float:
    """Median milliseconds of one append of `size` bytes with fdatasync in the temporary folder."""
    block, taken = os.urandom(size), []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(times):
            began = time.perf_counter()
            os.write(file.fileno(), block)
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return percentile(taken, 0.5)
