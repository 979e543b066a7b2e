"""Entries and heads of the AuditLog's chains (protocol section 6)."""

from __future__ import annotations

from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.codes import Code
from salus.core.ids import chain_key
from tests.vectors.samples import CHAIN_ID, HOLDER, NOW, SUBJECT, Json, account, case, hexed, raw32, word


def make() -> list[Json]:
    """Three chains, step by step: each case has the word before, the entry, and the word after it."""
    gateway, consents, subjects = (account(name) for name in ("AccessGateway", "ConsentRegistry", "SubjectRegistry"))
    holder, subject = chain_key(HOLDER), chain_key(SUBJECT)
    steps = [
        ("holder's chain", Entry(consents, holder, EntryKind.CONSENT_GRANTED, 0, raw32("consent id"), NOW)),
        ("holder's chain", Entry(gateway, holder, EntryKind.ACCESS_GRANTED, Code.GRANTED, raw32("a1"), NOW + 1)),
        ("holder's chain", Entry(gateway, holder, EntryKind.ACCESS_DENIED, Code.OUTSIDE_WINDOW, raw32("a2"), NOW + 1)),
        ("holder's chain", Entry(consents, holder, EntryKind.CONSENT_REVOKED, 0, raw32("consent id"), NOW + 2)),
        ("subject's chain", Entry(subjects, subject, EntryKind.SUBJECT_BOUND, 0, SUBJECT, NOW)),
        ("subject's chain", Entry(gateway, subject, EntryKind.ACCESS_DENIED, Code.SUBJECT_FROZEN, raw32("a3"), NOW)),
    ]
    cases, heads = [], dict[str, LogHead]()
    for chain, entry in steps:
        head = heads.get(chain, LogHead())
        heads[chain] = head.after(entry.digest(CHAIN_ID))
        cases.append(_step(f"{chain}, entry {head.count + 1}", head, entry))
    every = [Entry(gateway, holder, kind, 0, raw32(kind.name), NOW) for kind in EntryKind]
    cases += [_step(f"first of a chain: {EntryKind(entry.kind).name}", LogHead(), entry) for entry in every]
    widest = Entry(gateway, b"\xff" * 32, 255, 2**16 - 1, b"\xff" * 32, 2**64 - 1)
    cases.append(_step("every field at its widest", LogHead(2**208 - 1, 2**48 - 2), widest))
    return cases


def _step(name: str, before: LogHead, entry: Entry) -> Json:
    digest = entry.digest(CHAIN_ID)
    given = {
        "chainId": CHAIN_ID,
        "slot": word(before.slot()),
        "emitter": entry.emitter,
        "key": hexed(entry.key),
        "kind": int(entry.kind),
        "code": int(entry.code),
        "referenceId": hexed(entry.reference),
        "at": entry.at,
    }
    return case(name, given, {"entry": hexed(digest), "slot": word(before.after(digest).slot())})
