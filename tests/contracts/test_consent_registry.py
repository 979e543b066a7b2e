"""ConsentRegistry: grant, replace, revoke, revokeAll, consume."""

import pytest
from brownie import ConsentRegistry, accounts
from signing import consent_words, row, scope_hash
from world import HOSPITAL, NOBODY, h, key_of, now, refuses

LIVE, REVOKED, REPLACED = 1, 2, 3
UNLIMITED = 2**32 - 1
ALLOWED = True


def slot(world, consent):
    """Status, uses left, epoch, granted at."""
    word = world.consents.slotOf(consent["head"]["holder"], world.consent_id(consent))
    return word & 0xFF, word >> 8 & 0xFFFFFFFF, word >> 40 & 2**64 - 1, word >> 104


def revoke(world, holder, consent_id, signer=None):
    address = world.person(holder).address
    message = {"holder": address, "consentId": consent_id}
    signature = world.sign(signer or holder, "Revocation", world.consents, message)
    return world.consents.revoke(address, consent_id, signature, {"from": world.relayer})


def revoke_all(world, holder, epoch, signer=None):
    address = world.person(holder).address
    message = {"holder": address, "epoch": epoch}
    signature = world.sign(signer or holder, "RevocationOfAll", world.consents, message)
    return world.consents.revokeAll(address, epoch, signature, {"from": world.relayer})


def test_grant__signed_by_holder__is_live_and_logged(consortium):
    consent = consortium.consent("Wang", head={"maxUses": 5})
    tx = consortium.grant("Wang", consent)
    assert bytes(tx.return_value) == consortium.consent_id(consent)
    assert slot(consortium, consent) == (LIVE, 5, 0, tx.timestamp)
    assert tx.events["ConsentGranted"]["holder"] == consortium.person("Wang").address
    assert tx.events["Appended"]["kind"] == 10
    assert consortium.chain(key_of(consortium.person("Wang").address))[1] == 1


def test_grant__digest__is_what_the_gateway_computes(consortium):
    consent = consortium.consent("Wang", windowMonths=0, fromDay=20000, toDay=20100, flags=0xFFFF)
    assert bytes(consortium.gateway.consentIdOf(consent_words(consent))) == consortium.consent_id(consent)


@pytest.mark.parametrize("uses", [0, UNLIMITED])
def test_grant__zero_or_all_ones_uses__is_without_limit(consortium, uses):
    assert slot(consortium, consortium.granted("Wang", head={"maxUses": uses}))[1] == UNLIMITED


def test_grant__by_holder_with_empty_signature__is_live(consortium):
    consent = consortium.consent("Wang")
    consent["head"]["holder"] = accounts[15].address
    head = row("ConsentHead", consent["head"])
    consortium.consents.grant(head, scope_hash(consent["scope"]), b"", {"from": accounts[15]})
    assert slot(consortium, consent)[0] == LIVE


def test_grant__empty_signature_of_another__reverts(consortium):
    consent = consortium.consent("Wang")
    head = row("ConsentHead", consent["head"])
    with refuses("ConsentRegistryInvalidSignature"):
        consortium.consents.grant(head, scope_hash(consent["scope"]), b"", {"from": consortium.relayer})


def test_grant__twice__reverts(consortium):
    consent = consortium.granted("Wang")
    with refuses("ConsentRegistryKnown"):
        consortium.grant("Wang", consent)


def test_grant__signed_by_another__reverts(consortium):
    with refuses("ConsentRegistryInvalidSignature"):
        consortium.grant("Wang", consortium.consent("Wang"), signer="Li")


def test_grant__high_s_signature__reverts(consortium):
    consent = consortium.consent("Wang")
    signature = consortium.sign("Wang", "Consent", consortium.consents, consent)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")
    malleated = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    head = row("ConsentHead", consent["head"])
    with refuses("ConsentRegistryInvalidSignature"):
        consortium.consents.grant(head, scope_hash(consent["scope"]), malleated, {"from": consortium.relayer})


def test_grant__signature_for_another_contract__reverts(consortium):
    other = ConsentRegistry.deploy(consortium.council, consortium.log, {"from": accounts[0]})
    consent = consortium.consent("Wang")
    signature = consortium.sign("Wang", "Consent", other, consent)
    head = row("ConsentHead", consent["head"])
    with refuses("ConsentRegistryInvalidSignature"):
        consortium.consents.grant(head, scope_hash(consent["scope"]), signature, {"from": consortium.relayer})


@pytest.mark.parametrize(
    ("shift", "error"), [(-10, "ConsentRegistryDeadlinePassed"), (8 * 86400, "ConsentRegistryDeadlineTooFar")]
)
def test_grant__deadline_outside_seven_days__reverts(consortium, shift, error):
    with refuses(error):
        consortium.grant("Wang", consortium.consent("Wang", head={"deadline": now() + shift}))


