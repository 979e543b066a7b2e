"""Checks before start: what an oracle needs, looked at one by one, each with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from oracle.behind import Behind
from salus.core.errors import SalusError, SetupError
from salus.core.ids import Address, ParticipantId, hex32
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.ports import ChainReader

SLOW_FLUSH_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `advice` says what to do when it is not `ok`; one that is not `needed` doesn't stop the oracle."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    needed: bool = True


Check = Callable[[], Finding]


def run(checks: Iterable[tuple[str, Check]]) -> list[Finding]:
    """Do all checks; an error in one is its finding."""
    findings = []
    for name, check in checks:
        try:
            findings.append(check())
        except SalusError as error:
            findings.append(Finding(name, ok=False, detail=str(error), advice=error.advice))
        except Exception as error:  # noqa: BLE001 - whatever a broken installation raises is what was to be found
            findings.append(Finding(name, ok=False, detail=type(error).__name__, advice=SetupError.advice))
    return findings


def require(findings: Iterable[Finding]) -> None:
    """Go on only if every needed check is fine.

    Raises:
        SetupError: names the first that isn't, with what to do.
    """
    for finding in findings:
        if finding.needed and not finding.ok:
            raise SetupError(f"{finding.name}: {finding.detail}. {finding.advice}")


def database(flush: Callable[[], float]) -> Finding:
    """The database takes a durable write. `flush` does one and returns its seconds."""
    seconds = min(flush() for _ in range(5))
    detail = f"a durable write takes {seconds * 1000:.1f} ms"
    slow = seconds > SLOW_FLUSH_SECONDS
    advice = "Put the database on a local disk that flushes faster; acknowledgements wait for it." if slow else ""
    return Finding("database", ok=True, detail=detail, advice=advice)


def chain(reader: ChainReader, expected_chain_id: int) -> Finding:
    """The node is on the deployment's chain."""
    found = reader.chain_id
    return Finding(
        "chain",
        ok=found == expected_chain_id,
        detail=f"chain id {found}, head {reader.head().number}",
        advice=f"SALUS_ORACLE_RPC_URL must lead to a node of chain {expected_chain_id}, or name another deployment.",
    )


def operator(reader: ChainReader, account: Address, source: ParticipantId) -> Finding:
    """The signing account is an operator of this source, which is active and may be a source."""
    head = reader.head()
    state = reader.participant(source, head)
    if state.status is not ParticipantStatus.ACTIVE:
        detail, advice = "the participant is not active", "Have it admitted or reinstated by the Council."
    elif not state.roles & ParticipantRole.SOURCE:
        detail, advice = "the participant has not the role SOURCE", "Have the Council admit it with that role."
    elif reader.operator_of(account, head) != source:
        detail, advice = f"{account} is not its operator", "Add it: `salus participant add-operator`."
    else:
        return Finding("operator", ok=True, detail=f"{account} operates for {hex32(source)}")
    return Finding("operator", ok=False, detail=detail, advice=advice)


def journal(missing: Behind) -> Finding:
    """The database knows every batch its source has anchored."""
    if not missing.batches:
        return Finding("journal", ok=True, detail=f"knows all batches up to block {missing.last}")
    return Finding(
        "journal",
        ok=False,
        detail=f"{missing.batches} batches with {missing.versions} record versions were anchored, the first in block "
        f"{missing.first}, and are not in this database",
        advice="It is older than what was anchored: once started it learns them from the custodians, before it makes "
        "anything new; have the sources send again what they sent since (docs/runbook.md, Restore an oracle).",
        needed=False,
    )


def custodians(reader: ChainReader, number: int, reachable: Callable[[ParticipantId], bool]) -> Finding:
    """The custodian set exists, and its members are active, have keys and answer."""
    head = reader.head()
    members = reader.custodian_set(number, head).members
    for member in members:
        state = reader.participant(member, head)
        if state.status is not ParticipantStatus.ACTIVE or not any(state.encryption_key):
            advice = "Choose another custodian set, or have the Council reinstate it with an encryption key."
            return Finding("custodians", ok=False, detail=f"{hex32(member)} is not active", advice=advice)
    away = [member for member in members if not reachable(member)]
    if away:
        return Finding(
            "custodians",
            ok=False,
            detail=f"{len(away)} of {len(members)} do not answer, the first is {hex32(away[0])}",
            advice="Messages are taken all the same and wait; see that its URL in SALUS_ORACLE_CUSTODIANS is right.",
            needed=False,
        )
    return Finding("custodians", ok=True, detail=f"set {number}: {len(members)} answer")
