"""A Python part whose clock is wrong: `sitecustomize` for its process, by PYTHONPATH.

Python imports a module of that name before anything else, so `time.time` is shifted before any module takes it. What
asks the system itself (`datetime.now`, files' times) sees the right time; no rule of Salus does. Chosen over a library
that is preloaded, because nothing has to be installed, and only the part that is told is shifted.
"""

from __future__ import annotations

from pathlib import Path

SECONDS = "DRILL_CLOCK_AHEAD_SECONDS"
_SOURCE = f'''"""The clock of this process is wrong on purpose (salus consortium drill)."""

import os
import time

_seconds = int(os.environ["{SECONDS}"])
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _seconds
time.time_ns = lambda: _time_ns() + _seconds * 1_000_000_000
'''


def skewed(folder: Path, root: Path, seconds: int) -> dict[str, str]:
    """Environment of a part whose clock is ahead by some seconds (behind, if negative); `root` is the checkout."""
    place = folder / "skewed-clock"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(_SOURCE)
    return {"PYTHONPATH": f"{place}:{root}", SECONDS: str(seconds)}
