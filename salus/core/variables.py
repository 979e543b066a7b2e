"""Variables of a service as it is told them: text, paths, numbers, and secrets that stand in files.

A mapping and a way to read files come in by argument, so nothing here knows an environment or a disk. A variable that
is empty counts as not given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from salus.core.errors import InputError, SetupError
from salus.core.ids import ParticipantId, from_hex

LOCAL_NODE = "http://127.0.0.1:8545"
"""JSON-RPC of the node that is asked when none is named."""


@dataclass(frozen=True, slots=True)
class Variables:
    """Those of `values` that begin with `prefix`; names are given without it. `explained` is where they are listed.

    Every method but `optional` and `text` raises SetupError, which names the variable and never shows its value.
    """

    prefix: str
    explained: str
    values: Mapping[str, str] = field(repr=False)
    read_bytes: Callable[[Path], bytes] = field(repr=False)

    def optional(self, name: str) -> str | None:
        """Its text, if it is given."""
        return self.values.get(self.prefix + name) or None

    def text(self, name: str, default: str) -> str:
        """Its text, or the default."""
        return self.optional(name) or default

    def required(self, name: str) -> str:
        """Its text."""
        found = self.optional(name)
        if found is None:
            raise SetupError(f"set {self.prefix}{name}: see {self.explained}")
        return found

    def path(self, name: str) -> Path:
        """A path that must be given."""
        return Path(self.required(name))

    def optional_path(self, name: str) -> Path | None:
        """A path, if it is given."""
        text = self.optional(name)
        return Path(text) if text else None

    def secret(self, name: str) -> str:
        """Text of the file that `NAME_FILE` names, without white space around: it is not given in the environment."""
        try:
            text = self.read_bytes(self.path(f"{name}_FILE")).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{self.prefix}{name}_FILE names a file that cannot be read") from error
        if not text:
            raise SetupError(f"the file of {self.prefix}{name}_FILE is empty")
        return text

    def optional_secret(self, name: str) -> str | None:
        """As `secret`, if such a file is named."""
        return self.secret(name) if self.optional(f"{name}_FILE") else None

    def either(self, name: str) -> str:
        """Its text, or that of the file that `NAME_FILE` names; one of them must be given."""
        return self.optional(name) or self.optional_secret(name) or self.required(name)

    def number(self, name: str, default: int, least: int = 0) -> int:
        """A whole number in decimal digits."""
        text = self.text(name, str(default)).strip()
        if not (text.isascii() and text.isdigit()) or int(text) < least:
            raise SetupError(f"{self.prefix}{name} is a whole number of {least} or more")
        return int(text)

    def seconds(self, name: str, default: float) -> float:
        """A time that may have a fraction."""
        try:
            found = float(self.text(name, str(default)))
        except ValueError:
            found = math.nan
        if not 0 <= found < math.inf:
            raise SetupError(f"{self.prefix}{name} is a number of seconds")
        return found

    def flag(self, name: str) -> bool | None:
        """Yes or no, if it is given."""
        text = self.optional(name)
        if text not in (None, "0", "1"):
            raise SetupError(f"{self.prefix}{name} is 0 or 1")
        return None if text is None else text == "1"

    def participant(self, name: str) -> ParticipantId:
        """A participantId that must be given."""
        try:
            return ParticipantId(from_hex(self.required(name)))
        except InputError as error:
            raise SetupError(f"{self.prefix}{name} is 0x and 64 hex digits") from error
