"""A transport that asks for gzip and counts what goes over the wire: for a follower on a thin line."""

from __future__ import annotations

from collections.abc import Iterator

import httpx


class Wire(httpx.BaseTransport):
    """HTTP over another transport; `sent` and `received` are bytes of HTTP, bodies as they are compressed."""

    def __init__(self, inner: httpx.BaseTransport | None = None) -> None:
        self._inner = inner or httpx.HTTPTransport(trust_env=False)
        self.sent = 0
        self.received = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Hand a request on."""
        request.headers["accept-encoding"] = "gzip"
        self.sent += len(request.url.raw_path) + _size(request.headers) + int(request.headers["content-length"])
        response = self._inner.handle_request(request)
        self.received += _size(response.headers)
        response.stream = _Counted(response.stream, self)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class _Counted(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream | httpx.AsyncByteStream, wire: Wire) -> None:
        if not isinstance(inner, httpx.SyncByteStream):
            raise TypeError("a transport that is not asynchronous answers with a stream that is not either")
        self._inner = inner
        self._wire = wire

    def __iter__(self) -> Iterator[bytes]:
        for part in self._inner:
            self._wire.received += len(part)
            yield part

    def close(self) -> None:
        self._inner.close()


def _size(headers: httpx.Headers) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers.raw)
