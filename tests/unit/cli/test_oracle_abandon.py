"""`salus oracle abandon` on the journal whose settings are in force: it refuses before it changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cli import app
from cli.commands import oracle_abandon
from cli.exits import WARNED
from oracle.abandon import Abandoned, Progress
from oracle.settings import PREFIX
from salus.core.abandon import Fate
from salus.core.ids import RecordId, hex32

RECORD = RecordId(bytes([7]) * 32)


def test_abandon__no_such_institution__says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["oracle", "abandon", "nobody", "--set", "1"]) == 2
    assert "here" in capsys.readouterr().err


def test_abandon__settings_missing__names_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(f"{PREFIX}PARTICIPANT_ID", raising=False)
    assert app.run(["oracle", "abandon", "here", "--set", "1"]) == 8
    assert PREFIX in capsys.readouterr().err


def test_lines__what_was_given_up_and_what_stays__are_told() -> None:
    done = Abandoned({Fate.AGAIN: 5, Fate.SUPERSEDED: 2, Fate.ORDERED: 1}, 4, 3, ((RECORD, Fate.FORGOTTEN),), 6)
    text = "\n".join(oracle_abandon._lines(done))
    assert "8 record versions given up, 3 batches broken up; 4 messages are processed again for 5 of them" in text
    assert "2 had a later version" in text
    assert "1 are of records to be destroyed" in text
    assert f"  {hex32(RECORD)} forgotten" in text
    assert "6 envelopes could not be removed" in text


@pytest.mark.parametrize(("left", "code"), [((), 0), (((RECORD, Fate.HELD),), WARNED)])
def test_abandon__something_stays__is_listed_and_the_code_warns(
    left: tuple[tuple[RecordId, Fate], ...],
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Done:
        def run(self, number: int, actor: str, reason: str, tell: Any) -> Abandoned:
            assert (number, reason) == (3, "closed")
            assert actor
            tell(Progress(1, 2))
            return Abandoned({Fate.AGAIN: 1}, 1, 1, left)

    @contextmanager
    def opened(_source: str) -> Iterator[Done]:
        yield Done()

    monkeypatch.setattr(oracle_abandon, "abandoning_of", opened)
    assert app.run(["oracle", "abandon", "here", "--set", "3", "--reason", "closed"]) == code
    said = capsys.readouterr()
    assert "1 record versions given up" in said.out
    assert (hex32(RECORD) in said.out) == bool(left)
