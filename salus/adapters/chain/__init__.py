"""The chain: JSON-RPC, ABI coding, one wrapper per contract, reading at a block, writing through lanes, finality."""
