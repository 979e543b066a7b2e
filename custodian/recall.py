"""Recall: tell a source which record versions of a batch it deposited here, with the notes it gave.

An oracle restored from a backup that is older than its last batch asks so. It gets leaves and notes, both of which it
made itself, sealed to a key of the call: no shares, no topics. A version that was erased is not told. A suspended
source is refused as in a deposit: suspension stops all it does, its notes wait here, and until it may deposit again
there is nothing that an oracle could go on with. Logged before it is told, and bounded. Source: docs/protocol.md
section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from custodian.log import Kind, recalled
from custodian.rules import Custodian, admit, require_source
from custodian.told import HOUR, cost_of
from salus.core import hpke
from salus.core.errors import NotFoundError, UnavailableError
from salus.core.ids import ParticipantId, hex32
from salus.core.recall import RECALLS_AN_HOUR, RecallAnswer, RecallBody, RecalledVersion, encode_versions

VERB = "recall"


def recall(custodian: Custodian, value: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a signed recall: `{custodianSet, count, sealed, more}`, versions in order of their leaf hash.

    Raises:
        InputError: malformed, or nothing can be sealed to the session key.
        RefusedError: codes of every call; DEPOSIT_FORGED, DEPOSIT_NOT_SOURCE.
        NotFoundError: the batch was never deposited here.
        UnavailableError: enough for this hour; says when to go on.
    """
    admitted = admit(custodian, VERB, value)
    body = RecallBody.from_json(admitted.body)
    require_source(custodian.chain, body.source, admitted.signer, admitted.view)
    store = custodian.store
    batch = store.deposited_batch(body.source, body.root)
    if batch is None:
        raise NotFoundError("this batch was never deposited here")
    kept = store.kept_in(body.source, body.root) or []
    later = sorted((one for one in kept if one.leaf_hash > body.after), key=lambda one: one.leaf_hash)
    page = later[: body.limit]
    notes = store.notes(one.key for one in page)
    payload = encode_versions([RecalledVersion(one.leaf, notes.get(one.key, b"")) for one in page])
    info = hpke.recall_info(custodian.chain.chain_id, body.source, body.root, custodian.id, body.after)
    sealed = hpke.seal(payload, body.session_key, info)
    _require_left(custodian, body.source, len(page))
    store.append(recalled(admitted.signer, body.source, body.root, len(page)), custodian.clock.now())
    return RecallAnswer(batch.custodian_set, batch.count, sealed, len(later) > len(page)).to_json()


def _require_left(custodian: Custodian, source: ParticipantId, count: int) -> None:
    """Refuse what goes beyond this source's hour, and say when enough of it no longer counts."""
    now, cost = custodian.clock.now(), cost_of(count)
    told = custodian.told.of(hex32(source), partial(custodian.store.log_of, Kind.RECALL), now)
    left = RECALLS_AN_HOUR - sum(before for _, before in told)
    if cost <= left:
        return
    for at, before in told:
        left += before
        if cost <= left:
            raise UnavailableError(f"enough was told to this source in this hour; go on in {at + HOUR - now} s")
