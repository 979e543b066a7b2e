"""AuditLog: chains, writers, storage layout for proofs."""

import pytest
from brownie import AuditLog, accounts, chain, web3
from eth_utils import keccak
from world import HOSPITAL, NOBODY, ZERO, h, key_of, refuses

from scripts.plan import PlanError, load

HEAD_BITS = 208


def test_append__by_others__reverts(deployed):
    with refuses("AuditLogNotWriter", deployed.stranger.address):
        deployed.log.append(h("key"), 1, 1, ZERO, {"from": deployed.stranger})
    with refuses("AuditLogNotWriter"):
        deployed.log.append(h("key"), 1, 1, ZERO, {"from": accounts[0]})


def test_writers__by_others_than_council__reverts(deployed):
    for verb in ("admitWriter", "retireWriter"):
        with refuses("AuditLogNotCouncil"):
            getattr(deployed.log, verb)(deployed.stranger, {"from": accounts[0]})


def test_constructor__without_council__reverts(deployed):
    with refuses("AuditLogNotCouncil"):
        AuditLog.deploy(NOBODY, {"from": accounts[0]})


def test_append__each_entry__extends_both_chains(consortium):
    """Recomputes both heads from the events alone."""
    consents = [consortium.granted(name) for name in ("Wang", "Li")]
    consortium.request(consents[0])
    consortium.bind("Wang")
    events = []
    for number in range(1, chain.height + 1):
        for txid in chain[number].transactions:
            tx = chain.get_transaction(bytes(txid).hex() if not isinstance(txid, str) else txid)
            events += list(tx.events["Appended"]) if "Appended" in tx.events else []
    heads, counts = {}, {}
    for event in events:
        entry = entry_of(consortium.chain_id, event)
        for key in (None, bytes(event["key"])):
            heads[key] = next_head(heads.get(key, 0), entry)
            counts[key] = counts.get(key, 0) + 1
        assert event["globalCount"] == counts[None]
        assert event["keyCount"] == counts[bytes(event["key"])]
    assert tuple(consortium.log.globalChain()) == (heads[None], len(events))
    for key in heads.keys() - {None}:
        assert tuple(consortium.log.chainOf(key)) == (heads[key], counts[key])
    assert counts[key_of(consortium.person("Wang").address)] == 2


def test_append__holder_chain__is_where_the_layout_says(consortium):
    consortium.granted("Wang")
    key = key_of(consortium.person("Wang").address)
    slot = int.from_bytes(keccak(key + (1).to_bytes(32, "big")), "big")
    stored = int.from_bytes(web3.eth.get_storage_at(consortium.log.address, slot), "big")
    assert (stored >> 48, stored & (1 << 48) - 1) == tuple(consortium.log.chainOf(key))
    stored = int.from_bytes(web3.eth.get_storage_at(consortium.log.address, 0), "big")
    assert (stored >> 48, stored & (1 << 48) - 1) == tuple(consortium.log.globalChain())


def test_append__anchor__is_on_the_sources_chain(consortium):
    tx = consortium.records.anchor(h("root"), 5, 1, 1, {"from": consortium.operators[HOSPITAL]})
    event = tx.events["Appended"]
    assert bytes(event["key"]) == consortium.ids[HOSPITAL]
    assert event["kind"] == 40
    assert event["emitter"] == consortium.records.address
    assert event["time"] == tx.timestamp


def test_plan__unknown_network__says_which_there_are():
    with pytest.raises(PlanError, match="dev, local, production"):
        load("nowhere")


def test_plan__production__resolves():
    plan = load("production")
    assert plan.settings["threshold"] * 2 > len(plan.settings["members"])
    known = dict.fromkeys(("Council", "AuditLog", "ParticipantRegistry", "SubjectRegistry"), NOBODY)
    for step in plan.steps:
        if hasattr(step, "arguments"):
            assert not any(str(value).startswith("$") for value in plan.resolve(step, known))


def entry_of(chain_id, event):
    words = (
        keccak(text="salus.entry.v1"),
        chain_id,
        bytes.fromhex(event["emitter"][2:]).rjust(32, b"\0"),
        bytes(event["key"]),
        event["kind"],
        event["code"],
        bytes(event["referenceId"]),
        event["time"],
    )
    return keccak(b"".join(w if isinstance(w, bytes) else w.to_bytes(32, "big") for w in words))


def next_head(head, entry):
    digest = keccak(keccak(text="salus.head.v1") + head.to_bytes(32, "big") + entry)
    return int.from_bytes(digest, "big") & (1 << HEAD_BITS) - 1
