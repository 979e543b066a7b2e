"""The journal of an oracle, beside the oracle that writes it: of the running world, or by the settings in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cli.world.cast import WITH_ORACLE, Name
from cli.world.running import running_world
from cli.world.services import oracle_settings
from oracle import runtime, settings
from salus.core.errors import InputError

HERE = "here"


@contextmanager
def journal_of(source: str) -> Iterator[runtime.Kept]:
    """Open the journal of an institution's oracle; `here` is the one whose settings are in the environment.

    Raises:
        InputError: no such institution.
        SetupError: no world runs, settings are missing, or the site key is another.
    """
    if source == HERE:
        told = settings.read_journal()
    elif source in WITH_ORACLE:
        world = oracle_settings(running_world(), Name(source))
        told = settings.read_journal({settings.PREFIX + name: value for name, value in world.items()})
    else:
        raise InputError(f"an oracle is one of {', '.join(WITH_ORACLE)}, or `{HERE}` with its settings in force")
    with runtime.opened_journal(told) as kept:
        yield kept
