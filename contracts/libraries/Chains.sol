// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Hash chains of the log
/// @notice One word per chain: a 208-bit head above a 48-bit count of entries.
library Chains {
    bytes32 internal constant ENTRY_TAG = keccak256("salus.entry.v1");
    bytes32 internal constant HEAD_TAG = keccak256("salus.head.v1");

    /// @notice Digest of one entry.
    function entryOf(
        uint256 chainId,
        address emitter,
        bytes32 key,
        uint8 kind,
        uint16 code,
        bytes32 referenceId,
        uint64 time
    ) internal pure returns (bytes32) {
        bytes32 tag = ENTRY_TAG;
        bytes32 entry;
        // keccak256(abi.encode(tag, chainId, emitter, key, kind, code, referenceId, time)) without the copy. Narrow values are
        // cut to their width, which assembly does not do by itself. Memory behind the free pointer is used and left free.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, tag)
            mstore(add(free, 0x20), chainId)
            mstore(add(free, 0x40), shr(96, shl(96, emitter)))
            mstore(add(free, 0x60), key)
            mstore(add(free, 0x80), and(kind, 0xff))
            mstore(add(free, 0xa0), and(code, 0xffff))
            mstore(add(free, 0xc0), referenceId)
            mstore(add(free, 0xe0), and(time, 0xffffffffffffffff))
            entry := keccak256(free, 0x100)
        }
        return entry;
    }

    /// @notice The chain's word after one more entry.
    function extended(uint256 slot, bytes32 entry) internal pure returns (uint256) {
        bytes32 tag = HEAD_TAG;
        uint256 head;
        // keccak256(abi.encode(tag, slot >> 48, entry)) without the copy: every entry of the log pays for two of these.
        // Memory behind the free pointer is used and left free.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, tag)
            mstore(add(free, 0x20), shr(48, slot))
            mstore(add(free, 0x40), entry)
            head := keccak256(free, 0x60)
        }
        // Shifting left by 48 drops the upper 48 bits of the digest: the low 208 bits are the head. The count cannot
        // carry into it: at a million entries a second 48 bits last nine years, and a chain has its own.
        return head << 48 | uint48(slot + 1);
    }
}
