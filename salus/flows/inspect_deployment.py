"""Is what stands on a chain what the sources, the plan and the network file say? Checked on any node, by anybody.

Nothing is believed that a contract says about itself before its code is known: code first, byte by byte against the
artifact with the immutables masked, then the immutables in the code, then directory, Council and writers, each against
the present state and against all events since the first block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salus.core.eip712 import Domain
from salus.core.errors import NotFoundError, UnavailableError
from salus.core.hashing import keccak
from salus.core.ids import ZERO32, ZERO_ADDRESS, Address, address_bytes, hex32, role_id, to_address
from salus.core.site import Compiled, Site
from salus.flows.deploy import COUNCIL, Deployment

UNFINISHED = "unfinished"
"""The check that fails where nothing is wrong yet: `salus deploy` has not come to its end."""
WRITERS = ("SubjectRegistry", "RecordRegistry", "ConsentRegistry", "AccessGateway")
"""Roles that append to the AuditLog (contracts/types/Directory.sol)."""
_LENGTH_BYTES = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what of which contract was looked at, and whether it is as it should be."""

    check: str
    contract: str
    holds: bool
    text: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What should be there: the Council's address, the network's settings, the plan's contracts, the file if any."""

    council: Address
    settings: Mapping[str, Any]
    contracts: Sequence[str]
    record: Deployment | None = None


def inspect_begun(
    site: Site, contracts: Sequence[str], settings: Mapping[str, Any], record: Deployment
) -> list[Finding]:
    """The findings about a file that names no Council yet: what `salus deploy` has still to do."""
    return [_chain(site, settings), *(_bad(UNFINISHED, name, _missing(name, record)) for name in contracts)]


def inspect(site: Site, expected: Expected) -> list[Finding]:
    """Every finding, those that hold too. A contract that is not there or has other code ends what depends on it."""
    found = [_chain(site, expected.settings)]
    council = _code(site, COUNCIL, expected.council)
    found.append(council)
    if not council.holds:
        return found
    directory, lines = _directory(site, expected)
    found += lines
    sound = {COUNCIL: expected.council}
    for contract, address in directory.items():
        code = _code(site, contract, address)
        found.append(code)
        if code.holds:
            sound[contract] = address
            found += _immutables(site, contract, address, expected, {**directory, COUNCIL: expected.council})
    found += _council(site, expected)
    if "AuditLog" in sound:
        found += _writers(site, sound["AuditLog"], directory)
    if "ConsentRegistry" in sound:
        found.append(_consumer(site, sound["ConsentRegistry"], directory))
    found += _deployers(site, expected, sound)
    found += [_creation(site, contract, address, expected.record) for contract, address in sound.items()]
    if expected.record is not None:
        found += _record(site, expected.record, sound)
    return found


def _chain(site: Site, settings: Mapping[str, Any]) -> Finding:
    wanted = int(settings["chainId"])
    same = site.chain_id == wanted
    return Finding("chain", "", same, f"chain id is {site.chain_id}" + ("" if same else f", not {wanted}"))


# code


def _code(site: Site, contract: str, address: Address) -> Finding:
    compiled, code = site.compiled(contract), site.code(address)
    if not code:
        return _bad("code", contract, f"there is no contract at {address}")
    masked = _masked(code, compiled)
    if masked == compiled.runtime:
        return _good("code", contract, f"{address} has the artifact's code ({compiled.made_by})")
    executable = len(compiled.runtime) - _metadata_length(compiled.runtime)
    if len(code) == len(compiled.runtime) and masked[:executable] == compiled.runtime[:executable]:
        why = "its metadata hash differs: compiled from other source text, paths or settings"
    else:
        why = f"its code is not the artifact's ({len(code)} bytes, artifact {len(compiled.runtime)})"
    return _bad("code", contract, f"{address}: {why}")


def _masked(code: bytes, compiled: Compiled) -> bytes:
    masked = bytearray(code)
    for places in compiled.immutables.values():
        for start, length in places:
            masked[start : start + length] = bytes(len(masked[start : start + length]))
    return bytes(masked)


def _metadata_length(code: bytes) -> int:
    """Bytes of the CBOR metadata at the end, with its length (Solidity documentation, "Contract Metadata")."""
    return int.from_bytes(code[-_LENGTH_BYTES:], "big") + _LENGTH_BYTES


# how it came there


def _creation(site: Site, contract: str, address: Address, record: Deployment | None) -> Finding:
    """The right code can be left behind by a wrong constructor, which wrote into the storage what it liked."""
    known = record.contracts.get(contract, ()) if record is not None else ()
    transaction = known[-1].transaction if known and known[-1].address == address else None
    try:
        sent = site.creation(address, transaction)
    except NotFoundError as error:
        return _bad("creation", contract, str(error))
    except UnavailableError:
        return _bad("creation", contract, "the node has not kept the state of that time: ask an archive node")
    if not sent.startswith(site.compiled(contract).creation):
        return _bad("creation", contract, f"{address} was created by other code than the artifact's")
    return _good("creation", contract, "created by a transaction with the artifact's creation code")


