"""Settings come from SALUS_WATCH_… variables, and what is wrong with them is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from salus.core.errors import SetupError
from watch import settings

LEAST = {"SALUS_WATCH_DEPLOYMENT": "deployments/31337.json", "SALUS_WATCH_DATABASE_URL": "sqlite:///index.db"}


def test_read__only_what_is_required__has_defaults() -> None:
    told = settings.read(LEAST)
    assert (told.finality, told.first_block, told.poll_seconds) == ("dev", 0, 0.5)
    assert told.deployment == Path("deployments/31337.json")


def test_read__database_url_in_a_file__is_read_from_it(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+psycopg://watch@db/index\n")
    environ = {"SALUS_WATCH_DEPLOYMENT": "x", "SALUS_WATCH_DATABASE_URL_FILE": str(file)}
    assert settings.read(environ).database_url == "postgresql+psycopg://watch@db/index"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"SALUS_WATCH_DEPLOYMENT": ""}, "SALUS_WATCH_DEPLOYMENT"),
        ({"SALUS_WATCH_PORT": "http"}, "SALUS_WATCH_PORT"),
        ({"SALUS_WATCH_POLL_SECONDS": "often"}, "SALUS_WATCH_POLL_SECONDS"),
        ({"SALUS_WATCH_DATABASE_URL": "", "SALUS_WATCH_DATABASE_URL_FILE": "/nowhere/url"}, "DATABASE_URL_FILE"),
    ],
)
def test_read__missing_or_malformed__names_the_variable(change: dict[str, str], named: str) -> None:
    with pytest.raises(SetupError, match=named):
        settings.read({**LEAST, **change})


def test_docs__every_field__is_in_the_table_of_variables() -> None:
    assert settings.__doc__ is not None
    for name in settings.Settings.__dataclass_fields__:
        assert f"SALUS_WATCH_{name.upper()}`" in settings.__doc__
