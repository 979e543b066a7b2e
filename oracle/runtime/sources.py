"""An oracle's sources: of its folder, or the two that its environment describes; and what reading must know of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from oracle.intake.receive import SUPPORTED_EVENTS
from oracle.normalise import SourceProfile
from oracle.settings import Settings, SourcesSettings
from oracle.sources import Institution, MllpDoor, Source, SourceFolder
from salus.core.ports import ChainReader
from salus.core.state import ParticipantKind

HOST = "127.0.0.1"
MLLP_LISTENER = "mllp"
HTTP_LISTENER = "http"


def sources_of(settings: Settings | SourcesSettings, folder: Path) -> tuple[Source, ...]:
    """Sources of a folder, checked.

    Raises:
        SetupError: each line says which file and key is wrong, and what is allowed.
    """
    return folder_of(settings, folder).read()


def folder_of(settings: Settings | SourcesSettings, folder: Path) -> SourceFolder:
    """The folder of source files, with what they need not say."""
    institution = Institution(settings.name, settings.authority, settings.retain_days)
    return SourceFolder(folder, institution, SUPPORTED_EVENTS)


def sources_in_force(settings: Settings) -> tuple[Source, ...]:
    """Sources of the folder; without one the two that the environment describes."""
    return _own(settings) if settings.sources is None else sources_of(settings, settings.sources)


def _own(settings: Settings) -> tuple[Source, Source]:
    common = Source(
        MLLP_LISTENER,
        settings.name,
        settings.authority,
        charset=settings.charset,
        is_checkup=settings.is_checkup,
        retain_days=settings.retain_days,
    )
    door = MllpDoor(settings.mllp_port, HOST)
    return replace(common, mllp=door), replace(common, name=HTTP_LISTENER, token=settings.http_token)


def profiles_of(
    settings: Settings, sources: Iterable[Source], profiled: Callable[[Source], SourceProfile]
) -> dict[str, SourceProfile]:
    """Profiles by source, and those of the environment, for messages that were taken before there was a folder."""
    return {source.name: profiled(source) for source in (*_own(settings), *sources)}


def profile_of(source: Source, *, is_checkup: bool) -> SourceProfile:
    """What mapping and labelling must know of a source; `is_checkup` holds where its file says nothing."""
    return SourceProfile(
        source.title,
        source.authority,
        source.charset,
        zone=source.zone,
        is_checkup_centre=is_checkup if source.is_checkup is None else source.is_checkup,
        patient=source.patient,
        systems=source.systems,
        ignored=source.ignored_segments,
        level=source.level,
        labels=source.labels,
    )


def is_checkup_centre(settings: Settings, reader: ChainReader) -> bool:
    """Whether every report is check-up content, unless a source says otherwise."""
    if settings.is_checkup is not None:
        return settings.is_checkup
    return reader.participant(settings.participant, reader.head()).kind == ParticipantKind.CHECKUP_CENTRE