# immutables


def _immutables(
    site: Site, contract: str, address: Address, expected: Expected, directory: Mapping[str, Address]
) -> Iterator[Finding]:
    wanted = _wanted_immutables(site.chain_id, contract, address, expected.settings, directory)
    code = site.code(address)
    for name, places in sorted(site.compiled(contract).immutables.items()):
        values = {code[start : start + length] for start, length in places}
        if name not in wanted:
            yield _bad("immutable", contract, f"{name}: this program has no rule for it; take a newer one")
        elif values != {wanted[name]}:
            shown = ", ".join(sorted(_shown(value) for value in values))
            yield _bad("immutable", contract, f"{name} is {shown}, not {_shown(wanted[name])}")
        else:
            yield _good("immutable", contract, f"{name} is {_shown(wanted[name])}")


def _wanted_immutables(
    chain_id: int, contract: str, address: Address, settings: Mapping[str, Any], directory: Mapping[str, Address]
) -> dict[str, bytes]:
    """Each immutable's 32 bytes. A neighbour that is in no role is the zero address, which no code has."""

    def neighbour(role: str) -> bytes:
        return _word(directory.get(role, ZERO_ADDRESS))

    return {
        "council": neighbour(COUNCIL),
        "participants": neighbour("ParticipantRegistry"),
        "subjects": neighbour("SubjectRegistry"),
        "consents": neighbour("ConsentRegistry"),
        "log": neighbour("AuditLog"),
        "recoveryDelaySeconds": _number(settings["recoveryDelaySeconds"]),
        "coolingOffSeconds": _number(settings["coolingOffSeconds"]),
        "_chainId": _number(chain_id),
        "_nameHash": keccak(f"Salus {contract}".encode()),
        "_separator": Domain(f"Salus {contract}", chain_id, address).separator,
    }


def _word(address: Address) -> bytes:
    return address_bytes(address).rjust(32, b"\0")


def _number(value: int) -> bytes:
    return int(value).to_bytes(32, "big")


def _shown(word: bytes) -> str:
    value = int.from_bytes(word, "big")
    if value < 1 << 64:
        return str(value)
    return str(to_address(word[12:])) if value < 1 << 160 else hex32(word)


# directory


def _directory(site: Site, expected: Expected) -> tuple[dict[str, Address], list[Finding]]:
    """Who holds each role now, and what is wrong with the directory."""
    holders: dict[str, Address] = {}
    found: list[Finding] = []
    roles = [contract for contract in expected.contracts if contract != COUNCIL]
    installed: dict[bytes, Address] = {}
    for event in site.events(COUNCIL, expected.council, "ContractInstalled"):
        installed[event.args["role"]] = event.args["account"]
    for role in roles:
        answer = site.call(COUNCIL, expected.council, "contractOf", role_id(role))
        holder = Address(answer[0]) if answer else ZERO_ADDRESS
        if holder == ZERO_ADDRESS:
            # No verb of the Council empties a role: whoever holds none was never given it.
            never = role_id(role) not in installed
            found.append(
                _bad(UNFINISHED, role, _missing(role, expected.record))
                if never
                else _bad("directory", role, "nobody holds this role, events say otherwise")
            )
            continue
        holders[role] = holder
        told = installed.get(role_id(role))
        text = f"is {holder}" if told == holder else f"is {holder}, events say {told}"
        found.append(Finding("directory", role, told == holder, text))
    known = {role_id(role) for role in roles}
    for role_hash, account in installed.items():
        if role_hash not in known:
            found.append(_bad("directory", hex32(role_hash)[:18], f"{account} holds a role not of the plan"))
    for role, holder in holders.items():
        if list(holders.values()).count(holder) > 1:
            found.append(_bad("directory", role, f"{holder} holds several roles"))
    return holders, found


def _missing(contract: str, record: Deployment | None) -> str:
    """What is still to be done for a contract of the plan that is in no role, or for the Council."""
    if record is not None and record.pending is not None and record.pending[0] == contract:
        return f"its creation at {record.pending[1].address} was interrupted"
    if record is not None and contract not in record.contracts:
        return "is not created yet"
    if record is not None:
        return f"is at {record.address(contract)}, but the Council has not installed it yet: its members vote"
    return "was not installed by the Council yet: its members vote"


# the Council


