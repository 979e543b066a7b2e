"""The journal of an oracle, beside the oracle that writes it: of the running world, or by the settings in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cli.world.cast import WITH_ORACLE, Name
from cli.world.running import running_world
from cli.world.services import oracle_settings
from oracle import runtime, settings
from oracle.abandon import Abandon
from salus.core.errors import InputError

HERE = "here"


@contextmanager
def journal_of(source: str) -> Iterator[runtime.Kept]:
    """Open the journal of an institution's oracle; `here` is the one whose settings are in the environment.

    Raises:
        InputError: no such institution.
        SetupError: no world runs, settings are missing, or the site key is another.
    """
    with runtime.opened_journal(settings.read_journal(_environment(source))) as kept:
        yield kept


@contextmanager
def abandoning_of(source: str) -> Iterator[Abandon]:
    """What gives up, in the journal of an institution's oracle, what waits for a custodian set.

    Raises:
        InputError, SetupError: as `journal_of`.
        UnavailableError: the node is away.
    """
    with runtime.abandoning(settings.read(_environment(source))) as abandon:
        yield abandon


def _environment(source: str) -> dict[str, str] | None:
    """Settings of an oracle; None for those of this process."""
    if source == HERE:
        return None
    if source not in WITH_ORACLE:
        raise InputError(f"an oracle is one of {', '.join(WITH_ORACLE)}, or `{HERE}` with its settings in force")
    world = oracle_settings(running_world(), Name(source))
    return {settings.PREFIX + name: value for name, value in world.items()}
