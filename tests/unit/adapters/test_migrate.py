"""Schemas of another version: one from before is brought up to date, one from after is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import op
from sqlalchemy import inspect

from salus.adapters.database.engine import open_engine, writing
from salus.adapters.database.migrate import migrate
from salus.core.errors import SetupError


@pytest.mark.parametrize("service", ["oracle", "custodian", "index", "api"])
def test_migrate__schema_of_a_newer_version__says_what_to_do_and_changes_nothing(tmp_path: Path, service: str) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(engine, service)
    migrate(engine, service)  # twice is once
    with writing(engine) as connection:
        connection.exec_driver_sql(f"UPDATE {service}_version SET version_num = '{service}_9999'")
    before = sorted(inspect(engine).get_table_names())
    with pytest.raises(SetupError, match="run the version that made it"):
        migrate(engine, service)
    assert sorted(inspect(engine).get_table_names()) == before
    engine.dispose()


def test_migrate__cut_off_in_the_middle__is_as_before_and_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    making, made = op.create_table, list[str]()

    def create(name: str, *all_: object, **more: object) -> object:
        made.append(name)
        if len(made) == 4:
            raise KeyboardInterrupt
        return making(name, *all_, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(op, "create_table", create)
    with pytest.raises(KeyboardInterrupt):
        migrate(engine, "oracle")
    assert inspect(engine).get_table_names() == []
    monkeypatch.setattr(op, "create_table", making)
    migrate(engine, "oracle")
    assert set(made) <= set(inspect(engine).get_table_names())
    engine.dispose()
