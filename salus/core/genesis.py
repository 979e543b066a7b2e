"""Block 0 of a genesis file: the header every node of the chain makes of it, so that the file alone can be trusted.

Source: go-ethereum `core/genesis.go`; GoQuorum and Besu read the same members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salus.core import rlp
from salus.core.errors import InputError, IntegrityError
from salus.core.hashing import keccak
from salus.core.header import NO_UNCLES, Header
from salus.core.ids import from_hex
from salus.core.trie import EMPTY_ROOT
from salus.core.trie_root import root_of

_GAS_LIMIT = 4_712_388
"""What geth takes where a file names none."""
_BASE_FEE = 1_000_000_000


def genesis_header(file: Mapping[str, Any]) -> Header:
    """Header of block 0 of a genesis file: `config`, `alloc`, `extraData` and the header's other members.

    Raises:
        IntegrityError: a member is malformed, or the file is for a fork this form does not know.
    """
    try:
        config = file.get("config") or {}
        if config.get("shanghaiTime") is not None or config.get("terminalTotalDifficulty") is not None:
            raise IntegrityError("the genesis file is for Shanghai or a chain of two layers, which no engine here has")
        return Header(
            parent_hash=_bytes(file, "parentHash", 32),
            uncles_hash=NO_UNCLES,
            miner=_bytes(file, "coinbase", 20),
            state_root=_state_root(file.get("alloc") or {}),
            transactions_root=EMPTY_ROOT,
            receipts_root=EMPTY_ROOT,
            logs_bloom=bytes(256),
            difficulty=_integer(file.get("difficulty", 0)),
            number=_integer(file.get("number", 0)),
            gas_limit=_integer(file.get("gasLimit", 0)) or _GAS_LIMIT,
            gas_used=_integer(file.get("gasUsed", 0)),
            timestamp=_integer(file.get("timestamp", 0)),
            extra_data=_bytes(file, "extraData", None),
            mix_hash=_bytes(file, "mixHash", 32),
            nonce=_integer(file.get("nonce", 0)).to_bytes(8, "big"),
            base_fee=_integer(file.get("baseFeePerGas") or _BASE_FEE) if config.get("londonBlock") == 0 else None,
        )
    except (AttributeError, TypeError, ValueError, OverflowError, InputError) as error:
        raise IntegrityError(f"the genesis file is malformed: {error}") from error


def _state_root(alloc: Mapping[str, Mapping[str, Any]]) -> bytes:
    accounts: dict[bytes, bytes] = {}
    for name, account in alloc.items():
        storage = {
            _word(slot): rlp.encode(rlp.whole(int.from_bytes(_word(word))))
            for slot, word in (account.get("storage") or {}).items()
            if any(_word(word))
        }
        code = keccak(from_hex(account.get("code") or "0x", None))
        balance, nonce = _integer(account.get("balance", 0)), _integer(account.get("nonce", 0))
        accounts[from_hex("0x" + name.removeprefix("0x"), 20)] = rlp.encode([nonce, balance, root_of(storage), code])
    return root_of(accounts)


def _word(text: str) -> bytes:
    return from_hex("0x" + text.removeprefix("0x").rjust(64, "0"))


def _bytes(file: Mapping[str, Any], member: str, length: int | None) -> bytes:
    """Bytes of a member; zeros where the file leaves it out."""
    given = file.get(member)
    return bytes(length or 0) if given is None else from_hex(given, length)


def _integer(given: int | str) -> int:
    """A number, or text of one, decimal or in hex."""
    value = given if isinstance(given, int) else int(given, 16 if given.startswith("0x") else 10)
    if value < 0:
        raise ValueError("a number is negative")
    return value
