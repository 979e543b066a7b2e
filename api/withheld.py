"""What custodians left out of lists under a consent, for a supervising institution: counts and codes, no content."""

from __future__ import annotations

from typing import Any

from api.schemas.audit import Withheld, WithheldByCustodian, WithheldCount, WithheldList
from salus.core.errors import InputError
from salus.core.ids import ConsentId, hex32
from salus.core.ports import ChainReader, CustodianClient
from salus.flows.custody import Caller, ask_all


def withheld(
    consent: ConsentId, custodian_set: int, chain: ChainReader, custodians: CustodianClient, caller: Caller
) -> Withheld:
    """What each custodian of a set left out of each list it gave under a consent, and why.

    Raises:
        RefusedError: this institution does not supervise (NOT_QUALIFIED).
        NotFoundError: no such custodian set.
        UnavailableError: no custodian is reachable.
    """
    members = chain.custodian_set(custodian_set, chain.final()).members
    body = {"withheldFor": hex32(consent)}
    answers = ask_all(members, lambda custodian: custodians.list(custodian, caller.call("list", custodian, dict(body))))
    answers.require()
    try:
        found = [
            WithheldByCustodian(custodian_id=hex32(custodian), lists=[_list(item) for item in answer["lists"]])
            for custodian, answer in answers.given.items()
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("a custodian reported in a malformed answer") from error
    return Withheld(custodians=found, away=[hex32(custodian) for custodian in answers.failed])


def _list(item: dict[str, Any]) -> WithheldList:
    return WithheldList(
        at=item["at"],
        participant_id=item["participantId"],
        listed=item["listed"],
        withheld=[
            WithheldCount(code=count["code"], name=count["name"], count=count["count"]) for count in item["withheld"]
        ],
    )
