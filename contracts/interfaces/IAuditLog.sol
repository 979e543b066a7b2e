// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title AuditLog
/// @notice Append-only hash chains: one over everything, one per holder, subject or participant. Each is one storage word,
/// a 208-bit head above a 48-bit count, so that `eth_getProof` and the events together prove a log without gaps.
/// Storage: slot 0 the global chain, slot 1 the mapping of chains by key. It calls no other contract.
interface IAuditLog {
    /* EVENTS */

    /// @notice One entry. `globalCount` and `keyCount` number it from 1 in its two chains.
    event Appended(
        bytes32 indexed key,
        uint8 indexed kind,
        uint16 code,
        bytes32 indexed referenceId,
        address emitter,
        uint48 globalCount,
        uint48 keyCount,
        uint64 time
    );
    event WriterAdmitted(address indexed writer);
    event WriterRetired(address indexed writer);

    /* ERRORS */

    error AuditLogNotWriter(address caller);
    error AuditLogNotCouncil(address caller, address council);
    error AuditLogWriterUnchanged(address writer, bool admitted);

    /* WRITES */

    /// @notice Appends an entry to the global chain and to the chain of `key`. Only by admitted writers.
    /// @param key Holder's address left-padded, subjectRef or participantId.
    /// @param kind What happened: one of Entries.
    /// @param code Outcome or value that belongs to the kind; 0 if none.
    /// @param referenceId What the entry is about: accessId, consentId, leaf …
    function append(bytes32 key, uint8 kind, uint16 code, bytes32 referenceId) external;

    /// @notice Lets a contract append. Only by the Council, when it installs the contract.
    function admitWriter(address writer) external;

    /// @notice Ends a contract's right to append. Only by the Council.
    function retireWriter(address writer) external;

    /* READS */

    /// @notice Head and count of the global chain.
    function globalChain() external view returns (uint208 head, uint48 count);

    /// @notice Head and count of one chain.
    function chainOf(bytes32 key) external view returns (uint208 head, uint48 count);

    function isWriter(address account) external view returns (bool);
}