def _council(site: Site, expected: Expected) -> Iterator[Finding]:
    settings, address = expected.settings, expected.council
    present = _set(site.call(COUNCIL, address, "members"))
    from_events: set[str] = set()
    for event in site.events(COUNCIL, address, "MemberAdded", "MemberRemoved"):
        if event.name == "MemberAdded":
            from_events.add(event.args["member"])
        else:
            from_events.discard(event.args["member"])
    yield from _compared("members", COUNCIL, present, set(settings["members"]), "the network file")
    yield from _compared("members", COUNCIL, present, from_events, "the events")
    for check, function, setting in (
        ("threshold", "threshold", "threshold"),
        ("delay", "delaySeconds", "councilDelaySeconds"),
    ):
        answer = site.call(COUNCIL, address, function)
        value, wanted = (answer[0] if answer else None), int(settings[setting])
        text = f"{setting} is {value}" + ("" if value == wanted else f", not {wanted}")
        yield Finding(check, COUNCIL, value == wanted, text)


# who may write


def _writers(site: Site, log: Address, directory: Mapping[str, Address]) -> Iterator[Finding]:
    ever: set[str] = set()
    present: set[str] = set()
    for event in site.events("AuditLog", log, "WriterAdmitted", "WriterRetired"):
        if event.name == "WriterAdmitted":
            ever.add(event.args["writer"])
            present.add(event.args["writer"])
        else:
            present.discard(event.args["writer"])
    wanted = {str(directory[role]) for role in WRITERS if role in directory}
    yield from _compared("writers", "AuditLog", present, wanted, "the directory")
    for writer in sorted(ever | wanted):
        answer = site.call("AuditLog", log, "isWriter", writer)
        says = bool(answer and answer[0])
        if says != (writer in present):
            yield _bad("writers", "AuditLog", f"isWriter({writer}) is {says}, events say {writer in present}")


def _consumer(site: Site, registry: Address, directory: Mapping[str, Address]) -> Finding:
    answer = site.call("ConsentRegistry", registry, "gateway")
    gateway, wanted = (answer[0] if answer else None), directory.get("AccessGateway", ZERO_ADDRESS)
    text = f"uses of consents are consumed by {gateway}" + ("" if gateway == wanted else f", not by {wanted}")
    return Finding("consumer", "ConsentRegistry", gateway == wanted, text)


# the deployer


def _deployers(site: Site, expected: Expected, sound: Mapping[str, Address]) -> Iterator[Finding]:
    """Accounts that created contracts: of the Council by its first event, of all by the file."""
    accounts: set[str] = set()
    first = next(iter(site.events(COUNCIL, expected.council, "MemberAdded")), None)
    if first is not None:
        accounts.add(site.sender(first.tx_hash))
    if expected.record is not None:
        newest = [items[-1] for items in expected.record.contracts.values()]
        accounts |= {item.deployer for item in newest if item.deployer is not None}
    members = _set(site.call(COUNCIL, expected.council, "members"))
    for account in sorted(accounts):
        powers = ["is a member of the Council"] if account in members else []
        if "ParticipantRegistry" in sound:
            answer = site.call("ParticipantRegistry", sound["ParticipantRegistry"], "participantOf", account)
            powers += ["operates for a participant"] if answer is None or answer[0] != ZERO32 else []
        if "AuditLog" in sound:
            answer = site.call("AuditLog", sound["AuditLog"], "isWriter", account)
            powers += ["appends to the AuditLog"] if answer is None or answer[0] else []
        text = f"{account} {' and '.join(powers) or 'has no power'}"
        yield Finding("deployer", "", not powers, text)


# the file


def _record(site: Site, record: Deployment, sound: Mapping[str, Address]) -> Iterator[Finding]:
    for contract, address in sound.items():
        items = record.contracts.get(contract, ())
        if not items:
            yield _bad("file", contract, "the deployment file does not name it")
        elif items[-1].address != address:
            yield _bad("file", contract, f"the deployment file says {items[-1].address}, it is {address}")
        elif items[-1].code != keccak(site.compiled(contract).creation):
            yield _bad("file", contract, "the deployment file has another creation code than the artifact")
        else:
            yield _good("file", contract, "the deployment file names the same address and creation code")
    if record.pending is not None and record.pending[0] in sound:  # else it is told as a role nobody holds
        yield _bad(UNFINISHED, record.pending[0], _missing(record.pending[0], record))


def _compared(check: str, contract: str, found: set[str], wanted: Iterable[str], by: str) -> Iterator[Finding]:
    wanted = set(wanted)
    for account in sorted(found - wanted):
        yield _bad(check, contract, f"{account} is among the {check}, {by} does not say so")
    for account in sorted(wanted - found):
        yield _bad(check, contract, f"{account} is not among the {check}, {by} says so")
    if found == wanted:
        yield _good(check, contract, f"the {len(found)} {check} are those of {by}")


def _set(answer: tuple[Any, ...] | None) -> set[str]:
    return set(answer[0]) if answer else set()


def _good(check: str, contract: str, text: str) -> Finding:
    return Finding(check, contract, holds=True, text=text)


def _bad(check: str, contract: str, text: str) -> Finding:
    return Finding(check, contract, holds=False, text=text)
