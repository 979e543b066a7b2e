"""Gas side by side: our consents beside delegated attestations (EAS) and signed DID changes (ERC-1056), in one run.

    python -m bench.gas            print the page
    python -m bench.gas --write    write docs/gas.md

Every figure is a whole transaction on an Anvil with the same rules for all (cancun, which EAS is compiled for; the
prices of what these calls do are those of berlin). Peers come from npm into bench/peers/ and are shipped with nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode

from salus.core.hashing import keccak
from salus.core.ids import address_bytes
from tools import gas
from tools.gas_scene import Scene, person, scene, word

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
PAGE = ROOT / "docs" / "gas.md"
RULES = "cancun"
_EAS = PEERS / "node_modules/@ethereum-attestation-service/eas-contracts/artifacts/contracts"
_ERC1056 = PEERS / "node_modules/ethr-did-registry/artifacts/contracts/EthereumDIDRegistry.sol"
# The scope of a consent as an EAS schema would name it: the same 18 fields.
_FIELDS = (
    "bytes32 granteeId,uint32 purposes,uint64 categories,uint16 actions,uint8 maxLevel,uint8 maxConfidentiality,"
    "uint8 minForm,uint8 windowMonths,uint32 fromDay,uint32 toDay,uint64 validFrom,uint64 validUntil,"
    "uint32 sessionMinutes,uint32 obligations,uint32 flags,uint16 ruleset,bytes32 terms,bytes32 salt"
)
_RELAY = person("relay").address
_ZERO = bytes(32)
_ATTEST = (
    "attestByDelegation((bytes32,(address,uint64,bool,bytes32,bytes,uint256),(uint8,bytes32,bytes32),address,uint64))"
)
_REVOKE = "revokeByDelegation((bytes32,(bytes32,uint256),(uint8,bytes32,bytes32),address,uint64))"


@dataclass(frozen=True)
class Pair:
    """Gas of giving something and of taking it back, for a new signer and for one known before."""

    name: str
    first: int
    later: int
    back: int


def install() -> None:
    """Put the peers' packages under bench/peers/, unless they are there."""
    if not (_EAS.is_dir() and _ERC1056.is_dir()):
        sys.stderr.write("gas: installing EAS and ERC-1056 from npm into bench/peers (about a minute)\n")
        subprocess.run(["npm", "ci", "--ignore-scripts", "--loglevel=error"], cwd=PEERS, check=True)


def attestations(stage: Scene, name: str, data_of: Any) -> Pair:
    """Two attestations by delegation of one new attester, and the revocation of the second."""
    registry, _ = stage.create_code(_code(_EAS / "SchemaRegistry.sol" / "SchemaRegistry.json"), "SchemaRegistry")
    eas, _ = stage.create_code(_code(_EAS / "EAS.sol" / "EAS.json") + encode(["address"], [registry]), "EAS")
    resolver = "0x" + "00" * 20
    stage.send(_RELAY, registry, _call("register(string,address,bool)", _FIELDS, resolver, True), "register")  # noqa: FBT003 - ABI order
    schema = keccak(_FIELDS.encode() + bytes(20) + b"\x01")
    domain = stage.view(eas, _call("getDomainSeparator()"))
    attester = person(f"attester {name}")
    deadline, spent, uid = stage.now + 86_400, [], _ZERO
    for nonce, data in enumerate((data_of("one"), data_of("two"))):
        given = (_RELAY, stage.now + 30 * 86_400, True, _ZERO, data, 0)
        members = [attester.address, schema, *given[:4], keccak(data), 0, nonce, deadline]
        kinds = [
            "bytes32",
            "address",
            "bytes32",
            "address",
            "uint64",
            "bool",
            "bytes32",
            "bytes32",
            "uint256",
            "uint256",
            "uint64",
        ]
        signed = _signed(attester, domain, stage.view(eas, _call("getAttestTypeHash()")), kinds, members)
        request = (schema, given, signed, attester.address, deadline)
        calldata = _call(_ATTEST, request)
        uid = stage.view(eas, calldata)
        spent.append(stage.send(_RELAY, eas, calldata, "attestByDelegation"))
        uid = keccak(
            schema
            + address_bytes(_RELAY)
            + address_bytes(attester.address)
            + stage.now.to_bytes(8, "big")
            + (given[1]).to_bytes(8, "big")
            + b"\x01"
            + _ZERO
            + data
            + bytes(4)
        )
    kinds = ["bytes32", "address", "bytes32", "bytes32", "uint256", "uint256", "uint64"]
    members = [attester.address, schema, uid, 0, 2, deadline]
    signed = _signed(attester, domain, stage.view(eas, _call("getRevokeTypeHash()")), kinds, members)
    back = stage.send(_RELAY, eas, _call(_REVOKE, (schema, (uid, 0), signed, attester.address, deadline)), "revoke")
    return Pair(name, spent[0], spent[1], back)


