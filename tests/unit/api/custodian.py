"""A custodian that checks nothing: it lists and releases what it was given. Real checks are tested elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from salus.core import hpke
from salus.core.access import Access
from salus.core.codes import Code
from salus.core.errors import RefusedError
from salus.core.ids import LeafHash, ParticipantId, address_bytes, from_hex, hex32
from salus.core.ports import ChainReader
from salus.core.sealing import SealedRecord


@dataclass
class TrustingCustodian:
    """Shares of some records at one position of the set.

    `refusals` are refused alone, `refuses` refuses calls, `lies` gives wrong ones; `behind` lists yet to come are
    refused, because its node has not seen the consent.
    """

    id: ParticipantId
    position: int
    chain: ChainReader
    records: dict[LeafHash, SealedRecord] = field(default_factory=dict)
    refusals: dict[LeafHash, Code] = field(default_factory=dict)
    refuses: Code | None = None
    lies: bool = False
    behind: int = 0
    asked: list[str] = field(default_factory=list)

    def __call__(self, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(verb)
        if self.refuses is not None:
            raise RefusedError(self.refuses)
        if verb == "list" and self.behind:
            self.behind -= 1
            raise RefusedError(Code.CONSENT_NOT_YET_VALID)
        if verb == "list":
            return {"items": [self._item(leaf) for leaf in self.records], "more": False}
        return self._released(call["body"])

    def _item(self, leaf: LeafHash) -> dict[str, Any]:
        shown = self.records[leaf].leaf.to_json()
        del shown["subjectRef"], shown["previousLeaf"]
        return {"leaf": hex32(leaf), **shown}

    def _released(self, body: dict[str, Any]) -> dict[str, Any]:
        access = Access.from_json(body["access"])
        access_id = access.access_id(self.chain.domain("AccessGateway"))
        gateway = address_bytes(self.chain.address_of("AccessGateway"))
        shares, refused = [], []
        for name in body["leaves"]:
            leaf = LeafHash(from_hex(name))
            if leaf in self.refusals:
                refused.append({"leaf": name, "code": int(self.refusals[leaf])})
                continue
            info = hpke.release_info(self.chain.chain_id, gateway, access_id, leaf, self.id, inner=False)
            share = self.records[leaf].shares[self.position]
            if self.lies:
                share = share[:-1] + bytes([share[-1] ^ 1])
            shares.append({"leaf": name, "sealed": hex32(hpke.seal(share, access.session_key, info))})
        return {"shares": shares, "refused": refused}
