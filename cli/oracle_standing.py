"""How a running oracle stands: what its /ready says, in lines a person reads."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any

from cli import output
from cli.world.cast import WITH_ORACLE, Name
from cli.world.journal import HERE
from cli.world.running import running_world
from oracle import settings
from oracle.alerts import ADVICE, AlertKind
from salus.core.errors import InputError, UnavailableError

_PATIENCE_SECONDS = 10
_FIGURES = {
    "pendingMessages": "messages wait to be processed",
    "quarantined": "messages in quarantine",
    "waitingVersions": "versions in no batch yet",
    "openBatches": "batches not anchored yet",
    "openInvalidations": "versions not invalid on chain yet",
    "openLinks": "links of patients not on chain yet",
    "recalledMessages": "messages known from custodians alone: until their senders send them again, what comes late "
    "to their records waits (docs/runbook.md, Restore an oracle)",
    "unknownBatches": "batches on chain that it has still to learn from the custodians",
}


def standing(source: str) -> dict[str, Any]:
    """What the oracle of an institution says of itself; `here` is the one whose settings are in the environment.

    `ready` is whether it does its work. Every other member is as in docs/runbook.md.

    Raises:
        InputError: no such institution.
        SetupError: no world runs.
        UnavailableError: it does not answer.
    """
    if source == HERE:
        port = settings.read_http_port()
    elif source in WITH_ORACLE:
        port = running_world().ports.oracle_http(Name(source))
    else:
        raise InputError(f"an oracle is one of {', '.join(WITH_ORACLE)}, or `{HERE}` with its settings in force")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UnavailableError(f"the oracle does not answer on port {port}; does it run?") from error
    finally:
        connection.close()
    return {"ready": answer.status == http.client.OK, **said}


def standing_lines(said: Mapping[str, Any]) -> Iterator[str]:
    """The same for a person: whether it is ready, its sources, what waits, what is wrong and what to do."""
    why = said.get("detail", "it can't do its work")
    yield "ready" if said["ready"] else f"not ready: {why}"
    if said.get("held"):
        yield "intake is held: senders wait"
    names = said.get("sources", ())
    yield f"{len(names)} {'source' if len(names) == 1 else 'sources'} in force: {', '.join(names)}"
    if said.get("sourcesRejected"):
        yield "changed source files are not in force; mend these, what was before goes on:"
        yield from (f"  {line}" for line in said["sourcesRejected"])
    yield from (f"{said[name]:,} {what}" for name, what in _FIGURES.items() if said.get(name))
    for one in said.get("alerts", ()):
        named = " of ".join(filter(None, (one["alert"], one["source"])))
        advice = ADVICE[AlertKind(one["alert"])] if one["alert"] in set(AlertKind) else ""
        yield f"alert {named} since {output.clock(one['since'])}: {advice}".rstrip(" :")
