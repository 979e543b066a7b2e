"""Gas of the paths with a promised figure, whole transactions at realistic calldata."""

import pytest
from signing import access_words, consent_words
from world import HOSPITAL, ZERO, h

SIZE = 60


def report(name, gas, goal):
    print(f"gas {name:44} {gas:>8,} goal {goal:>8,}")
    assert gas <= goal


def test_gas__grant_new_holder__within_goal(consortium):
    consortium.granted("The first entry of the log")
    report("grant, new holder", consortium.grant("Wang", consortium.consent("Wang")).gas_used, 100_000)


def test_gas__request_alone__within_goal(consortium):
    consent = consortium.granted("Wang", head={"maxUses": 10})
    report("request, limited uses", consortium.request(consent).gas_used, 130_000)
    report("request, limited uses, again", consortium.request(consent).gas_used, 130_000)
    fresh = consortium.granted("Li")
    report("request, unlimited uses", consortium.request(fresh).gas_used, 130_000)


def test_gas__request_denied__within_goal(consortium):
    consent = consortium.granted("Wang")
    report("request, denied", consortium.request(consent, level=5).gas_used, 130_000)


@pytest.mark.parametrize(("uses", "goal"), [(0, 60_000), (9, 63_500)])
def test_gas__batch_of_the_institution_itself__within_goal(consortium, uses, goal):
    """Delivered by the operator, so no signature: what an institution's API does under load."""
    items = [(*item[:2], (ZERO, ZERO)) for item in batch(consortium, uses)]
    tx = consortium.gateway.requestMany(items, {"from": consortium.operators[HOSPITAL]})
    assert tx.return_value == SIZE
    report(f"request in own batch of {SIZE}, {uses or 'unlimited'} uses", tx.gas_used // SIZE, goal)


@pytest.mark.parametrize(("uses", "goal"), [(0, 65_000), (9, 68_000)])
def test_gas__batch_of_a_relayer__is_recorded(consortium, uses, goal):
    """Each signature adds 1,024 gas of calldata and 3,400 for its recovery."""
    tx = consortium.gateway.requestMany(batch(consortium, uses), {"from": consortium.relayer})
    assert tx.return_value == SIZE
    report(f"request in relayed batch of {SIZE}, {uses or 'unlimited'} uses", tx.gas_used // SIZE, goal)


def batch(world, uses):
    """Requests about different patients, signed by one operator."""
    doctor = world.operator("Dr Li")
    items = []
    for i in range(SIZE):
        consent = world.granted(f"Patient {i}", head={"maxUses": uses})
        access = world.access(HOSPITAL, world.consent_id(consent))
        items.append(world.signed_request(consent, access, doctor))
    return items


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
