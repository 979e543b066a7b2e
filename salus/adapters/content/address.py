"""A content store by its address, as settings and the command line have it.

| address | store |
| --- | --- |
| a path | folder |
| `kubo+http://127.0.0.1:5001?token_file=/etc/salus/kubo`, several by comma, the nearest first | swarm of Kubo nodes |

Options of a node: `token_file`, required, the file of its API's token. Options of the swarm, said with any node:
`copies`, how many nodes must have an envelope before it counts as stored (2; 1 with one node), and `quota`, the bytes a
node's repository may take, as `200GB` (none).
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from salus.adapters.content.folder import FolderStore
from salus.adapters.content.holding import ContentHolding
from salus.adapters.content.kubo import KuboStore
from salus.adapters.content.kubo_node import KuboNode
from salus.core.errors import SetupError

_SCHEME = "kubo+"
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def is_folder(address: str) -> bool:
    """Whether an address is a folder's path."""
    return not address.startswith(_SCHEME)


def content_store(address: str) -> ContentHolding:
    """The store at an address; nodes need not answer yet.

    Raises:
        SetupError: malformed; says how.
    """
    return FolderStore(Path(address)) if is_folder(address) else _swarm(address)


def _swarm(address: str) -> KuboStore:
    nodes, options = list[KuboNode](), dict[str, str]()
    for part in address.split(","):
        url = urlsplit(part.strip().removeprefix(_SCHEME))
        told = dict(parse_qsl(url.query))
        if not part.strip().startswith(_SCHEME) or url.scheme not in ("http", "https") or not url.netloc or url.path:
            raise SetupError("the address of a content node is like kubo+http://127.0.0.1:5001?token_file=/path")
        nodes.append(KuboNode(f"{url.scheme}://{url.netloc}", _token(told.pop("token_file", ""))))
        if unknown := told.keys() - {"copies", "quota"}:
            raise SetupError(f"a content node has no option {', '.join(sorted(unknown))}: token_file, copies, quota")
        if any(options.get(name, value) != value for name, value in told.items()):
            raise SetupError("the nodes of one swarm have the same copies and quota: say them once")
        options |= told
    return KuboStore(nodes, _copies(options.get("copies"), len(nodes)), _quota(options.get("quota")))


def _token(path: str) -> str:
    if not path:
        raise SetupError("a content node needs token_file, the file of its API's token")
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"the token file of a content node cannot be read: {path}") from error
    if not token:
        raise SetupError(f"the token file of a content node is empty: {path}")
    return token


def _copies(text: str | None, nodes: int) -> int:
    if text is None:
        return min(2, nodes)
    if not text.isascii() or not text.isdigit():
        raise SetupError("copies is a number of content nodes")
    return int(text)


def _quota(text: str | None) -> int | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]+)([KMGT]?B|)", text)
    if found is None or found[2] not in _UNITS:
        raise SetupError("quota is a number of bytes, as 200GB")
    return int(found[1]) * _UNITS[found[2]]
