"""Network namespaces: a machine of its own for each node, as far as the network goes (Linux, root).

Each name has a namespace and a cable (a veth pair) into a bridge, to which this machine is connected, too. A partition
moves cables to other bridges: what was connected stalls, as when a switch fails, and goes on once it heals.

| thing | name | address |
| --- | --- | --- |
| namespace | `salus-BASE-NAME` | `10.X.Y.11`, `.12` … in the order of names; BASE = 256 X + Y |
| cable's end here | `salBASEv0`, `salBASEv1` … | |
| bridge of group n | `salBASEb0` … | group 0: `10.X.Y.1`, this machine |

Everything is made by `ip` (iproute2: ip-netns(8), ip-link(8)), is gone after a restart of the machine, and may be made
or removed twice. `python -m devnet.netns FOLDER partition a,b c,d` and `… FOLDER heal` part and heal the network of a
folder, the names of a group with commas between.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from salus.core.errors import InputError, SalusError, SetupError

_FIRST_HOST = 11
_MOST = 16
_MARK = "namespaces.json"
_MISSING = "Cannot find device", "No such file or directory"
"""Words of `ip` about what is not there."""


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Namespaces of some names; `base` (a port, 1 to 65535) keeps those of several networks apart."""

    base: int
    names: tuple[str, ...]

    def host(self, name: str) -> str:
        """Address of a name.

        Raises:
            InputError: no such name.
        """
        if name not in self.names:
            raise InputError(f"{name} is not among {', '.join(self.names)}")
        return f"{self._subnet}.{_FIRST_HOST + self.names.index(name)}"

    def command(self, name: str, command: Sequence[str]) -> tuple[str, ...]:
        """A command line that runs in the namespace of a name, as one process."""
        return ("ip", "netns", "exec", self._space(name), *command)

    def make(self) -> None:
        """Make what is missing, connected to each other and to this machine.

        Raises:
            SetupError: not root, no `ip`, or the kernel refuses.
        """
        require()
        if not 0 < len(self.names) <= _MOST:
            raise SetupError(f"1 to {_MOST} namespaces are made, not {len(self.names)}")
        links = _links()
        self._bridge(0, links)
        if f"{self._subnet}.1/24" not in _ip("-brief", "address", "show", "dev", self._bridge_name(0)):
            _ip("address", "add", f"{self._subnet}.1/24", "dev", self._bridge_name(0))
        present = {line.split()[0] for line in _ip("netns", "list").splitlines() if line.strip()}
        for place, name in enumerate(self.names):
            if self._space(name) not in present:
                _ip("netns", "add", self._space(name))
            if self._cable(place) not in links:
                self._connect(place, name)
        self.heal()

    def remove(self) -> None:
        """Remove all of it; what runs in a namespace must have ended. Nothing there is nothing to do.

        Raises:
            SetupError: not root, or no `ip`.
        """
        require()
        for place, name in enumerate(self.names):
            _ip("link", "delete", self._cable(place), missing_ok=True)
            _ip("netns", "delete", self._space(name), missing_ok=True)
        for group in range(len(self.names) + 1):
            _ip("link", "delete", self._bridge_name(group), missing_ok=True)

    def partition(self, *groups: Iterable[str]) -> None:
        """Let each group reach its own members only. The first keeps its connection to this machine; names of no group
        are alone.

        Raises:
            InputError: a name is unknown or in two groups.
        """
        sides = [tuple(group) for group in groups]
        told = [name for side in sides for name in side]
        if len(set(told)) != len(told) or not set(told) <= set(self.names):
            raise InputError("a partition has groups of known names, each in one group at most")
        sides += [(name,) for name in self.names if name not in told]
        links = _links()
        for number, side in enumerate(sides):
            self._bridge(number, links)
            for name in side:
                _ip("link", "set", self._cable(self.names.index(name)), "master", self._bridge_name(number))

    def heal(self) -> None:
        """Connect all again."""
        for place in range(len(self.names)):
            _ip("link", "set", self._cable(place), "master", self._bridge_name(0))

    def _connect(self, place: int, name: str) -> None:
        space, inner = self._space(name), f"sal{self.base}n{place}"
        _ip("link", "add", self._cable(place), "type", "veth", "peer", "name", inner, "netns", space)
        _ip("-n", space, "address", "add", f"{self.host(name)}/24", "dev", inner)
        for link in ("lo", inner):
            _ip("-n", space, "link", "set", link, "up")
        _ip("link", "set", self._cable(place), "up")

    def _bridge(self, group: int, links: Iterable[str]) -> None:
        if self._bridge_name(group) not in links:
            # An address of its own: else the bridge takes the lowest of its cables', another one after each partition,
            # and what the nodes remember of this machine is wrong for a while.
            hardware = f"02:5a:{self.base >> 8:02x}:{self.base & 0xFF:02x}:00:{group:02x}"
            _ip("link", "add", self._bridge_name(group), "address", hardware, "type", "bridge")
            _ip("link", "set", self._bridge_name(group), "up")

    @property
    def _subnet(self) -> str:
        return f"10.{self.base >> 8}.{self.base & 0xFF}"

    def _space(self, name: str) -> str:
        return f"salus-{self.base}-{name}"

    def _cable(self, place: int) -> str:
        return f"sal{self.base}v{place}"

    def _bridge_name(self, group: int) -> str:
        return f"sal{self.base}b{group}"


