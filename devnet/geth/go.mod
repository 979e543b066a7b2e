// Builds geth, the Clique engine of a consortium on one machine: devnet/geth_binary.py. Run as a separate program, never
// linked, never shipped (docs/dependencies.md).
module salus/devnet/geth

go 1.22

require github.com/ethereum/go-ethereum v1.13.15