def test_grant__another_epoch__reverts(consortium):
    with refuses("ConsentRegistryWrongEpoch"):
        consortium.grant("Wang", consortium.consent("Wang", head={"epoch": 1}))


def test_grant__naming_a_replaced_one__reverts(consortium):
    with refuses("ConsentRegistryUnexpectedReplaces"):
        consortium.grant("Wang", consortium.consent("Wang", head={"replaces": h("old")}))


def test_replace__live_consent__takes_its_place(consortium):
    old = consortium.granted("Wang")
    new = consortium.consent("Wang", head={"replaces": consortium.consent_id(old)})
    tx = consortium.grant("Wang", new, "replace")
    assert slot(consortium, old)[0] == REPLACED
    assert slot(consortium, new)[0] == LIVE
    assert [event["kind"] for event in tx.events["Appended"]] == [11, 10]


def test_replace__unknown_or_dead_one__reverts(consortium):
    with refuses("ConsentRegistryNotLive"):
        consortium.grant("Wang", consortium.consent("Wang"), "replace")
    old = consortium.granted("Wang")
    revoke(consortium, "Wang", consortium.consent_id(old))
    with refuses("ConsentRegistryNotLive"):
        new = consortium.consent("Wang", head={"replaces": consortium.consent_id(old)})
        consortium.grant("Wang", new, "replace")


def test_replace__consent_of_another_holder__reverts(consortium):
    old = consortium.granted("Li")
    with refuses("ConsentRegistryNotLive"):
        new = consortium.consent("Wang", head={"replaces": consortium.consent_id(old)})
        consortium.grant("Wang", new, "replace")


def test_revoke__live_consent__is_revoked_and_logged(consortium):
    consent = consortium.granted("Wang")
    tx = revoke(consortium, "Wang", consortium.consent_id(consent))
    assert slot(consortium, consent)[0] == REVOKED
    assert tx.events["Appended"]["kind"] == 12
    with refuses("ConsentRegistryNotLive"):
        revoke(consortium, "Wang", consortium.consent_id(consent))


def test_revoke__before_grant__prevents_it(consortium):
    consent = consortium.consent("Wang")
    revoke(consortium, "Wang", consortium.consent_id(consent))
    with refuses("ConsentRegistryKnown"):
        consortium.grant("Wang", consent)


def test_revoke__by_another__reverts(consortium):
    consent = consortium.granted("Wang")
    with refuses("ConsentRegistryInvalidSignature"):
        revoke(consortium, "Wang", consortium.consent_id(consent), signer="Li")


def test_revoke_all__raises_epoch_and_voids_offline_ones(consortium):
    pending = consortium.consent("Wang")
    tx = revoke_all(consortium, "Wang", 0)
    epoch = consortium.consents.epochOf(consortium.person("Wang").address)
    assert 1 <= epoch <= 2**32
    assert tx.events["ConsentsRevoked"]["epoch"] == epoch
    assert tx.events["Appended"]["kind"] == 13
    with refuses("ConsentRegistryWrongEpoch"):
        consortium.grant("Wang", pending)


def test_revoke_all__replayed_or_foreign__reverts(consortium):
    revoke_all(consortium, "Wang", 0)
    with refuses("ConsentRegistryWrongEpoch"):
        revoke_all(consortium, "Wang", 0)
    epoch = consortium.consents.epochOf(consortium.person("Wang").address)
    with refuses("ConsentRegistryInvalidSignature"):
        revoke_all(consortium, "Wang", epoch, signer="Li")


def test_grant__signed_beforehand_for_the_next_epoch__reverts(consortium):
    """Else it would come to life with the revocation that was to end everything."""
    waiting = consortium.consent("Wang", head={"epoch": 1})
    revoke_all(consortium, "Wang", 0)
    with refuses("ConsentRegistryWrongEpoch"):
        consortium.grant("Wang", waiting)


def test_consume__by_others_than_gateway__reverts(consortium):
    consent = consortium.granted("Wang")
    holder = consent["head"]["holder"]
    for sender in (consortium.relayer, consortium.operators[HOSPITAL]):
        with refuses("ConsentRegistryNotGateway"):
            consortium.consents.consume(holder, consortium.consent_id(consent), ALLOWED, {"from": sender})


def test_admit_gateway__by_others_than_council__reverts(consortium):
    with refuses("ConsentRegistryNotCouncil"):
        consortium.consents.admitGateway(consortium.stranger, {"from": accounts[0]})


def test_constructor__zero_address__reverts(deployed):
    for arguments in ((NOBODY, deployed.log), (deployed.council, NOBODY)):
        with refuses("ConsentRegistryZeroAddress"):
            ConsentRegistry.deploy(*arguments, {"from": accounts[0]})
