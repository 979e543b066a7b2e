"""`salus custodian sets | form-set` on a real chain: members of the Council vote apart, wrong sets are explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salus.core.ids import hex32
from tests.integration import command
from tests.integration.command import votes
from tests.integration.services import Grounds
from tests.integration.world import ChainWorld

Run = Callable[..., Any]


@pytest.fixture
def run(chain: ChainWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """JSON answer of `salus custodian …` at the chain."""
    grounds = Grounds(chain, tmp_path)
    place = ("--rpc", chain.anvil.url, "--deployment", str(grounds.folder / "deployment.json"))
    return lambda *words, code=0: command.run(capsys, "custodian", *words, *place, code=code)


def ids(chain: ChainWorld, *names: str) -> list[str]:
    return [hex32(chain.party(name).participant) for name in names]


def test_form_set__members_vote_apart__the_last_vote_forms_it_once(run: Run, chain: ChainWorld, tmp_path: Path) -> None:
    before = run("sets")
    assert before[0]["members"] == ids(chain, "custodian-1", "custodian-2", "custodian-3")
    members = ids(chain, "custodian-3", "custodian-1")
    first, second = votes(tmp_path, 0), votes(tmp_path, 1)
    assert run("form-set", *members, *first, code=5)["error"] == "UnavailableError"  # a vote is missing
    formed = run("form-set", *members, *second)
    assert formed == {"set": len(before) + 1, "threshold": 2, "members": members}
    assert run("form-set", *members, *first) == formed
    assert [(row["set"], row["members"]) for row in run("sets")][len(before) :] == [(formed["set"], members)]


@pytest.mark.parametrize(
    ("names", "more", "says"),
    [
        (("custodian-1",), (), "2 to 16 members"),
        (("custodian-1", "custodian-2"), ("--threshold", "3"), "2 to 16 members"),
        (("custodian-1", "custodian-1"), (), "named twice"),
        (("custodian-1", "hospital-a"), (), "is no custodian"),
    ],
)
def test_form_set__that_the_registry_would_refuse__says_which_member_is_wrong(
    run: Run, chain: ChainWorld, tmp_path: Path, names: tuple[str, ...], more: tuple[str, ...], says: str
) -> None:
    told = run("form-set", *ids(chain, *names), *more, *votes(tmp_path, 0), code=2)
    assert says in told["message"]


def test_form_set__of_somebody_unknown__is_not_found(run: Run, chain: ChainWorld, tmp_path: Path) -> None:
    run("form-set", *ids(chain, "custodian-1"), "0x" + "ab" * 32, *votes(tmp_path, 0), code=4)
