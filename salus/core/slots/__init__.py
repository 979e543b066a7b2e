"""Where our contracts keep what they say, and how its words read: the registries without a call to any contract.

Who can prove single words of storage (`eth_getProof`) reads through here what view functions would answer. Each file
holds the reads of one contract, as pure functions over a `Storage`; their places are in `layout`, which a test holds
to `snapshots/storage`. A read may be run on a `Storage` that does not have all words yet and answers 0 for those: it
ends in any case, with a value or an error that mean nothing.
"""

from __future__ import annotations

from salus.core.slots.layout import Storage

__all__ = ["Storage"]
