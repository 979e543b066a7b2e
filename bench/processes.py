"""Memory and processor time of running processes, from /proc (Linux)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds since the watch began, resident megabytes, CPU seconds since the process began."""

    at: float
    megabytes: float
    cpu_seconds: float


@dataclass(slots=True)
class Watched:
    """A process with its children, sampled again and again."""

    name: str
    pid: int
    samples: list[Sample] = field(default_factory=list)

    def sample(self, at: float) -> None:
        """Look once."""
        pids = family(self.pid)
        self.samples.append(
            Sample(at, sum(map(resident, pids)) / 1e6, sum(map(cpu_seconds, pids))),
        )

    def near(self, at: float) -> Sample:
        """The sample nearest to a time."""
        return min(self.samples, key=lambda sample: abs(sample.at - at))

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds between the first sample and the last one at which it still ran."""
        return max(sample.cpu_seconds for sample in self.samples) - self.samples[0].cpu_seconds


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            found += family(int(child))
    return found


def resident(pid: int) -> int:
    """Resident bytes of one process, 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def cpu_seconds(pid: int) -> float:
    """Processor time of one process so far, without its children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK
