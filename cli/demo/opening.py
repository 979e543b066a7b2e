"""Acts 1 and 2: who was voted in, which contracts hold, and that every part runs, as an institution's API sees it."""

from __future__ import annotations

from cli.demo.ledger import require
from cli.demo.stage import Stage
from cli.world.cast import CAST, COUNCIL, Name
from salus.core.contracts import CONTRACTS

_CONTRACTS = frozenset(CONTRACTS)


def founded(stage: Stage, milliseconds: float) -> None:
    """What the founding left on chain."""
    facts = stage.api(Name.HOSPITAL_A).deployment()
    found = set(facts["contracts"])
    require(found >= _CONTRACTS, "the seven contracts are in the directory")
    stage.ledger.tell("contracts deployed from the plan", f"{len(found & _CONTRACTS)}, chain {facts['chainId']}")
    active = [
        member["participantId"]
        for member in stage.api(Name.HOSPITAL_A).get("/v1/participants")["items"]
        if member["status"] == "ACTIVE"
    ]
    require(sorted(active) == sorted(stage.id(i.name) for i in CAST), "exactly the cast is admitted")
    titles = ", ".join(institution.title for institution in CAST)
    stage.ledger.tell(
        f"institutions voted in by {len(COUNCIL)} Council members", f"{len(active)} admitted", milliseconds, titles
    )
    stage.ledger.facts["contracts"] = sorted(found & _CONTRACTS)
    stage.ledger.facts["admitted"] = [str(institution.name) for institution in CAST]


def running(stage: Stage, milliseconds: float) -> None:
    """Which processes run."""
    parts = stage.supervisor.running()
    stage.ledger.tell("processes on this machine", f"{len(parts)} running", milliseconds, ", ".join(parts))
    stage.ledger.facts["running"] = list(parts)
