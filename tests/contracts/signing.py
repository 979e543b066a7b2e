"""Typed data as a wallet signs it.

Digests come from eth-account's own EIP-712 encoder, so that the contracts are checked against a second implementation.
"""

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

HEAD = [
    ("address", "holder"),
    ("uint64", "epoch"),
    ("uint32", "maxUses"),
    ("uint64", "deadline"),
    ("bytes32", "replaces"),
]
SCOPE = [
    ("bytes32", "granteeId"),
    ("uint32", "purposes"),
    ("uint64", "categories"),
    ("uint16", "actions"),
    ("uint8", "maxLevel"),
    ("uint8", "maxConfidentiality"),
    ("uint8", "minForm"),
    ("uint8", "windowMonths"),
    ("uint32", "fromDay"),
    ("uint32", "toDay"),
    ("uint64", "validFrom"),
    ("uint64", "validUntil"),
    ("uint32", "sessionMinutes"),
    ("uint32", "obligations"),
    ("uint32", "flags"),
    ("uint16", "ruleset"),
    ("bytes32", "terms"),
    ("bytes32", "salt"),
]
ACCESS = [
    ("uint8", "kind"),
    ("bytes32", "participantId"),
    ("bytes32", "referenceId"),
    ("uint32", "purpose"),
    ("uint64", "categories"),
    ("uint16", "actions"),
    ("uint8", "level"),
    ("uint8", "confidentiality"),
    ("uint8", "form"),
    ("uint32", "fromDay"),
    ("uint32", "toDay"),
    ("uint16", "role"),
    ("uint16", "recordCount"),
    ("bytes32", "recordsRoot"),
    ("bytes32", "sessionKey"),
    ("bytes32", "userDigest"),
    ("uint64", "deadline"),
    ("bytes32", "salt"),
]
_REF = ("bytes32", "subjectRef")
_TAIL = [("uint64", "nonce"), ("uint64", "deadline")]
TYPES = {
    "Consent": [("ConsentHead", "head"), ("ConsentScope", "scope")],
    "ConsentHead": HEAD,
    "ConsentScope": SCOPE,
    "Revocation": [("address", "holder"), ("bytes32", "consentId")],
    "RevocationOfAll": [("address", "holder"), ("uint64", "epoch")],
    "Access": ACCESS,
    "OperatorAcceptance": [("bytes32", "participantId"), ("address", "operator"), ("uint64", "deadline")],
    "Binding": [_REF, ("bytes32", "sourceId"), ("address", "controller"), ("uint64", "deadline")],
    "Rotation": [_REF, ("address", "controller"), *_TAIL],
    "Appointment": [_REF, ("address", "guardian"), *_TAIL],
    "Veto": [_REF, *_TAIL],
    "SubjectFreeze": [_REF, ("address", "by"), ("bool", "frozen"), *_TAIL],
    "Denial": [_REF, ("bytes32", "participantId"), ("uint8", "denial"), *_TAIL],
    "SubjectLink": [_REF, ("bytes32", "survivor"), *_TAIL],
    "SubjectUnlink": [_REF, ("bytes32", "survivor"), ("bytes32", "by"), *_TAIL],
    "Retention": [_REF, ("uint8", "retentionYears"), *_TAIL],
    "Destruction": [
        ("bytes32", "sourceId"),
        ("bytes32", "recordId"),
        _REF,
        ("uint32", "custodianSet"),
        ("uint64", "deadline"),
    ],
    "Attestation": [
        ("bytes32", "sourceId"),
        ("bytes32", "recordId"),
        _REF,
        ("bytes32", "custodianId"),
        ("uint32", "erased"),
    ],
}
_NESTED = {"Consent": ["ConsentHead", "ConsentScope"]}
_LAYOUTS = {
    "head": [("epoch", 64), ("maxUses", 32), ("deadline", 64)],
    "scope": [
        ("purposes", 32),
        ("categories", 64),
        ("actions", 16),
        ("maxLevel", 8),
        ("maxConfidentiality", 8),
        ("minForm", 8),
        ("windowMonths", 8),
        ("fromDay", 32),
        ("toDay", 32),
    ],
    "validity": [
        ("validFrom", 64),
        ("validUntil", 64),
        ("sessionMinutes", 32),
        ("obligations", 32),
        ("flags", 32),
        ("ruleset", 16),
    ],
    "access": [
        ("kind", 8),
        ("purpose", 32),
        ("categories", 64),
        ("actions", 16),
        ("level", 8),
        ("confidentiality", 8),
        ("form", 8),
        ("fromDay", 32),
        ("toDay", 32),
        ("role", 16),
        ("recordCount", 16),
    ],
}


def person(name):
    """A named key pair, the same in every run."""
    return Account.from_key(keccak(text=f"salus test {name}"))


def typed(kind, contract, chain_id, message):
    """The EIP-712 message of one of TYPES under a contract's domain."""
    names = [kind, *_NESTED.get(kind, [])]
    return encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                **{name: [{"type": t, "name": n} for t, n in TYPES[name]] for name in names},
            },
            "primaryType": kind,
            "domain": {
                "name": f"Salus {contract._name}",
                "version": "1",
                "chainId": chain_id,
                "verifyingContract": contract.address,
            },
            "message": message,
        }
    )


def digest(kind, contract, chain_id, message):
    """EIP-712 digest, 32 bytes."""
    signable = typed(kind, contract, chain_id, message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def sign(account, kind, contract, chain_id, message):
    """65-byte signature r, s, v."""
    return bytes(account.sign_message(typed(kind, contract, chain_id, message)).signature)


def compact(signature):
    """EIP-2098 form of a 65-byte signature."""
    r, s, v = signature[:32], signature[32:64], signature[64]
    return r, bytes([s[0] | (v - 27) << 7]) + s[1:]


def row(kind, message):
    """Members in the order of the struct."""
    return tuple(message[name] for _, name in TYPES[kind])


def pack(layout, values):
    """One word, fields from the least significant bit."""
    word = shift = 0
    for name, bits in _LAYOUTS[layout]:
        word |= values[name] << shift
        shift += bits
    return word


def scope_hash(scope):
    """Struct hash of a consent's scope."""
    text = "ConsentScope(" + ",".join(f"{t} {n}" for t, n in SCOPE) + ")"
    return keccak(keccak(text=text) + b"".join(_word(scope[n]) for _, n in SCOPE))


def _word(value):
    return value if isinstance(value, bytes) else int(value).to_bytes(32, "big")


def consent_words(consent):
    """ConsentWords of a consent message."""
    head, scope = consent["head"], consent["scope"]
    return (
        int(head["holder"], 16),
        pack("head", head),
        head["replaces"],
        scope["granteeId"],
        pack("scope", scope),
        pack("validity", scope),
        scope["terms"],
        scope["salt"],
    )


def access_words(access):
    """AccessWords of an access message."""
    return (
        access["participantId"],
        access["referenceId"],
        pack("access", access),
        access["recordsRoot"],
        access["sessionKey"],
        access["userDigest"],
        access["deadline"],
        access["salt"],
    )
