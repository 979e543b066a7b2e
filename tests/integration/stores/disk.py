"""A disk whose power can be cut: a file system in an image, mounted by loop device, copied at one instant.

What the copy holds is what the file system had handed to its disk by then: writes that were still in the page cache are
not in it, as after a power cut. The copy's own journal is replayed when it is mounted, as at the next boot.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_TOOLS = ("mkfs.ext4", "mount", "umount")


def refusal() -> str | None:
    """Why no power can be cut here; None if it can."""
    if os.geteuid() != 0:
        return "only root mounts file systems"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} are missing"
    return None if Path("/dev/loop-control").exists() else "there are no loop devices"


class Disk:
    """A small disk below a folder; `path` is where it is mounted while the context lasts."""

    def __init__(self, folder: Path, megabytes: int = 256) -> None:
        self._folder = folder
        self._image = folder / "disk.img"
        self._mounted: list[Path] = []
        self._cuts = 0
        folder.mkdir(parents=True)
        with self._image.open("wb") as image:
            image.truncate(megabytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self.path = self._mount(self._image, "disk")

    def cut(self) -> Path:
        """What is left after a power cut right now: a folder with what the disk holds at this instant."""
        self._cuts += 1
        image = self._folder / f"cut-{self._cuts}.img"
        _run("cp", "--sparse=always", str(self._image), str(image))
        return self._mount(image, f"cut-{self._cuts}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._mounted:
            _run("umount", "--lazy", str(self._mounted.pop()))

    def _mount(self, image: Path, name: str) -> Path:
        place = self._folder / name
        place.mkdir()
        _run("mount", "-o", "loop", str(image), str(place))
        self._mounted.append(place)
        shutil.rmtree(place / "lost+found", ignore_errors=True)
        place.chmod(0o755)
        return place


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
