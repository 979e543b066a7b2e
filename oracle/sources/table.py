"""A TOML table read strictly. Every refusal names the file, the key and what is allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from salus.core.errors import SetupError

T = TypeVar("T")


class Table:
    """One table of a file. Each value is taken once; `end` refuses what nobody took."""

    def __init__(self, file: Path, values: dict[str, Any], key: str = "") -> None:
        self.file = file
        self._values = dict(values)
        self._key = key
        self._known: list[str] = []
        self._given = set(values)

    def wrong(self, name: str, allowed: str) -> SetupError:
        """The error for a value."""
        return SetupError(f"{self.file.name}: {self._path(name)}: {allowed}")

    def has(self, name: str) -> bool:
        """Whether a key is there and not taken yet."""
        return name in self._values

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty; required without a default."""
        found = self._take(name, default)
        if not isinstance(found, str) or (not found.strip() and found != default):
            raise self.wrong(name, "must be a text that is not empty")
        return found

    def optional(self, name: str) -> str | None:
        """A text, or None."""
        return self.text(name) if name in self._values else self._take(name, None, needed=False)

    def number(self, name: str, default: int | None, least: int, most: int) -> int:
        """A whole number within bounds; required when the default is None."""
        found = self._take(name, default)
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise self.wrong(name, f"must be a whole number from {least} to {most}")
        return found

    def measure(self, name: str, default: float | None, least: float, most: float) -> float:
        """A number within bounds; required when the default is None."""
        found = self._take(name, default)
        if not isinstance(found, (int, float)) or isinstance(found, bool) or not least <= found <= most:
            raise self.wrong(name, f"must be a number from {least:g} to {most:g}")
        return float(found)

    def flag(self, name: str, *, default: bool | None) -> bool | None:
        """True or false."""
        found = self._take(name, default, needed=False)
        if found is not None and not isinstance(found, bool):
            raise self.wrong(name, "must be true or false")
        return found

    def choice(self, name: str, default: T, allowed: Iterable[T]) -> T:
        """One of some texts (members of a StrEnum)."""
        options = list(allowed)
        found = self._take(name, default)
        for option in options:
            if isinstance(found, str) and found == option:
                return option
        raise self.wrong(name, "must be one of " + ", ".join(f'"{option}"' for option in options))

    def each(self, name: str, about: str, read: Callable[[str], T]) -> tuple[T, ...]:
        """A list of texts, each through `read`, which raises ValueError with what is allowed; empty when absent."""
        found = self._take(name, [])
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise self.wrong(name, f"must be a list of {about}")
        if not found and name in self._given:
            raise self.wrong(name, f"must not be empty: leave the key out, or list {about}")
        try:
            return tuple(read(one) for one in found)
        except ValueError as error:
            raise self.wrong(name, str(error)) from error

    def path(self, name: str, *, folder: bool = False) -> Path:
        """A file (or folder) that exists; a relative path starts at the TOML file's folder."""
        found = self.file.parent / self.text(name)
        try:
            is_there = found.is_dir() if folder else found.is_file()
        except (OSError, ValueError):
            is_there = False
        if not is_there:
            raise self.wrong(name, f"must name a {'folder' if folder else 'file'} that exists; there is no {found}")
        return found

    def host(self, name: str, default: str | None) -> str:
        """A host name or address."""
        found = self.text(name, default)
        try:
            ipaddress.ip_address(found)
        except ValueError:
            if any(not (one.isalnum() or one in "-._") for one in found):
                raise self.wrong(name, "must be a host name or an address") from None
        return found

    def table(self, name: str) -> Table | None:
        """A table inside, or None."""
        found = self._take(name, None, needed=False)
        if found is None:
            return None
        if not isinstance(found, dict):
            raise self.wrong(name, f"must be a table: [{self._path(name)}]")
        return Table(self.file, found, self._path(name))

    def tables(self, name: str) -> list[Table]:
        """A list of tables inside; empty when absent."""
        found = self._take(name, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.wrong(name, 'must be a list of tables, like [{ type = "MR" }]')
        return [Table(self.file, one, f"{self._path(name)}[{place}]") for place, one in enumerate(found, start=1)]

    def pairs(self, name: str, about: str) -> tuple[tuple[str, str], ...]:
        """A table of text to text, in order; empty when absent."""
        found = self._take(name, {})
        if not isinstance(found, dict) or not all(isinstance(one, str) and one for one in found.values()):
            raise self.wrong(name, f"must be a table of {about}")
        return tuple((key, value) for key, value in found.items())

    def end(self) -> None:
        """Refuse keys that nothing asked for.

        Raises:
            SetupError: there is one; says which are allowed.
        """
        for name in self._values:
            raise self.wrong(name, "is not a key here; allowed: " + ", ".join(self._known))

    def _take(self, name: str, default: Any, *, needed: bool = True) -> Any:
        self._known.append(name)
        if name in self._values:
            return self._values.pop(name)
        if default is None and needed:
            raise self.wrong(name, "is missing")
        return default

    def _path(self, name: str) -> str:
        return f"{self._key}.{name}" if self._key else name
