"""All sources of a folder: every `*.toml` in it, checked one by one and against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from oracle.sources.model import MllpDoor, Source
from oracle.sources.read import Institution, read_source
from salus.core.errors import SetupError


def read_folder(folder: Path, institution: Institution, supported: Mapping[str, frozenset[str]]) -> tuple[Source, ...]:
    """Sources of a folder, by file name.

    Raises:
        SetupError: a file is wrong, two contradict each other, or there is none. Each line is one thing to mend.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise SetupError(f"{folder.resolve().name}: holds no *.toml file: one for each sender")
    found: list[tuple[Path, Source]] = []
    wrong: list[str] = []
    for file in files:
        try:
            found.append((file, read_source(file, institution, supported)))
        except SetupError as error:
            wrong.append(str(error))
    wrong += [line for one, other in combinations(found, 2) for line in _contradictions(one, other)]
    if wrong:
        raise SetupError("\n".join(wrong))
    return tuple(source for _, source in found)


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """The folder with what its files needn't say."""

    path: Path
    institution: Institution
    supported: Mapping[str, frozenset[str]]

    def read(self) -> tuple[Source, ...]:
        """As `read_folder`."""
        return read_folder(self.path, self.institution, self.supported)

    def state(self) -> tuple[tuple[str, int, int, int], ...]:
        """Name, size, inode and time of each file that a source is made of; another state means read again."""
        found = []
        for file in sorted((*self.path.glob("*.toml"), *self._named())):
            try:
                told = file.stat()
            except OSError:
                continue
            found.append((str(file), told.st_size, told.st_ino, told.st_mtime_ns))
        return tuple(found)

    def _named(self) -> set[Path]:
        """Certificates, keys and tokens in the folder or just below: their change counts too."""
        near = (*self.path.glob("*"), *self.path.glob("*/*"))
        return {file for file in near if file.suffix in _MATERIAL and file.is_file()}


_MATERIAL = frozenset({".pem", ".crt", ".key", ".token"})


def _contradictions(one: tuple[Path, Source], other: tuple[Path, Source]) -> list[str]:
    (file, source), (other_file, other_source) = one, other
    names = f"{file.name}, {other_file.name}"
    found = []
    if source.name == other_source.name:
        found.append(f"{names}: name: must differ from file to file")
    if source.token is not None and source.token == other_source.token:
        found.append(f"{names}: http.token_file: each sender needs a token of its own")
    if source.batch is not None and other_source.batch is not None:
        folders = source.batch.folder.resolve(), other_source.batch.folder.resolve()
        if folders[0] == folders[1]:
            found.append(f"{names}: batch.folder: each sender needs a folder of its own")
    if source.mllp is not None and other_source.mllp is not None:
        found += [f"{names}: {line}" for line in _doors(source.mllp, other_source.mllp)]
    return found


def _doors(one: MllpDoor, other: MllpDoor) -> list[str]:
    if one.port != other.port or one.port == 0:
        return []
    if one.host != other.host:
        return ["mllp.host: must be the same for the same port"]
    if one.tls is None or one.tls != other.tls:
        return ["mllp.port: is shared only by senders with the same [mllp.tls]: give each a port of its own"]
    if one.fingerprints & other.fingerprints:
        return ["mllp.client_fingerprints: a certificate can be one sender's only"]
    if one.names & other.names:
        return ["mllp.client_names: a common name can be one sender's only"]
    return []
