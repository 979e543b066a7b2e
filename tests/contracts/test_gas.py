"""Gas of the paths with a promised figure, whole transactions at realistic calldata."""

from signing import access_words, consent_words
from world import HOSPITAL, h


def report(name, gas, goal):
    print(f"gas {name:44} {gas:>8,} goal {goal:>8,}")
    assert gas <= goal


def test_gas__grant_new_holder__within_goal(consortium):
    report("grant, new holder", consortium.grant("Wang", consortium.consent("Wang")).gas_used, 100_000)


def test_gas__request_alone__within_goal(consortium):
    consent = consortium.granted("Wang", head={"maxUses": 10})
    consortium.request(consent)
    report("request, limited uses", consortium.request(consent).gas_used, 130_000)
    fresh = consortium.granted("Li")
    report("request, unlimited uses", consortium.request(fresh).gas_used, 130_000)


def test_gas__request_denied__within_goal(consortium):
    consent = consortium.granted("Wang")
    report("request, denied", consortium.request(consent, level=5).gas_used, 130_000)


def test_gas__request_in_batch__within_goal(consortium):
    doctor = consortium.operator("Dr Li")
    for uses, size in ((0, 10), (9, 10), (0, 60)):
        items = []
        for i in range(size):
            consent = consortium.granted(f"Patient {i}", head={"maxUses": uses})
            access = consortium.access(HOSPITAL, consortium.consent_id(consent))
            items.append(consortium.signed_request(consent, access, doctor))
        tx = consortium.gateway.requestMany(items, {"from": consortium.relayer})
        assert tx.return_value == size
        report(f"request in a batch of {size}, {uses or 'unlimited'} uses", tx.gas_used // size, 60_000)


def test_gas__anchor_per_record__within_goal(consortium):
    tx = consortium.records.anchor(h("first"), 1000, 1, 1, {"from": consortium.operators[HOSPITAL]})
    report("anchor of 1,000, per record", tx.gas_used // 1000, 120)
    tx = consortium.records.anchor(h("second"), 1000, 1, 1, {"from": consortium.operators[HOSPITAL]})
    report("anchor of 1,000, whole", tx.gas_used, 120_000)


def test_gas__access_on_chain__at_most_one_kilobyte(consortium):
    consent = consortium.granted("Wang")
    access = consortium.access(HOSPITAL, consortium.consent_id(consent))
    tx = consortium.request(consent, access)
    calldata = consortium.gateway.request.encode_input(consent_words(consent), access_words(access))
    logs = sum(32 * len(log.topics) + len(bytes(log.data)) for log in tx.logs)
    print(f"bytes of calldata {len(calldata) // 2 - 1}, of logs {logs}, of state 32")
    assert len(calldata) // 2 - 1 + 32 <= 1024
    event = tx.logs[0]
    assert 32 * len(event.topics) + len(bytes(event.data)) <= 350
