"""What Python asks of the contracts, held against their ABI.

Reads are tried: each wrapper is called with arguments of its annotated types and reads the words a contract returns.
Calls and errors are found in the source. A function of an interface that Python neither reads nor sends is listed with
its reason. Events are held to their interfaces in tests/unit/watch/test_events.py.
"""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode

from api.schemas.relay import SubjectFunction
from salus.adapters.chain import audit_log, consents, council, gateway, participants, records, subjects
from salus.adapters.chain.abi import abi_of
from salus.adapters.chain.artifacts import load, names
from salus.adapters.chain.reads import Read
from salus.core.ids import Address

ROOT = Path(__file__).resolve().parents[4]
PYTHON = ("salus", "oracle", "custodian", "api", "watch", "cli")
MODULES = (audit_log, consents, council, gateway, participants, records, subjects)
INTERFACES = tuple(name for name in names() if name.startswith("I") and name[1:] in names())
SAMPLES: dict[Any, Any] = {int: 1, bytes: b"\x11" * 32, str: "AuditLog", Address: "0x" + "11" * 20}

CHOSEN_AT_RUN_TIME = {
    "ConsentRegistry": {"grant", "replace"},  # salus/flows/grant.py: by whether the consent replaces one
    # salus/flows/ledger.py and batching.py: by the flow that asks, of the gateway in charge, by address
    "AccessGateway": {"request", "requestMany", "requestOwn", "requestEmergency"},
    "ParticipantRegistry": {"suspend", "reinstate"},  # cli/commands/participant.py: by the verb typed
    "SubjectRegistry": {function.value for function in SubjectFunction},  # api/relay.py: by the patient's message
}
"""Functions a call names by a variable, and where."""

UNUSED = {
    "AccessGateway": {
        "accessOf": "slotOf says the same in one word, which proofs show too",
        "consentIdOf": "computed in salus.core.consent; vectors hold the two together",
        "idOf": "computed in salus.core.access; vectors hold the two together",
        "review": "supervisors send it from their own tools; no service does",
        "freeze": "as review",
        "unfreeze": "as review",
    },
    "AuditLog": {
        "append": "by contracts of the directory only",
        "admitWriter": "by the Council's install only",
        "retireWriter": "by the Council's install only",
        "isWriter": "the directory's history says it, with blocks",
    },
    "ConsentRegistry": {
        "consume": "by the gateway only",
        "admitGateway": "by the Council's install only",
        "gateway": "the directory names it",
        "domainSeparator": "computed in salus.core.eip712; vectors hold the two together",
    },
    "Council": {
        "cancel": "members send it from their own tools; no flow takes a proposal back",
        "addMember": "by a proposal that members write themselves",
        "removeMember": "as addMember",
        "setThreshold": "as addMember",
        "setDelay": "as addMember",
        "isMember": "members() is read whole",
        "isActive": "for contracts; contractOf says it",
    },
    "ParticipantRegistry": {
        "expel": "by a proposal that members write themselves",
        "appointPrincipal": "as expel",
        "charge": "by the gateway only",
        "callerOf": "for the gateway",
        "actingFor": "for contracts",
        "hasRole": "participant() is read whole",
        "idOf": "computed in salus.core.ids; vectors hold the two together",
    },
    "SubjectRegistry": {
        "appoint": "guardians are appointed from a wallet or a desk of their own; no service does yet",
        "recover": "as appoint",
        "complete": "as appoint",
        "guardianNonceOf": "guardians have no wallet here yet",
        "hold": "supervisors send it from their own tools",
        "pendingChange": "the index has it from the events",
        "sourceOf": "subject() is read whole",
        "controllerOf": "subject() is read whole",
        "survivorOf": "subject() is read whole",
        "mergedInto": "the oracle keeps what it has merged",
        "idOf": "computed in salus.core.ids; vectors hold the two together",
    },
}
"""Functions of the interfaces that Python leaves alone, and why."""


def readers() -> list[Callable[..., Read[Any]]]:
    """Every function of the wrappers that makes a read."""
    return [
        function
        for module in MODULES
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not function.__name__.startswith("_")
        and "Read[" in str(function.__annotations__.get("return", ""))
    ]


def sample(kind: Any) -> Any:
    """A value of an annotated type."""
    if kind in SAMPLES:
        return SAMPLES[kind]
    if (inner := getattr(kind, "__supertype__", None)) is not None:
        return sample(inner)
    if typing.get_origin(kind) is Sequence:
        return [sample(typing.get_args(kind)[0])]
    if typing.get_origin(kind) is tuple:
        return tuple(sample(one) for one in typing.get_args(kind))
    raise AssertionError(f"no sample of {kind}: add one")


def made(reader: Callable[..., Read[Any]]) -> Read[Any]:
    hints = typing.get_type_hints(reader)
    hints.pop("return")
    return reader(*(sample(kind) for kind in hints.values()))


