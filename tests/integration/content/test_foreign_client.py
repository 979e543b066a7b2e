"""`ipfshttpclient`, the IPFS client others use, as a client of our swarm.

Its `connect()` asks for a Kubo of 2021 and refuses ours; made directly it works, with the token in a header.
"""

from __future__ import annotations

import io
import os
import warnings

import pytest

from devnet.swarm_nodes import SwarmNodes
from salus.adapters.content.address import content_store
from salus.core.cid import cid_of
from salus.core.hashing import sha256

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ipfshttpclient = pytest.importorskip("ipfshttpclient")


def test_ipfshttpclient__reads_and_writes__the_same_cids(swarm: SwarmNodes) -> None:
    node, token = swarm.swarm.nodes["b"], swarm.swarm.token("b")
    store = content_store(swarm.swarm.address())
    client = ipfshttpclient.Client(
        f"/ip4/127.0.0.1/tcp/{node.api_port}/http",
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
    )
    with client, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies
        ours = os.urandom(40_000)
        assert client.block.get(cid_of(store.put(ours)), timeout=20) == ours
        long = os.urandom((3 << 20) + 11)
        digest = store.put(long)
        root = client.files.stat(f"/salus/large/{cid_of(digest)[-2:]}/{cid_of(digest)}")["Hash"]
        assert client.cat(root) == long
        theirs = os.urandom(40_000)
        options = {"cid-codec": "raw", "mhtype": "sha2-256", "pin": "true"}
        assert client.block.put(io.BytesIO(theirs), opts=options)["Key"] == cid_of(sha256(theirs))
        assert store.get(sha256(theirs)) == theirs
        added = client.add_bytes(theirs, opts={"cid-version": "1", "raw-leaves": "true"})
        assert added == cid_of(sha256(theirs))
        assert store.check(expected=[sha256(theirs)], repair=True).lost == ()
