// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title EIP-712 struct hashes of memory structs
/// @notice The same result as `keccak256(abi.encode(typeHash, value))` for a struct whose fields are one word each, without
/// the copy: a request hashes three structs, and the copies would cost it about 4,000 gas.
library StructHash {
    /// @param typeHash EIP-712 type hash.
    /// @param pointer Memory address of the struct's first field.
    /// @param fieldCount Number of its fields.
    function compute(bytes32 typeHash, uint256 pointer, uint256 fieldCount) internal pure returns (bytes32 result) {
        // The word in front of the struct is borrowed for the type hash and put back before anything else runs. There is
        // always one: Solidity's own memory starts at 0x80.
        assembly ("memory-safe") {
            let front := sub(pointer, 0x20)
            let borrowed := mload(front)
            mstore(front, typeHash)
            result := keccak256(front, mul(add(fieldCount, 1), 0x20))
            mstore(front, borrowed)
        }
    }
}
