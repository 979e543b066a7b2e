"""A source destroys one of its records: order, cooling-off, attestations, content gone."""

from __future__ import annotations

from api.schemas.accesses import Attested, DestructionFact, DestructionRequest
from salus.core.cid import cid_of, digest_of
from salus.core.errors import UnavailableError
from salus.core.ids import ParticipantId, RecordId, SubjectRef, from_hex, hex32
from salus.core.state import RecordStatus
from salus.flows.destroy import Destroying, Order, carry_out, order


def destroy(request: DestructionRequest, source: ParticipantId, tools: Destroying) -> DestructionFact:
    """File the order if it is not on chain, and carry it out if its cooling-off has ended; call again until it has.

    Raises:
        InputError: a CID is malformed.
        ChainRevert: the registry refuses the order (legal hold, other source, deadline, signature).
        UnavailableError: a custodian is away; what was attested stays, so the call can be made again.
    """
    filed = Order(
        source,
        RecordId(from_hex(request.record_id)),
        SubjectRef(from_hex(request.subject_ref)),
        request.deadline,
        request.custodian_set,
        from_hex(request.signature, 65),
    )
    digests = [digest_of(cid) for cid in request.cids]
    order(filed, tools)
    head = tools.chain.head()
    state = tools.chain.record_state(source, filed.id, head)
    if state.status is RecordStatus.ORDERED and state.erasable_from > head.timestamp:
        return _fact(filed, state.status, state.erasable_from)
    members = tools.chain.custodian_set(request.custodian_set, head).members
    done = carry_out(filed, members, digests, tools)
    after = tools.chain.record_state(source, filed.id, tools.chain.head())
    if len(done.removed) < len(digests):
        raise UnavailableError("the shares are erased, but some content is still there; call again")
    return DestructionFact(
        record_id=request.record_id,
        status=after.status.name,
        erasable_from=after.erasable_from,
        attestations=[
            Attested(custodian_id=hex32(custodian), erased=erased, signature=hex32(signature))
            for custodian, (erased, signature) in done.attestations.items()
        ],
        removed=[cid_of(digest) for digest in done.removed],
    )


def _fact(filed: Order, status: RecordStatus, erasable_from: int) -> DestructionFact:
    return DestructionFact(
        record_id=hex32(filed.record), status=status.name, erasable_from=erasable_from, attestations=[], removed=[]
    )
