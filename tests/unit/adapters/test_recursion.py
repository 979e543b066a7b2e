"""Adapters leave the interpreter's recursion limit as it was."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["api.runtime", "custodian.runtime", "oracle.runtime", "watch.runtime"])
def test_import__of_a_service__recursion_limit_stays(module: str) -> None:
    # py_ecc lifts it to 100,000, and then a JSON body of nothing but brackets ends the process.
    program = f"import sys; before = sys.getrecursionlimit(); import {module}; print(before == sys.getrecursionlimit())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
