"""Start, watch and stop the parts of a network on one machine: a process and a log file each.

Only processes this supervisor started are ever stopped: a part is known by its pid and the kernel's start time of that
pid, so a number that was given to somebody else since is left alone.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from salus.adapters.alone import alone
from salus.core.errors import ConflictError, SetupError, UnavailableError

_POLL_SECONDS = 0.1
_LOCK_SECONDS = 30.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Part:
    """One process: its command, its environment beyond the caller's, the loopback ports it binds, and when it is ready.

    `ready` returns True once the part serves; it may raise OSError meanwhile. `settle` is done once it and
    all that are started with it are, at each start: what the part has to be told before it works.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    ready: Callable[[], bool] = lambda: True
    settle: Callable[[], None] = lambda: None


class Supervisor:
    """Parts of one state folder: logs in `logs/`, running parts in `parts.json`. Several processes may use one folder.

    Its methods raise SetupError where `parts.json` can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "parts.json"
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    def running(self) -> dict[str, int]:
        """Pids of parts that are alive."""
        return {name: pid for name, (pid, born) in self._recorded().items() if _born(pid) == born}

    def log(self, name: str) -> Path:
        """Log file of a part."""
        return self.folder / "logs" / f"{name}.log"

    def start(self, parts: Iterable[Part], patience: float = 60) -> None:
        """Start parts and wait until all are ready.

        Raises:
            ConflictError: a part of this folder runs already.
            SetupError: a port is taken, or a part ended before it was ready.
            UnavailableError: a part was not ready in time.
        """
        wanted = list(parts)
        alive = self.running()
        for part in wanted:
            if part.name in alive:
                raise ConflictError(
                    f"{part.name} is running already (pid {alive[part.name]}): run `make down` first",
                    advice="A consortium is stopped by `salus consortium down`, what a drill left by `drill --stop`.",
                )
            for port in part.ports:
                require_free(port)
        for part in wanted:
            self._spawn(part)
        deadline = time.monotonic() + patience
        for part in wanted:
            self._await(part, part.ready, deadline)
        for part in wanted:  # when all are there: of nodes that begin to seal one by one, each may seal a first block
            self._await(part, partial(_settled, part), deadline)

    def revive(self, part: Part) -> int:
        """Start a part that died, without waiting for it; returns its pid."""
        self.reap()
        self._spawn(part)
        return self._children[part.name].pid

    def reap(self) -> None:
        """Let the system forget children that have ended."""
        for child in self._children.values():
            child.poll()

    def stop(self, names: Iterable[str] | None = None, *, together: bool = False) -> list[str]:
        """Stop parts (all when None), last started first, or all at once if `together`: SIGTERM, SIGKILL after 10
        seconds. Returns names."""
        recorded = self._recorded()
        wanted = None if names is None else set(names)
        chosen = [name for name in recorded if wanted is None or name in wanted]
        for name in chosen if together else ():
            _signal(*recorded[name], signal.SIGTERM)
        stopped = []
        for name in reversed(chosen):
            pid, born = recorded[name]
            if _born(pid) == born:
                _end(pid, born, self._children.pop(name, None))
                stopped.append(name)
            elif together:
                stopped.append(name)
        self._forget({name: recorded[name] for name in chosen})
        return stopped

    def kill(self, name: str) -> None:
        """SIGKILL one part at once.

        Raises:
            KeyError: no such part.
        """
        pid, born = self._recorded()[name]
        if _born(pid) == born:
            _signal(pid, born, signal.SIGKILL)
            child = self._children.pop(name, None)
            if child is not None:
                child.wait()
        self._forget({name: (pid, born)})

    def _spawn(self, part: Part) -> None:
        """Start a process and record it: both, or neither, for what is not recorded nobody would ever stop."""
        with self.log(part.name).open("ab") as log, _undivided(), self._alone():
            recorded = self._recorded()
            child = subprocess.Popen(
                part.command,
                env={**os.environ, **part.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                self._record({**recorded, part.name: (child.pid, _born(child.pid) or 0)})
            except BaseException:
                child.kill()
                child.wait()
                raise
            self._children[part.name] = child

    def _await(self, part: Part, holds: Callable[[], bool], deadline: float) -> None:
        child = self._children[part.name]
        while True:
            if child.poll() is not None:
                raise SetupError(
                    f"{part.name} ended with {child.returncode} before it was ready; "
                    f"its log says why: {self.log(part.name)}\n{self._tail(part.name)}"
                )
            try:
                if holds():
                    return
            except OSError:
                pass  # not listening yet
            if time.monotonic() > deadline:
                raise UnavailableError(f"{part.name} was not ready in time; its log: {self.log(part.name)}")
            time.sleep(_POLL_SECONDS)

    def _tail(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines()
        return "\n".join(lines[-5:])

    def _recorded(self) -> dict[str, tuple[int, int]]:
        try:
            told = json.loads(self._file.read_text())
            return {name: (int(pid), int(born)) for name, (pid, born) in told.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise SetupError(
                f"{self._file} does not say which parts run: stop those that do by hand, then remove it"
            ) from error

    def _forget(self, ended: Mapping[str, tuple[int, int]]) -> None:
        """Take parts out of the record that were not started again by somebody else meanwhile.

        On a full disk they stay in it, which is harmless: their pids are not of that start any more.
        """
        with self._alone(), suppress(OSError):
            self._record({name: one for name, one in self._recorded().items() if ended.get(name) != one})

    def _record(self, parts: Mapping[str, tuple[int, int]]) -> None:
        scratch = self._file.with_suffix(".new")
        with scratch.open("w") as opened:
            opened.write(json.dumps(parts, indent=1))
            opened.flush()
            os.fsync(opened.fileno())
        scratch.replace(self._file)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else writes the record meanwhile."""
        with alone(self.folder / "logs", f"somebody else starts or stops parts of {self.folder}", _LOCK_SECONDS):
            yield


@contextmanager
def _undivided() -> Iterator[None]:
    """Ctrl-C waits until what is under way is done."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is interrupted, and only it may say how
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came and callable(before):
        before(signal.SIGINT, None)


def _settled(part: Part) -> bool:
    part.settle()
    return True


def require_free(port: int, otherwise: str = "set SALUS_BASE_PORT to move all ports") -> None:
    """Check that a loopback port is free; `otherwise` is what the error says can be done beside freeing it.

    Raises:
        SetupError: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SetupError(f"port {port} is taken: run `make down`, stop what uses it, or {otherwise}") from error


def free_ports(count: int) -> int:
    """The first of so many loopback ports in a row that nobody listens on."""
    while True:
        base = random.randrange(20_000, 32_000)  # noqa: S311 - no secret; below the ports that systems give away
        try:
            for port in range(base, base + count):
                require_free(port)
        except SetupError:
            continue
        return base


def _born(pid: int) -> int | None:
    """Kernel start time of a live pid in clock ticks (proc(5), field 22), None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _signal(pid: int, born: int, number: signal.Signals) -> None:
    """A signal to a process, if it is still there."""
    if _born(pid) == born:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _end(pid: int, born: int, child: subprocess.Popen[bytes] | None) -> None:
    _signal(pid, born, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _born(pid) == born:
        if time.monotonic() > deadline:
            _signal(pid, born, signal.SIGKILL)
            break
        if child is not None:
            child.poll()
        time.sleep(0.02)
    if child is not None:
        child.wait()
