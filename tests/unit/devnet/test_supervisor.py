"""Parts of a folder: what is started is recorded, whoever else starts and stops, and whatever is in the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devnet.supervisor import Part, Supervisor
from salus.core.errors import SetupError

SLEEP = ("sleep", "60")


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()


def test_start__by_several_at_once__all_are_recorded(tmp_path: Path) -> None:
    supervisors = [Supervisor(tmp_path) for _ in range(4)]

    def start(number: int) -> None:
        for place in range(5):
            supervisors[number].revive(Part(f"part-{number}-{place}", SLEEP))

    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(start, range(4)))
        assert len(Supervisor(tmp_path).running()) == 20
    finally:
        assert len(Supervisor(tmp_path).stop(together=True)) == 20


def test_start__record_can_not_be_written__leaves_no_process(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    (tmp_path / "parts.new").mkdir()
    mark = f"salus-{os.getpid()}"
    with pytest.raises(IsADirectoryError):
        supervisor.start([Part("a", (sys.executable, "-c", "import time; time.sleep(60)", mark))])
    found = [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in _read(path)]
    assert found == []
    assert supervisor.running() == {}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests run in the background of a script, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_start__interrupted_between_start_and_record__is_recorded_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, starting = Supervisor(tmp_path), subprocess.Popen

    def interrupted(*given: object, **more: object) -> object:
        child = starting(*given, **more)  # type: ignore[call-overload]
        os.kill(os.getpid(), signal.SIGINT)
        return child

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        supervisor.start([Part("a", SLEEP), Part("b", SLEEP)])
    assert list(Supervisor(tmp_path).running()) == ["a"]
    assert supervisor.stop() == ["a"]


@pytest.mark.parametrize("says", ["", "{", "[]", "5", '{"a": 1}', '{"a": ["x", "y"]}'])
def test_running__record_is_damaged__says_what_to_do(tmp_path: Path, says: str) -> None:
    supervisor = Supervisor(tmp_path)
    (tmp_path / "parts.json").write_text(says)
    with pytest.raises(SetupError, match="then remove it"):
        supervisor.running()


def test_stop__part_ends_while_it_is_told_to__goes_on_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, killing = Supervisor(tmp_path), os.kill
    supervisor.start([Part("a", SLEEP), Part("b", SLEEP)])
    pids = supervisor.running()

    def gone(pid: int, number: int) -> None:
        killing(pid, number)
        if pid == pids["a"]:
            raise ProcessLookupError

    monkeypatch.setattr(os, "kill", gone)
    assert sorted(supervisor.stop(together=True)) == ["a", "b"]
    assert not any(map(alive, pids.values()))


def test_stop__record_can_not_be_written__stops_all_the_same(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start([Part("a", SLEEP), Part("b", SLEEP)])
    pids = supervisor.running()
    (tmp_path / "parts.new").mkdir()  # as on a full disk
    assert supervisor.stop(["keeper"]) == []
    assert supervisor.stop(together=True) == ["b", "a"]
    assert not any(map(alive, pids.values()))
    assert supervisor.running() == {}


def test_stop__part_was_started_again_by_somebody_else__stays_recorded(tmp_path: Path) -> None:
    supervisor, keeper = Supervisor(tmp_path), Supervisor(tmp_path)
    supervisor.start([Part("a", SLEEP)])
    first = supervisor.running()["a"]
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while supervisor.running() and time.monotonic() < deadline:
        supervisor.reap()
    recorded = supervisor._recorded()
    keeper.revive(Part("a", SLEEP))
    try:
        supervisor._forget(recorded)
        assert list(supervisor.running()) == ["a"]
    finally:
        keeper.stop()
