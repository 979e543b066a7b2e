"""A consent from signature to denial, on the chain of `make devnet`."""

import os
import sys

from salus.adapters.chain.connect import connect
from salus.adapters.keys.hd import DerivedAccounts
from salus.core.access import Access, AccessKind
from salus.core.ids import Address, Root
from salus.core.labels import Action, Category, Purpose
from salus.core.ports import ContractCall
from salus.flows.grant import Offer, compose, grant_call, revoke_call, sign

chain = connect("http://127.0.0.1:8545", Address("0x700b6A60ce7EaaEA56F065753d8dcB9653dbAD35"))
words = DerivedAccounts("test test test test test test test test test test test junk")
hospital, relay, patient = words.plain(3), chain.writer([words.plain(8)]), words.holder(int.from_bytes(os.urandom(3)))
reader, now = chain.reader, chain.reader.head().timestamp
today = (now + 28_800) // 86_400  # the civil day in Shanghai
me = reader.operator_of(hospital.address, reader.head()) or sys.exit("hospital-a is not admitted on this chain")
# The patient's wallet shows the offer and signs it; anybody carries it to the chain. Epoch 0: nothing was ever revoked.
offer = Offer(me, Purpose.TREAT, Category.LAB, Action.USE, now - 60, now + 86400, days=(today - 90, today), max_uses=5)
consent, terms = compose(offer, patient.address, 0, now, os.urandom)
signed = sign(consent, terms, patient, reader.domain("ConsentRegistry"))
print("granted", relay.send(grant_call(signed)).event("ConsentGranted").args["consentId"].hex())


def ask() -> int:
    """The hospital asks for one lab record of the last days; records root and session key are random here."""
    what = {"purpose": int(Purpose.TREAT), "categories": int(Category.LAB), "actions": int(Action.USE), "level": 1}
    scope = what | {"confidentiality": 0, "form": 0, "from_day": today - 10, "to_day": today, "role": 1}
    root, key, salt = Root(os.urandom(32)), os.urandom(32), os.urandom(32)
    named = {"record_count": 1, "records_root": root, "session_key": key, "user_digest": bytes(32), "salt": salt}
    access = Access(AccessKind.CONSENT, me, signed.consent_id, deadline=now + 600, **scope, **named)  # type: ignore[arg-type]  # by name
    chain.writer([hospital]).send(ContractCall("AccessGateway", "request", (consent.to_words(), access.to_words())))
    return reader.access(access.access_id(reader.domain("AccessGateway")), reader.head()).code


print("asked, the code is", ask())  # 1, GRANTED
relay.send(revoke_call(patient, signed.consent_id, reader.domain("ConsentRegistry")))
print("asked after the patient revoked, the code is", ask())  # 20, CONSENT_REVOKED
