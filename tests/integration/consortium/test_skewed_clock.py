"""A process whose clock a drill shifts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.consortium.drill.skewed_clock import skewed

ROOT = Path(__file__).resolve().parents[3]
ASK = "from custodian.runtime import SystemClock; import time; print(SystemClock().now(), time.time_ns() // 10**9)"


@pytest.mark.parametrize("seconds", [120, -120])
def test_skewed__a_services_clock__is_off_by_that_and_nobody_elses(tmp_path: Path, seconds: int) -> None:
    environment = {**os.environ, **skewed(tmp_path, ROOT, seconds)}
    before = time.time()
    said = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    after = time.time()
    for moment in map(int, said.stdout.split()):
        assert int(before) <= moment - seconds <= after
