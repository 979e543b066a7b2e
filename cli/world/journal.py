"""The journal of an oracle in the running world, beside the oracle that writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cli.world.cast import Name
from cli.world.running import running_world
from cli.world.services import oracle_settings
from oracle import runtime, settings


@contextmanager
def journal_of(source: Name) -> Iterator[runtime.Kept]:
    """Open the journal of an institution's oracle.

    Raises:
        SetupError: no world runs, or the site key is another.
    """
    told = {settings.PREFIX + name: value for name, value in oracle_settings(running_world(), source).items()}
    with runtime.opened_journal(settings.read_journal(told)) as kept:
        yield kept
