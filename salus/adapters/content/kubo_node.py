"""One Kubo node over its RPC API (docs.ipfs.tech/reference/kubo/rpc, Kubo 0.43): all that Salus knows of Kubo.

Kubo says what went wrong in words, so words are looked at. Two of its ways matter here: an error in the middle of an
answer comes after HTTP 200, so every answer is read for the thing it should say; and `pin` reads every block it pins,
so a batch that is pinned has been read back by the node.

Names live in the node's own file system (MFS), which it syncs: `/salus/large/<2>/<CID>` is the file of linked blocks
that stands for an envelope, `/salus/erased/<2>/<CID>` an empty folder for what was erased.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import httpx

from salus.adapters.content.car import Block, Cid, archive, cid_from_text
from salus.core.cid import cid_of, digest_of
from salus.core.errors import InputError, IntegrityError, NotFoundError, UnavailableError

_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 10.0
WRITE_SECONDS = 30.0
_LISTING_SECONDS = 120.0
_CONNECTIONS = 32
_ABSENT = ("could not find", "not found", "does not exist")
_UNPINNED = ("is not pinned", "not pinned or pinned indirectly", "not recursively pinned", "datastore: key not found")
"""The last is said when somebody else let go of the pin in the middle: an update of pins is not one step in Kubo."""
_MOST_WORDS = 200
"""Characters of an error's words that are told."""
_MOST_NAMES = 200
"""CIDs named in one call."""
MOST_ANSWER = 8 << 20
"""Bytes of an answer: a block has at most 2 MiB, a folder of names some thousands of them."""
_MOST_LINE = 1 << 16
_PATIENCES = 3
"""How many times its patience a whole answer may take, which is given for each wait."""