def did_changes(stage: Scene) -> Pair:
    """An attribute set twice by signature of one new identity, and revoked."""
    registry, _ = stage.create_code(_code(_ERC1056 / "EthereumDIDRegistry.json"), "EthereumDIDRegistry")
    owner, spent = person("identity"), []
    identity = address_bytes(owner.address)

    def signature(verb: bytes, tail: bytes, nonce: int) -> tuple[int, bytes, bytes]:
        digest = keccak(b"\x19\x00" + address_bytes(registry) + nonce.to_bytes(32, "big") + identity + verb + tail)
        raw = owner.sign(digest)
        return raw[64], raw[:32], raw[32:64]

    for nonce in (0, 1):
        name, value, validity = word(f"consent {nonce}"), word(f"digest {nonce}"), 30 * 86_400
        signed = signature(b"setAttribute", name + value + validity.to_bytes(32, "big"), nonce)
        verb = "setAttributeSigned(address,uint8,bytes32,bytes32,bytes32,bytes,uint256)"
        spent.append(stage.send(_RELAY, registry, _call(verb, owner.address, *signed, name, value, validity), verb))
    signed = signature(b"revokeAttribute", name + value, 2)
    verb = "revokeAttributeSigned(address,uint8,bytes32,bytes32,bytes32,bytes)"
    back = stage.send(_RELAY, registry, _call(verb, owner.address, *signed, name, value), verb)
    return Pair("ERC-1056 `setAttributeSigned` + `revokeAttributeSigned`, a 32-byte digest", spent[0], spent[1], back)


def page() -> str:
    """The tables, measured now."""
    install()
    ours = gas.measure(RULES)
    consent = Pair(
        "**Salus** `grant` + `revoke`, relayed, with its log entries",
        ours["ConsentRegistry", "grant", "new holder"],
        ours["ConsentRegistry", "grant", "known holder"],
        ours["ConsentRegistry", "revoke", "live"],
    )
    with scene(RULES) as stage:
        peers = [
            attestations(stage, "EAS `attestByDelegation` + `revokeByDelegation`, the same 18 fields", _all_fields),
            attestations(stage, "the same, with a 32-byte digest of the fields instead", word),
            did_changes(stage),
        ]
    return "\n".join([*_head(), *_consents([consent, *peers]), *_requests(ours), *_anchors(ours)]) + "\n"


def _head() -> list[str]:
    return [
        "# Gas, side by side",
        "",
        "Written by `make gas` (`python -m bench.gas --write`): one run on one Anvil, whole transactions with",
        f"calldata, rules of {RULES} for all. `snapshots/gas.txt` has every function of ours under berlin.",
    ]


def _consents(pairs: list[Pair]) -> list[str]:
    rows = [f"| {p.name} | {p.first:,} | {p.later:,} | {p.back:,} | {p.first + p.back:,} |" for p in pairs]
    return [
        "",
        "## A consent given and taken back",
        "",
        "Signed by the patient, sent by a relay. A grant of ours keeps one slot and one entry in two hash chains; the",
        "fields stay hidden until the consent is used. An attestation keeps its fields in the open. ERC-1056 keeps",
        "only events: a contract can't read them, so nothing on chain could decide by them.",
        "",
        "| | first of a signer | later | taken back | first + back |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]


_EACH_IN_BATCH = 60_000
"""Gas of a request that its operator delivers with others (DESIGN section 3)."""


def _requests(ours: dict[tuple[str, str, str], int]) -> list[str]:
    rows = [
        "| alone, consent without limit of uses | {:,} | ≤ 130,000 |".format(
            _of(ours, "request", "granted, without limit of uses")
        )
    ]
    for count in (10, 50):
        for how in ("sent by the operator", "relayed with signatures"):
            each = _of(ours, "requestMany", f"{count}, {how}") / count
            goal = f"≤ {_EACH_IN_BATCH:,}{'' if each <= _EACH_IN_BATCH else ': missed'}" if "sent" in how else ""
            rows.append(f"| in a batch of {count}, {how} | {each:,.0f} | {goal} |")
    return ["", "## A request", "", "| | gas each | goal |", "| --- | --- | --- |", *rows]


def _anchors(ours: dict[tuple[str, str, str], int]) -> list[str]:
    first, later = (ours["RecordRegistry", "anchor", case] for case in ("batch, first of a source", "batch, later"))
    rows = [
        f"| {count:,} | {first / count:,.0f} | {later / count:,.0f} | {'≤ 120' if count == 1000 else ''} |"
        for count in (1, 100, 1000)
    ]
    return [
        "",
        "## An anchor, per record",
        "",
        "| records in the batch | first of a source | later | goal |",
        "| --- | --- | --- | --- |",
        *rows,
    ]


def _of(ours: dict[tuple[str, str, str], int], function: str, case: str) -> int:
    return ours["AccessGateway", function, case]


def _all_fields(label: str) -> bytes:
    return b"".join(word(f"{label} {number}") for number in range(_FIELDS.count(",") + 1))


def _code(path: Path) -> bytes:
    return bytes.fromhex(json.loads(path.read_text())["bytecode"][2:])


def _call(signature: str, *arguments: Any) -> bytes:
    inner = signature[signature.index("(") + 1 : -1]
    return keccak(signature.encode())[:4] + encode(_split(inner), arguments)


def _split(kinds: str) -> list[str]:
    """Types at the top level of a list of ABI types."""
    found, depth = [""], 0
    for letter in kinds:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [kind for kind in found if kind]


def _signed(
    signer: Any, domain: bytes, typehash: bytes, kinds: list[str], members: list[Any]
) -> tuple[int, bytes, bytes]:
    digest = keccak(b"\x19\x01" + domain + keccak(encode(kinds, [typehash, *members])))
    raw = signer.sign(digest)
    return raw[64], raw[:32], raw[32:64]


def main(arguments: list[str]) -> int:
    """Measure and print, or write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.gas", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    text = page()
    if parser.parse_args(arguments).write:
        PAGE.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
