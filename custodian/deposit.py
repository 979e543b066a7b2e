"""Deposit: take in key shares of a batch, and acknowledge only what is stored durably and rebuilds its root.

Source: DESIGN section 4, Shares; docs/protocol.md section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custodian.log import deposited
from custodian.rules import Custodian, View, admit, require_source
from custodian.schemas import DepositBody, read_deposit
from custodian.wrap import Wrapping, fingerprint
from salus.core import hpke
from salus.core.codes import Code
from salus.core.custody import DepositBatch, DepositedRecord
from salus.core.deposit import DepositItem, decode_items
from salus.core.errors import ConflictError, EnvelopeError, InputError, NotFoundError, RefusedError
from salus.core.ids import LeafHash, hex32
from salus.core.labels import MAX_LEVEL, MIN_LEVEL, Category, Confidentiality, Form
from salus.core.merkle import MerkleTree

VERB = "deposit"
MAX_ITEMS = 1000
_UNKNOWN = ~int(sum(Category))
_CONFIDENTIALITY, _FORM = int(max(Confidentiality)), int(max(Form))


def deposit(custodian: Custodian, value: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a signed deposit: `{root, stored}`. The same deposit again gets the same answer.

    Items of a record that was destroyed are acknowledged and not kept: nothing of it would be released, and the other
    records of the batch must not wait for it.

    Raises:
        InputError: malformed.
        RefusedError: codes of every call; DEPOSIT_FORGED, DEPOSIT_NOT_SOURCE, DEPOSIT_NOT_MEMBER, DEPOSIT_MISMATCH.
    """
    admitted = admit(custodian, VERB, value)
    body = read_deposit(admitted.body)
    require_source(custodian.chain, body.source, admitted.signer, admitted.view)
    index = _position(custodian, body.custodian_set, admitted.view) + 1
    items = _open(custodian, body)
    hashes = [item.leaf.hash(custodian.chain.chain_id) for item in items]
    if len(set(hashes)) != len(hashes) or MerkleTree(hashes).root != body.root:
        raise RefusedError(Code.DEPOSIT_MISMATCH, "the items do not rebuild the root")
    if not all(_is_sound(item, index) for item in items):
        raise RefusedError(Code.DEPOSIT_MISMATCH, "an item has labels out of range or the share of another custodian")
    now = custodian.clock.now()
    wrapping = Wrapping(body.source, now, custodian.keys, custodian.random)
    records = tuple(_record(wrapping, item, leaf) for item, leaf in zip(items, hashes, strict=True))
    batch = DepositBatch(body.source, body.root, body.custodian_set, now, records)
    try:
        custodian.store.deposit(batch, deposited(admitted.signer, body.source, body.root, len(items)))
    except ConflictError as error:
        raise RefusedError(Code.DEPOSIT_MISMATCH, str(error)) from error
    return {"root": hex32(body.root), "stored": len(items)}


def _position(custodian: Custodian, number: int, view: View) -> int:
    try:
        return custodian.chain.custodian_set(number, view.final).members.index(custodian.id)
    except (NotFoundError, ValueError) as error:
        raise RefusedError(Code.DEPOSIT_NOT_MEMBER) from error


def _open(custodian: Custodian, body: DepositBody) -> list[DepositItem]:
    info = hpke.deposit_info(custodian.chain.chain_id, body.root, body.custodian_set, custodian.id)
    try:
        items = decode_items(hpke.open_sealed(body.sealed, custodian.encryption_key, info), body.custodian_set)
    except (EnvelopeError, InputError) as error:
        raise RefusedError(Code.DEPOSIT_MISMATCH, "the sealed items do not open") from error
    if not 1 <= len(items) <= MAX_ITEMS:
        raise RefusedError(Code.DEPOSIT_MISMATCH, f"a deposit has 1 to {MAX_ITEMS} items")
    return items


def _is_sound(item: DepositItem, index: int) -> bool:
    leaf = item.leaf
    return (
        leaf.version >= 1
        and leaf.categories != 0
        and leaf.categories & _UNKNOWN == 0
        and MIN_LEVEL <= leaf.level <= MAX_LEVEL
        and leaf.confidentiality <= _CONFIDENTIALITY
        and leaf.form <= _FORM
        and leaf.first_day <= leaf.last_day
        and item.share[0] == index
        and (leaf.level == MAX_LEVEL) == (item.inner_share is not None)
        and (item.inner_share is None or item.inner_share[0] == index)
    )


def _record(wrapping: Wrapping, item: DepositItem, leaf_hash: LeafHash) -> DepositedRecord:
    wrapped = wrapping.wrap(item.share, item.inner_share, leaf_hash)
    mark = fingerprint(item.share, item.inner_share)
    return DepositedRecord(leaf_hash, item.leaf, item.topics, item.topics_salt, wrapped, mark, item.note)