class KuboNode:
    """A node's commands. Safe to use from several threads.

    Every method raises UnavailableError when the node is away, refuses the token or can't carry out the command.
    """

    def __init__(self, url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        self.name = httpx.URL(url).netloc.decode()
        self._client = httpx.Client(
            base_url=f"{url}/api/v0",
            headers={"authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            trust_env=False,  # a swarm's node is never reached through a proxy of the environment
            transport=transport,
        )

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def greet(self) -> None:
        """Nothing, if it answers."""
        self._ask("version", {})

    def alive(self) -> bool:
        """Whether it answers."""
        try:
            self.greet()
        except UnavailableError:
            return False
        return True

    # blocks

    def store(self, root: Cid, blocks: Iterable[Block], *, pin: bool = True) -> None:
        """Store blocks durably, and pin what the root names (which must all be here then).

        Raises:
            IntegrityError: a block that was here before is damaged; it stays so until it is removed.
        """
        self.store_archive(root, archive(root, blocks), pin=pin)

    def store_archive(self, root: Cid, car: bytes, *, pin: bool = True) -> None:
        """As `store`, from a ready archive."""
        options = {"pin-roots": _flag(on=pin), "stats": "true", "timeout": _seconds(WRITE_SECONDS)}
        answer = _values(self._ask("dag/import", options, WRITE_SECONDS, car))
        if not any("Stats" in value for value in answer):
            raise UnavailableError(f"{self.name} stored a batch only in part")
        for value in answer:
            if why := (value.get("Root") or {}).get("PinErrorMsg"):
                raise self._error("dag/import", str(why))
        if pin and not any((value.get("Root") or {}).get("Cid", {}).get("/") == str(root) for value in answer):
            raise UnavailableError(f"{self.name} stored a batch without pinning it")

    def block(self, cid: Cid, fetch: float = 0) -> bytes:
        """A block's bytes as the node has them; it may fetch them from its peers for some seconds.

        Raises:
            NotFoundError: not here, nor with a peer that answered.
            IntegrityError: the node itself sees that its copy is damaged.
        """
        options = {"timeout": _seconds(fetch)} if fetch else {"offline": "true"}
        return self._ask("block/get", {"arg": str(cid), **options}, fetch + _ANSWER_SECONDS)

    def remove(self, cids: Sequence[Cid]) -> set[Cid]:
        """Remove blocks that nothing pins, also damaged ones; returns those that were here and are gone."""
        gone: set[Cid] = set()
        for place in range(0, len(cids), _MOST_NAMES):
            some = cids[place : place + _MOST_NAMES]
            answer = _values(self._ask("block/rm", {"arg": [str(cid) for cid in some]}, WRITE_SECONDS))
            told = {value.get("Hash"): str(value.get("Error") or "") for value in answer}
            for cid in some:
                why = told.get(str(cid), "no word of it")
                if not why:
                    gone.add(cid)
                elif not _says(why, _ABSENT):
                    raise UnavailableError(f"{self.name} does not remove {cid}: {why}")
        return gone

    def present(self) -> Iterator[bytes]:
        """Digests of all blocks it has."""
        for value in self._listing("refs/local"):
            yield _digest_of_any(str(value.get("Ref")))

    def damaged(self) -> Iterator[bytes]:
        """Digests of blocks whose bytes are not what their names say; the node reads every block for it."""
        for value in self._listing("repo/verify"):
            words = str(value.get("Msg") or "").split()
            if words[:1] == ["block"] and "corrupt" in words:
                yield _digest_of_any(words[1])

    def size(self) -> int:
        """Bytes its repository takes."""
        return int(_member(self._ask("repo/stat", {"size-only": "true"}), "RepoSize"))

    # pins

    def pins(self) -> list[Cid]:
        """Roots it pins, without those that aren't ours."""
        found = []
        for value in self._listing("pin/ls", type="recursive", stream="true"):
            try:
                found.append(cid_from_text(str(value.get("Cid"))))
            except InputError:
                continue  # Kubo's own empty folder has a CID of version 0
        return found

    def pinned_by(self, cid: Cid) -> Cid | None:
        """A root that keeps a block: itself, or one that names it; None when nothing does."""
        try:
            keys = _member(self._ask("pin/ls", {"arg": str(cid), "type": "all"}, _LISTING_SECONDS), "Keys")
        except NotFoundError:
            return None
        kind = str(keys[str(cid)]["Type"])
        return cid_from_text(kind.rpartition(" ")[2]) if kind.startswith("indirect") else cid

    def pin(self, root: Cid, fetch: float) -> None:
        """Pin a root and all it names, fetching what is missing from peers.

        Raises:
            NotFoundError: something was not to be had in time.
            IntegrityError: a block here is damaged.
        """
        answer = self._ask("pin/add", {"arg": str(root), "timeout": _seconds(fetch)}, fetch + _ANSWER_SECONDS)
        if not any(str(root) in value.get("Pins", ()) for value in _values(answer)):
            raise UnavailableError(f"{self.name} does not pin {root}")

    def unpin(self, root: Cid) -> None:
        """Let go of a root; fine if it was not pinned."""
        try:
            self._ask("pin/rm", {"arg": str(root)}, _LISTING_SECONDS)
        except NotFoundError:
            return

    def repin(self, old: Cid, new: Cid) -> bool:
        """Pin a new root in place of an old one; False when the old one is not pinned (any more).

        Raises:
            NotFoundError: something that the new one names is not here.
        """
        try:
            self._ask("pin/update", {"arg": [str(old), str(new)]}, _LISTING_SECONDS)
        except NotFoundError as error:
            if not _says(str(error), _UNPINNED):
                raise
            return False
        return True

    # names

    def name_file(self, digest: bytes, root: Cid) -> None:
        """Say which file of linked blocks stands for an envelope. The root's block must be here."""
        if self.file_of(digest) != root:
            self._unname(digest)
            places = [f"/ipfs/{root}", _path("large", digest)]
            self._ask("files/cp", {"arg": places, "parents": "true"}, WRITE_SECONDS)

    def file_of(self, digest: bytes) -> Cid | None:
        """Root of the file that stands for an envelope."""
        try:
            answer = self._ask("files/stat", {"arg": _path("large", digest), "offline": "true"})
        except NotFoundError:
            return None
        return cid_from_text(str(_member(answer, "Hash")))

    def unname_file(self, digest: bytes) -> None:
        """Forget which file stands for an envelope."""
        if self.file_of(digest) is not None:
            self._unname(digest)

    def files(self) -> list[bytes]:
        """Envelopes that files stand for here."""
        return list(self._names("large"))

    def mark_erased(self, digest: bytes) -> None:
        """Remember that an envelope was erased."""
        self._ask("files/mkdir", {"arg": _path("erased", digest), "parents": "true"}, WRITE_SECONDS)

    def erased(self) -> list[bytes]:
        """Envelopes that were erased."""
        return list(self._names("erased"))

    def _unname(self, digest: bytes) -> None:
        self._ask("files/rm", {"arg": _path("large", digest), "force": "true"}, WRITE_SECONDS)

    def _names(self, kind: str) -> Iterator[bytes]:
        for folder in self._entries(f"/salus/{kind}"):
            for name in self._entries(f"/salus/{kind}/{folder}"):
                yield digest_of(name)

    def _entries(self, path: str) -> list[str]:
        try:
            entries = _member(self._ask("files/ls", {"arg": path}, _LISTING_SECONDS), "Entries")
        except NotFoundError:
            return []
        return [str(entry["Name"]) for entry in entries or ()]

    # the wire

    def _ask(
        self,
        command: str,
        options: Mapping[str, str | list[str]],
        seconds: float = _ANSWER_SECONDS,
        file: bytes = b"",
    ) -> bytes:
        """The whole answer, which is bounded in size and in time."""
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        until = time.monotonic() + _PATIENCES * seconds
        body = BytesIO(file)
        sent = {"file": body} if file else None
        try:
            with self._client.stream(
                "POST", f"/{command}", params=dict(options), files=sent, timeout=timeout
            ) as answer:
                told = self._whole(answer, until)
        except httpx.HTTPError as error:
            raise UnavailableError(f"the content node {self.name} is away ({type(error).__name__})") from error
        finally:
            body.close()  # answer and request hold each other until the collector comes: megabytes must not wait for it
        if answer.status_code != httpx.codes.OK:
            raise self._error(command, _message(answer.status_code, told))
        return told

    def _listing(self, command: str, **options: str) -> Iterator[dict[str, Any]]:
        timeout = httpx.Timeout(_LISTING_SECONDS, connect=_CONNECT_SECONDS)
        try:
            with self._client.stream("POST", f"/{command}", params=options, timeout=timeout) as answer:
                if answer.status_code != httpx.codes.OK:
                    told = self._whole(answer, time.monotonic() + _LISTING_SECONDS)
                    raise self._error(command, _message(answer.status_code, told))
                for line in self._lines(answer):
                    yield json.loads(line)
        except (httpx.HTTPError, ValueError) as error:
            raise UnavailableError(f"the content node {self.name} broke off ({type(error).__name__})") from error

    def _whole(self, answer: httpx.Response, until: float) -> bytes:
        told = bytearray()
        for piece in answer.iter_bytes():
            told += piece
            if len(told) > MOST_ANSWER or time.monotonic() > until:
                raise UnavailableError(f"the content node {self.name} answers without end")
        return bytes(told)

    def _lines(self, answer: httpx.Response) -> Iterator[bytes]:
        rest = b""
        for piece in answer.iter_bytes():
            *lines, rest = (rest + piece).split(b"\n")
            yield from filter(None, lines)
            if len(rest) > _MOST_LINE:
                raise UnavailableError(f"the content node {self.name} answers without end")
        if rest:
            yield rest

    def _error(self, command: str, why: str) -> NotFoundError | IntegrityError | UnavailableError:
        what = f"{self.name} answers {command}: {_shortened(why)}"
        if "different hash than requested" in why:
            return IntegrityError(what)
        if _says(why, _ABSENT) or _says(why, _UNPINNED) or (command in _FETCHING and "deadline exceeded" in why):
            return NotFoundError(what)
        return UnavailableError(what)


_FETCHING = ("block/get", "pin/add")


def _path(kind: str, digest: bytes) -> str:
    cid = cid_of(digest)
    return f"/salus/{kind}/{cid[-2:]}/{cid}"


def _digest_of_any(text: str) -> bytes:
    """Digest in a CID of any codec used here; blocks are kept, and listed, by it alone. Empty for another hash."""
    try:
        return cid_from_text(text).digest
    except InputError:
        return b""


def _values(answer: bytes) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in answer.split(b"\n") if line]
    except ValueError as error:
        raise UnavailableError("a content node answers in another form than Kubo's") from error


def _member(answer: bytes, name: str) -> Any:
    """A member of an answer that is one object."""
    try:
        return _values(answer)[0][name]
    except (IndexError, KeyError, TypeError) as error:
        raise UnavailableError("a content node answers in another form than Kubo's") from error


def _message(status: int, answer: bytes) -> str:
    try:
        return str(json.loads(answer)["Message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {status}"


def _shortened(why: str) -> str:
    """Kubo's words without their middle, where they are long: why something failed stands at their end, after paths."""
    return why if len(why) <= _MOST_WORDS else f"{why[:60]} … {why[60 - _MOST_WORDS :]}"


def _says(why: str, words: Iterable[str]) -> bool:
    return any(word in why for word in words)


def _flag(*, on: bool) -> str:
    return "true" if on else "false"


def _seconds(number: float) -> str:
    return f"{round(number * 1000)}ms"