def read_function(read: Read[Any]) -> Any:
    [found] = [one for one in abi_of(read.contract).functions.values() if one.selector == read.calldata[:4]]
    return found


def zeros(kinds: Sequence[str]) -> list[Any]:
    """Zero of each canonical type."""
    return [zero(kind) for kind in kinds]


def zero(kind: str) -> Any:
    if kind.endswith("[]"):
        return []
    if kind.startswith("("):
        return tuple(zeros(split(kind[1:-1])))
    if kind == "address":
        return "0x" + "00" * 20
    if kind == "bool":
        return False
    return 0 if "int" in kind else bytes(int(kind[5:] or 0))


def split(inner: str) -> list[str]:
    """Members of a tuple type."""
    parts, depth = [""], 0
    for letter in inner:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


@cache
def trees() -> list[tuple[Path, ast.Module]]:
    """Every Python source of the services."""
    files = [file for folder in PYTHON for file in sorted((ROOT / folder).rglob("*.py"))]
    return [(file, ast.parse(file.read_text())) for file in files]


def texts_of(tree: ast.Module) -> dict[str, str]:
    """Module constants that are text."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def contract_calls() -> Iterator[tuple[str, str, str, int | None]]:
    """Contract, function and number of arguments of each `ContractCall(…)` that is written out, and where it stands."""
    for file, tree in trees():
        known = texts_of(tree)
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ContractCall"):
                continue
            contract, function = (text(argument, known) for argument in node.args[:2])
            if contract is not None and function is not None:
                given = node.args[2] if len(node.args) > 2 else None
                count = len(given.elts) if isinstance(given, ast.Tuple) and not has_star(given) else None
                yield f"{file.relative_to(ROOT)}:{node.lineno}", contract, function, count


def has_star(given: ast.Tuple) -> bool:
    return any(isinstance(item, ast.Starred) for item in given.elts)


def text(node: ast.expr, known: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return known.get(node.id) if isinstance(node, ast.Name) else None


def used(contract: str) -> set[str]:
    """Functions of a contract that Python reads or sends."""
    read = {read_function(made(reader)).name for reader in readers() if made(reader).contract == contract}
    sent = {function for _, name, function, _ in contract_calls() if name == contract}
    return read | sent | CHOSEN_AT_RUN_TIME.get(contract, set())


@pytest.mark.parametrize("reader", readers(), ids=lambda one: f"{one.__module__.rsplit('.', 1)[1]}.{one.__name__}")
def test_read__of_every_wrapper__fits_a_view_and_understands_its_answer(reader: Callable[..., Read[Any]]) -> None:
    read = made(reader)
    function = read_function(read)
    element = next(e for e in load(read.contract).abi if e["type"] == "function" and e["name"] == function.name)
    assert element["stateMutability"] in {"view", "pure"}
    assert function.encode(function.decode_arguments(read.calldata)) == read.calldata
    read.parse(encode(function.outputs, zeros(function.outputs)))


def test_calls__written_out__name_functions_that_change_state_with_as_many_arguments() -> None:
    found = list(contract_calls())
    assert len(found) > 15
    for where, contract, function, count in found:
        element = next((e for e in load(contract).abi if e["type"] == "function" and e["name"] == function), None)
        assert element is not None, f"{where}: {contract} has no {function}"
        assert element["stateMutability"] == "nonpayable", f"{where}: {contract}.{function} changes nothing"
        assert count in {None, len(element["inputs"])}, f"{where}: {contract}.{function} has other arguments"


def test_calls__chosen_at_run_time__exist() -> None:
    for contract, functions in CHOSEN_AT_RUN_TIME.items():
        assert functions <= abi_of(contract).functions.keys()


def test_errors__compared_by_name__exist() -> None:
    known = {error.name for name in names() for error in abi_of(name).errors.values()}
    compared = {
        part.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Attribute)
        and node.left.attr == "error"
        and isinstance(part := node.comparators[0], ast.Constant)
        and isinstance(part.value, str)
        and part.value[0].isupper()
    }
    assert "CouncilDelayed" in compared
    assert compared <= known


@pytest.mark.parametrize("interface", INTERFACES)
def test_functions__of_every_interface__are_used_or_left_alone_for_a_reason(interface: str) -> None:
    contract = interface[1:]
    exist = set(abi_of(interface).functions)
    left = set(UNUSED.get(contract, {}))
    assert exist - used(contract) - left == set(), "neither used nor listed in UNUSED"
    assert left & used(contract) == set(), "used by now: take it off UNUSED"
    assert left <= exist, "gone: take it off UNUSED"
    assert all(UNUSED.get(contract, {}).values())


def test_interfaces__of_all_contracts__are_seen() -> None:
    assert len(INTERFACES) == 7
