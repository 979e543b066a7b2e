"""Whether patients can read what was taken in: some claim their subject, open all their records, and compare.

Claiming, requesting and opening go the patient's way: a code of the desk, a binding on chain, an own access, shares of
two custodians, the envelope, its checks. What they read must be what the message says, byte for byte.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from oracle.reading import read_drafts
from salus.core.canonical import canonical
from tests.integration.oracle.stack import PROFILE, Stack

PATIENTS = 12
_AT_ONCE = 4


class UnreadableError(Exception):
    """A record is not what its message says, or its patient can't open it."""


def require_opened(stack: Stack, sent: Sequence[bytes], seed: int = 1) -> int:
    """Open all records of the patients of some of the messages; number of records.

    Raises:
        UnreadableError: one is missing, refused or says something else.
    """
    chosen = random.Random(seed).sample(list(sent), min(PATIENTS, len(sent)))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(lambda raw: _open(stack, raw), chosen))


def _open(stack: Stack, raw: bytes) -> int:
    drafts = read_drafts(raw, PROFILE)
    wanted = sorted(canonical(draft.content) for draft in drafts)
    opened = stack.open_own(stack.claim_subject(drafts[0].subject_key))
    found = sorted(canonical(item.record.content) for item in opened.items)
    if opened.refused or opened.failed or found != wanted:
        counts = f"{len(found)} opened, {len(opened.refused)} refused, {len(opened.failed)} failed"
        raise UnreadableError(f"of {len(wanted)} records sent about one patient: {counts}")
    return len(found)