def require() -> None:
    """Look whether namespaces can be made here.

    Raises:
        SetupError: this is not Linux, not root, or `ip` is missing.
    """
    if sys.platform != "linux":
        raise SetupError("network namespaces are of Linux: leave --netns out")
    if os.geteuid() != 0:
        raise SetupError("network namespaces are made by root only: run it with sudo, or leave --netns out")
    if shutil.which("ip") is None:
        raise SetupError("there is no `ip`: install iproute2, or leave --netns out")


def make_for(folder: Path, spaces: Namespaces) -> None:
    """Make the namespaces of a folder's network, and note it there first, so that `remove_of` finds them after a crash.

    Raises:
        SetupError: as of `Namespaces.make`.
    """
    require()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).write_text(json.dumps({"base": spaces.base, "names": list(spaces.names)}))
    spaces.make()


def remove_of(folder: Path) -> None:
    """Remove the namespaces a folder's note tells of; none without a note.

    Raises:
        SetupError: as of `Namespaces.remove`.
    """
    if (spaces := namespaces_of(folder)) is not None:
        spaces.remove()
        (folder / _MARK).unlink()


def namespaces_of(folder: Path) -> Namespaces | None:
    """The namespaces a folder's note tells of, None without a note."""
    note = folder / _MARK
    if not note.exists():
        return None
    told = json.loads(note.read_text())
    return Namespaces(int(told["base"]), tuple(told["names"]))


def _links() -> set[str]:
    """Names of this machine's interfaces."""
    return {line.split()[0].partition("@")[0] for line in _ip("-brief", "link", "show").splitlines() if line.strip()}


def _ip(*words: str, missing_ok: bool = False) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0 and not (missing_ok and any(each in done.stderr for each in _MISSING)):
        why = done.stderr.strip() or f"it ended with {done.returncode}"
        raise SetupError(f"`ip {' '.join(words)}` is refused: {why}; this kernel may forbid namespaces: try without")
    return done.stdout


def main(folder: Path, order: str, *groups: str) -> None:
    """Part or heal the network of a folder.

    Raises:
        InputError: another order, or unknown names.
        SetupError: the folder has no namespaces, or `ip` refuses.
    """
    spaces = namespaces_of(folder)
    if spaces is None:
        raise SetupError(f"the network in {folder} has no namespaces: it was not started with --netns")
    match order:
        case "partition" if groups:
            spaces.partition(*(group.split(",") for group in groups))
        case "heal" if not groups:
            spaces.heal()
        case _:
            raise InputError("the orders are: partition A,B C,D and heal")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except (IndexError, TypeError):
        sys.exit("usage: python -m devnet.netns FOLDER partition A,B C,D | heal")
    except SalusError as error:
        sys.exit(f"netns: {error}")
