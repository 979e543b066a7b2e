"""The registration desk of a source in the world: gives a patient their one-time code."""

from __future__ import annotations

from cli.world.cast import Name
from cli.world.layout import World
from cli.world.services import oracle_settings
from oracle import runtime, settings


def desk_code(world: World, source: Name, subject_key: str) -> str:
    """A one-time code for the patient a source knows by a key.

    Raises:
        NotFoundError: the source has received no message about this patient.
    """
    environment = {settings.PREFIX + name: value for name, value in oracle_settings(world, source).items()}
    with runtime.opened_journal(settings.read_journal(environment)) as kept:
        return kept.desk.issue(subject_key)
