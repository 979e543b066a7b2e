"""Complete fakes of the ports, in memory: for tests, and for trying a flow without a chain, a database or a network."""

from salus.adapters.memory.chain import MemoryChain
from salus.adapters.memory.clock import FixedClock
from salus.adapters.memory.content import MemoryContent
from salus.adapters.memory.custodians import MemoryCustodians
from salus.adapters.memory.custody import MemoryCustodianStore, MemoryPeriodKeys
from salus.adapters.memory.randomness import SeededRandomness
from salus.adapters.memory.signer import MemorySigner
from salus.adapters.memory.writer import MemoryWriter

__all__ = [
    "FixedClock",
    "MemoryChain",
    "MemoryContent",
    "MemoryCustodianStore",
    "MemoryCustodians",
    "MemoryPeriodKeys",
    "MemorySigner",
    "MemoryWriter",
    "SeededRandomness",
]
