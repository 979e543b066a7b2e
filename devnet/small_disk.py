"""A small disk under one folder for a while: a tmpfs with all that was in it, that can be full and have room again.

Whoever works in the folder must be dead when the disk comes, and again when it goes. Only root mounts file systems.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from salus.core.errors import SetupError

_TOOLS = ("mount", "umount", "cp", "du")
_CHUNK = bytes(64 * 1024)
_PATIENCE, _POLL_SECONDS = 15.0, 0.2


def refusal() -> str | None:
    """Why no disk can be mounted here; None if one can: one is, for a moment."""
    if os.geteuid() != 0:
        return "only root mounts file systems"
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"not here: {', '.join(missing)}"
    with tempfile.TemporaryDirectory(prefix="salus-disk-") as tried:
        try:
            _run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tried)
        except SetupError as error:
            return str(error)
        _unmount(Path(tried))
    return None


class SmallDisk:
    """A disk with `spare` bytes beyond what is in the folder. With the context's end all is in the folder as before.

    Raises:
        SetupError: mounting is not allowed here.
    """

    def __init__(self, folder: Path, spare: int) -> None:
        self.folder = folder
        self._spare = spare
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room, to the last byte."""
        with self._filler.open("ab", buffering=0) as file:
            for chunk in (_CHUNK, _CHUNK[:4096], b"x"):
                try:
                    while file.write(chunk):
                        pass
                except OSError:
                    continue  # a shorter piece may go in

    def make_room(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        aside = self.folder.with_name(f"{self.folder.name}.aside")
        taken = int(_run("du", "--summarize", "--block-size=1", str(self.folder)).split()[0])
        self.folder.rename(aside)
        self.folder.mkdir()
        try:
            _run("mount", "-t", "tmpfs", "-o", f"size={taken + self._spare}", "tmpfs", str(self.folder))
        except SetupError:
            self.folder.rmdir()
            aside.rename(self.folder)
            raise
        _copy(aside, self.folder)
        shutil.rmtree(aside)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.make_room()
        back = self.folder.with_name(f"{self.folder.name}.back")
        back.mkdir()
        _copy(self.folder, back)
        _unmount(self.folder)
        self.folder.rmdir()
        back.rename(self.folder)
        os.sync()


def unmount_below(folder: Path) -> None:
    """Take away the small disks that somebody who was cut off left below a folder."""
    mounted = [Path(line.split()[1]) for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in mounted:
        if place.is_relative_to(folder.resolve()):
            _unmount(place)


def _copy(source: Path, target: Path) -> None:
    _run("cp", "--archive", f"{source}/.", str(target))
    told = source.stat()
    os.chown(target, told.st_uid, told.st_gid)
    target.chmod(told.st_mode & 0o7777)


def _unmount(place: Path) -> None:
    """Unmount, once what was killed has let go of it."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            _run("umount", str(place))
            return
        except SetupError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SetupError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout
