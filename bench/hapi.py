"""HAPI HL7v2's MLLP server as a peer: our `bench/peers/hapi`, which appends and forces each message before its ACK.

HAPI (`ca.uhn.hapi:hapi-base`) is under MPL-1.1 or GPL. It is fetched by Maven and built when the benchmark runs, into
`.cache`, and is no part of what is shipped. Needs `mvn`, `javac` and `java` (17 or newer).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.lines import ROOT
from bench.receivers import Report

_SOURCE = ROOT / "bench" / "peers" / "hapi"
_BUILT = ROOT / ".cache" / "bench-hapi"
_FETCH_SECONDS = 300


class MissingPeerError(Exception):
    """The peer can't be built here; says what lacks."""


def build() -> list[str]:
    """Command that runs the peer, without its argument; builds it first where it is not built yet.

    Raises:
        MissingPeerError: no Java or Maven, or Maven can't fetch the libraries.
    """
    lacking = [tool for tool in ("mvn", "javac", "java") if shutil.which(tool) is None]
    if lacking:
        raise MissingPeerError(f"{', '.join(lacking)} not found")
    libraries, classes = _BUILT / "lib", _BUILT / "classes"
    if not list(libraries.glob("hapi-base-*.jar")):
        _run(
            "mvn",
            "-q",
            "-B",
            "-f",
            _SOURCE / "pom.xml",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={libraries}",
        )
    _run("javac", "-d", classes, "-cp", f"{libraries}/*", *sorted(_SOURCE.rglob("*.java")))
    return ["java", "-cp", f"{classes}:{libraries}/*", "bench.Durable"]


def _run(*command: str | Path) -> None:
    try:
        words = [str(word) for word in command]
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=_FETCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise MissingPeerError(f"{command[0]} did not end in {_FETCH_SECONDS} s") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise MissingPeerError(f"{command[0]} ended with {done.returncode}: {said[0] if said else 'no word'}")


class HapiReceiver:
    """The peer's process; use it as a context, like `bench.receivers.Receiver`."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._command = [*command, str(folder / "messages")]
        folder.mkdir(parents=True)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def report(self) -> Report:
        """What it has done so far."""
        if self._process.stdin is None:
            raise RuntimeError("the peer is not running")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        cpu, kept, syncs = self._line().split()
        return Report(float(cpu), int(kept), int(syncs))

    def _line(self) -> str:
        found = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not found:
            raise RuntimeError("HAPI's server has ended")
        return found
