"""Emergency: two operators of one participant ask for a subject's records without a consent.

Custodians list only to a call that a second operator signed too (docs/protocol.md section 8); the gateway records only
a request that both signed. That the two keys are two people is the institution's word, and another one reviews it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from salus.core.calls import UnsignedCall
from salus.core.ids import ParticipantId, hex32
from salus.core.ports import Signer
from salus.flows.custody import NONCE_BYTES, Caller


@dataclass(frozen=True, slots=True)
class SecondedCaller(Caller):
    """A caller whose lists a second operator signs too: the same call, over the body without `second`."""

    second: Signer

    def call(self, verb: str, custodian: ParticipantId, body: dict[str, Any]) -> dict[str, Any]:
        """A signed call in JSON form; a list bears the second signature."""
        now, nonce = self.clock.now(), self.random(NONCE_BYTES)
        if verb == "list":
            unseconded = UnsignedCall(verb, custodian, body, now, nonce)
            signature = self.second.sign(unseconded.digest(self.domain))
            body = {**body, "second": {"signer": self.second.address, "signature": hex32(signature)}}
        unsigned = UnsignedCall(verb, custodian, body, now, nonce)
        return unsigned.signed(self.signer.address, self.signer.sign(unsigned.digest(self.domain)))
