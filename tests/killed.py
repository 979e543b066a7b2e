"""Something done in a process of its own that dies, as by SIGKILL, before its n-th step on files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def killed_at(step: int, do: Callable[[], object], steps: tuple[str, ...]) -> bool:
    """Do it, and die before a step: an event of the interpreter's own audit whose name begins so.

    Returns whether it died. Whatever else goes wrong in it, or an exit code that it returns, is a failure here.
    """
    child = os.fork()
    if child == 0:
        left = [step]

        def count(event: str, _arguments: object) -> None:
            if event.startswith(steps):
                left[0] -= 1
                if left[0] < 0:
                    os._exit(137)

        try:
            sys.addaudithook(count)
            result = do()
        except BaseException:  # noqa: BLE001 - the process ends here
            os._exit(1)
        os._exit(result if isinstance(result, int) else 0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, 137}
    return code == 137
