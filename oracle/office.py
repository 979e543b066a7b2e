"""What a source's own operators ask and order over HTTP, each by a signed call that is good once.

| verb | body | answer |
| --- | --- | --- |
| `status` | `{controlId, source?, application?, facility?}` | `{messages}`: state, records, batch, block; no content |
| `quarantine` | `{after?, limit?}` | `{messages}`: codes and places |
| `show` | `{key, reason?}` | `{key, raw}`: the message itself, hex; logged |
| `release` | `{keys}` or `{condition?, source?, after?, all?}`, `{reason?}` | `{keys}` |
| `discard` | `{keys}` or `{condition?, source?, after?}`, `{reason}` | `{keys}` |
| `reprocess` | `{keys}` or `{kind?, source?, since?, until?, after?}`, `{reason?}` | `{keys}` |
| `audit` | `{after?, limit?}` | `{rows, checked, wrong}` |

The call's verb is `messages.` and the verb here; the signer's address stands in the operators' log. A bearer token
is not enough: it is a sender's, shared by machines, and names no person.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

from oracle.audit import Auditing
from oracle.members import Members
from oracle.ports import OperationStore
from oracle.quarantine import Quarantine
from oracle.status import Lookup, fault_json, status_json
from salus.core.calls import MAX_AGE_SECONDS
from salus.core.canonical import integer
from salus.core.codes import Code
from salus.core.errors import InputError, NotFoundError, RefusedError
from salus.core.ids import ParticipantId, hex32
from salus.core.operations import Selection
from salus.core.ports import Clock

MOST_KEYS = 500
MOST_LISTED = 1000
_NONCES = 100_000

Body = dict[str, Any]


class Office:
    """Answers the signed calls of a source's operators."""

    def __init__(
        self,
        members: Members,
        source: ParticipantId,
        operations: OperationStore,
        quarantine: Quarantine,
        lookup: Lookup,
        auditing: Auditing,
        clock: Clock,
    ) -> None:
        self._members = members
        self._source = source
        self._operations = operations
        self._quarantine = quarantine
        self._lookup = lookup
        self._auditing = auditing
        self._used = _Used(clock)
        self._verbs: dict[str, Callable[[Body, str], Body]] = {
            "status": self._status,
            "quarantine": self._list,
            "show": self._show,
            "release": self._release,
            "discard": self._discard,
            "reprocess": self._reprocess,
            "audit": self._audit,
        }

    def answer(self, verb: str, header: str) -> Body:
        """Do what a signed call asks.

        Raises:
            NotFoundError: no such verb, or no such message.
            InputError, SignatureError, RefusedError: as `Members.admit`; the signer is no operator of this source; or
                the call was used before (108).
            ConflictError: a message is not in the state for it.
        """
        act = self._verbs.get(verb)
        if act is None:
            raise NotFoundError("there is no such verb")
        call, participant = self._members.admit(header, f"messages.{verb}")
        if participant != self._source:
            raise RefusedError(Code.NOT_OPERATOR)
        self._used.take(call.signer.encode() + call.call.nonce)
        return act(call.body, call.signer)

    def _status(self, body: Body, _: str) -> Body:
        application, facility = (_optional(body, name) for name in ("application", "facility"))
        found = self._lookup.find(_text(body, "controlId"), _text(body, "source", ""), application, facility)
        chain_id = self._operations.chain_id()
        return {"messages": [status_json(one, chain_id) for one in found]}

    def _list(self, body: Body, _: str) -> Body:
        listed = self._quarantine.list(_number(body, "after"), _limit(body))
        return {
            "messages": [
                {
                    "key": one.key,
                    "source": one.listener,
                    "kind": one.kind,
                    "receivedAt": one.received_at,
                    "attempts": one.attempts,
                    "fault": fault_json(one),
                }
                for one in listed
            ]
        }

    def _show(self, body: Body, actor: str) -> Body:
        found = self._quarantine.show(_number(body, "key"), actor, _text(body, "reason", ""))
        return {"key": found.message.key, "raw": hex32(found.raw)}

    def _release(self, body: Body, actor: str) -> Body:
        chosen = _waiting(body, everything=body.get("all") is True)
        return {"keys": list(self._quarantine.release(chosen, actor, _text(body, "reason", "")))}

    def _discard(self, body: Body, actor: str) -> Body:
        return {
            "keys": list(self._quarantine.discard(_waiting(body, everything=False), actor, _text(body, "reason", "")))
        }

    def _reprocess(self, body: Body, actor: str) -> Body:
        chosen = Selection(
            _keys(body),
            listener=_text(body, "source", ""),
            kind=_text(body, "kind", ""),
            since=_number(body, "since"),
            until=_number(body, "until"),
            after=_number(body, "after"),
        )
        if not (chosen.keys or chosen.listener or chosen.kind or chosen.since or chosen.until):
            raise InputError("name messages, or choose them by kind, source, since or until")
        return {"keys": list(self._quarantine.reprocess(chosen, actor, _text(body, "reason", "")))}

    def _audit(self, body: Body, _: str) -> Body:
        whole = self._auditing.check()
        rows = [
            {
                "number": row.number,
                "at": row.at,
                "actor": row.actor,
                "deed": row.deed.value,
                "message": row.message,
                "reason": row.reason,
            }
            for row in self._auditing.rows(_number(body, "after"), _limit(body))
        ]
        return {"rows": rows, "checked": whole.rows, "wrong": whole.wrong}


class _Used:
    """Nonces of calls that were used, for as long as a call may be young enough."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: OrderedDict[bytes, int] = OrderedDict()
        self._lock = Lock()

    def take(self, nonce: bytes) -> None:
        now = self._clock.now()
        with self._lock:
            while self._ends and (next(iter(self._ends.values())) < now or len(self._ends) >= _NONCES):
                self._ends.popitem(last=False)
            if nonce in self._ends:
                raise RefusedError(Code.CALL_REPLAYED)
            self._ends[nonce] = now + 2 * MAX_AGE_SECONDS


def _waiting(body: Body, *, everything: bool) -> Selection:
    chosen = Selection(
        _keys(body),
        condition=_number(body, "condition"),
        listener=_text(body, "source", ""),
        after=_number(body, "after"),
    )
    if not (chosen.keys or chosen.condition or chosen.listener or everything):
        raise InputError("name messages, or choose them by condition or source")
    return chosen


def _keys(body: Body) -> tuple[int, ...]:
    listed = body.get("keys", [])
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise InputError(f"keys are a list of {MOST_KEYS} numbers at most")
    return tuple(integer(key) for key in listed)


def _number(body: Body, name: str) -> int:
    return integer(body.get(name, 0))


def _limit(body: Body) -> int:
    limit = integer(body.get("limit", 100))
    if not 1 <= limit <= MOST_LISTED:
        raise InputError(f"limit is from 1 to {MOST_LISTED}")
    return limit


def _optional(body: Body, name: str) -> str | None:
    return _text(body, name) if name in body else None


def _text(body: Body, name: str, default: str | None = None) -> str:
    found = body.get(name, default)
    if not isinstance(found, str):
        raise InputError(f"{name} is missing, or no text")
    return found
