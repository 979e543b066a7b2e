"""What a node's JSON means: a log, a list of logs, a receipt, a transaction, or the JSON-RPC answer around one.

As a node, web3, `cast … --json` or a block explorer's export gives it: quantities are `0x` hex or whole numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cli.meaning import Meaning, with_words
from salus.adapters.chain import lexicon
from salus.adapters.chain.abi import checksummed, reverts
from salus.core.errors import InputError, IntegrityError

_CALLED_UNKNOWN = frozenset({"UnknownError", "NoReason"})
_FOREIGN = "foreign log"
_ADDRESS_LENGTH, _TOPIC_BYTES = 42, 32


def meanings_of_json(text: str) -> list[Meaning]:
    """Everything a JSON text tells.

    Raises:
        InputError: no JSON, nothing a node says, or nothing in it is of our contracts.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"this begins like JSON, but is none: {error}") from error
    found = list(_meanings(value, "the value"))
    if not found:
        raise InputError("there are no logs in this JSON")
    if all(meaning.kind == _FOREIGN for meaning in found):
        raise InputError(
            f"none of these {len(found)} logs is of our contracts: {found[0].says}. Is it of another contract, or of "
            "another version of ours?"
        )
    return found


def reverted(data: bytes) -> Iterator[Meaning]:
    """The revert that bytes are."""
    revert = reverts().read(data)
    if revert.error not in _CALLED_UNKNOWN:
        args = with_words(revert.args_by_name, revert.error)
        yield Meaning("revert", f"revert {revert}", {"error": revert.error, "args": args})


def called(data: bytes) -> Iterator[Meaning]:
    """The calls that bytes can be."""
    for call in lexicon.calls(data):
        title = f"call of {call.contract}.{call.function}"
        yield Meaning("call", title, {"contract": call.contract, "function": call.function, "args": call.args})


def _meanings(value: Any, where: str) -> Iterator[Meaning]:
    if isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _meanings(item, f"item {number}")
        return
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is no log, receipt or transaction: it is not even an object")
    if "jsonrpc" in value or ("result" in value and "topics" not in value):
        yield from _answer(value, where)
    elif "topics" in value:
        yield _log(value, where)
    elif isinstance(value.get("logs"), list):
        yield from _receipt(value, where)
    elif "input" in value:
        yield from _transaction(value, where)
    else:
        names = ", ".join(sorted(map(str, value))[:6]) or "nothing"
        raise InputError(f"{where} is no log, receipt or transaction: it has {names}")


def _answer(value: Mapping[str, Any], where: str) -> Iterator[Meaning]:
    if (error := value.get("error")) is not None:
        yield from _error(error)
    elif value.get("result") is None:
        raise InputError(f"{where} is an answer without a result: the node knows no such transaction (yet)")
    else:
        yield from _meanings(value["result"], "the result")


def _error(error: Any) -> Iterator[Meaning]:
    told = error if isinstance(error, Mapping) else {"message": error}
    data = told.get("data")
    data = data.get("data") if isinstance(data, Mapping) else data
    if not isinstance(data, str) or not data.startswith("0x"):
        raise InputError(f"the node's error has no revert data: {str(told.get('message'))[:200]}")
    found = list(reverted(_bytes(data, "data of the error")))
    if not found:
        raise InputError("the node's error is a revert, but of none of our contracts")
    yield from found


def _receipt(value: Mapping[str, Any], where: str) -> Iterator[Meaning]:
    status = value.get("status")
    failed = status is not None and _number(status, f"status of {where}") == 0
    title = f"receipt of transaction {value.get('transactionHash', '?')}" + (
        f" in block {_number(value['blockNumber'], 'blockNumber')}" if value.get("blockNumber") is not None else ""
    )
    logs = value["logs"]
    outcome = "it was reverted and changed nothing; a receipt doesn't say why" if failed else f"{len(logs)} logs"
    yield Meaning("receipt", f"{title}: {outcome}", {"reverted": failed, "logs": len(logs)})
    for number, log in enumerate(logs, 1):
        if not isinstance(log, Mapping):
            raise InputError(f"log {number} of {where} is not an object")
        yield _log(log, f"log {number}")


def _transaction(value: Mapping[str, Any], where: str) -> Iterator[Meaning]:
    found = list(called(_bytes(value["input"], f"input of {where}")))
    if not found:
        raise InputError(f"{where} is a transaction, but calls no function of our contracts")
    yield from found


def _log(log: Mapping[str, Any], where: str) -> Meaning:
    topics = log["topics"]
    if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
        raise InputError(f"topics of {where} are no list of 0x texts")
    words = [_bytes(topic, f"a topic of {where}") for topic in topics]
    if any(len(word) != _TOPIC_BYTES for word in words):
        raise InputError(f"a topic of {where} has not 32 bytes: is it cut off?")
    data = _bytes(log.get("data") or "0x", f"data of {where}")
    place = _place(log)
    named = lexicon.topics(words[0]) if words else []
    if not named:
        shown = f"no event of our contracts has the topic {topics[0]}" if words else "a log without topics"
        return Meaning(_FOREIGN, f"{shown}{_at(place)}", place)
    try:
        found = lexicon.event(words, data)
    except IntegrityError as error:
        raise InputError(
            f"{where} has the topic of {named[0].signature} of {named[0].contract}, but other topics or data: "
            "is it cut off, or of another version?"
        ) from error
    args = with_words(found.args, found.event)
    details = {"contract": found.contract, "event": found.event, "args": args, **place}
    return Meaning("event", f"event {found.event} of {found.contract}{_at(place)}", details)


def _place(log: Mapping[str, Any]) -> dict[str, Any]:
    """Where a log stands, as far as it says so."""
    place: dict[str, Any] = {}
    address = log.get("address")
    if isinstance(address, str) and len(address) == _ADDRESS_LENGTH:
        _bytes(address, "the address")
        place["address"] = checksummed(address)
    for name in ("blockNumber", "logIndex"):
        if log.get(name) is not None:
            place[name] = _number(log[name], name)
    if isinstance(log.get("transactionHash"), str):
        place["transactionHash"] = log["transactionHash"]
    return {**place, "removed": True} if log.get("removed") is True else place


def _at(place: Mapping[str, Any]) -> str:
    parts = [f"at {place['address']}"] if "address" in place else []
    parts += [f"block {place['blockNumber']}"] if "blockNumber" in place else []
    parts += [f"log {place['logIndex']}"] if "logIndex" in place else []
    parts += ["no longer on the chain"] if "removed" in place else []
    return f" ({', '.join(parts)})" if parts else ""


def _number(value: Any, what: str) -> int:
    try:
        if isinstance(value, str):
            return int(value, 16 if value.startswith("0x") else 10)
        if isinstance(value, int):
            return int(value)
    except ValueError:
        pass
    raise InputError(f"{what} is no number")


def _bytes(text: Any, what: str) -> bytes:
    try:
        if isinstance(text, str) and text[:2].lower() == "0x":
            return bytes.fromhex(text[2:])
    except ValueError:
        pass
    raise InputError(f"{what} must be 0x and an even number of hex digits")
