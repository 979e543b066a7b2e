// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ConsentHead} from "../types/Consent.sol";

/// @title ConsentRegistry
/// @notice What holders have granted and taken back. It keeps one word per consent and one epoch per holder; the scope of a
/// consent stays hidden behind its digest until the grantee uses it. Every verb takes the holder's signature, or an
/// empty one when the holder is the sender.
interface IConsentRegistry {
    /* EVENTS */

    event ConsentGranted(address indexed holder, bytes32 indexed consentId, uint64 epoch, uint32 maxUses);
    /// @notice `consentId` took the place of `replaced`; ConsentGranted precedes it.
    event ConsentReplaced(address indexed holder, bytes32 indexed replaced, bytes32 indexed consentId);
    event ConsentRevoked(address indexed holder, bytes32 indexed consentId);
    /// @notice All consents of epochs before `epoch` are void.
    event ConsentsRevoked(address indexed holder, uint64 epoch);

    event GatewayAdmitted(address indexed gateway, address indexed previous);

    /* ERRORS */

    error ConsentRegistryZeroAddress();
    error ConsentRegistryNotCouncil(address caller);
    error ConsentRegistryNotGateway(address caller);
    error ConsentRegistryInvalidSignature(address holder, bytes32 consentId);
    error ConsentRegistryDeadlinePassed(uint64 deadline, uint64 time);
    error ConsentRegistryDeadlineTooFar(uint64 deadline, uint64 latest);
    error ConsentRegistryWrongEpoch(address holder, uint64 found, uint64 expected);
    error ConsentRegistryKnown(address holder, bytes32 consentId, uint8 status);
    error ConsentRegistryNotLive(address holder, bytes32 consentId, uint8 status);
    error ConsentRegistryUnexpectedReplaces(bytes32 replaces);

    /* WRITES */

    /// @notice Grants a consent. Its id is the EIP-712 digest of (head, scope) and can be granted once.
    /// @param head The part in clear; `replaces` is 0.
    /// @param scopeHash Struct hash of the scope.
    /// @param signature Holder's signature of the consent.
    function grant(ConsentHead calldata head, bytes32 scopeHash, bytes calldata signature)
        external
        returns (bytes32 consentId);

    /// @notice Grants a consent in place of a live one, `head.replaces`.
    function replace(ConsentHead calldata head, bytes32 scopeHash, bytes calldata signature)
        external
        returns (bytes32 consentId);

    /// @notice Takes a consent back, or makes sure that one not seen yet can never be granted.
    /// @param signature Holder's signature of Revocation.
    function revoke(address holder, bytes32 consentId, bytes calldata signature) external;

    /// @notice Voids every consent signed so far, granted or not, by raising the holder's epoch.
    /// @param epoch The holder's present epoch.
    /// @param signature Holder's signature of RevocationOfAll.
    function revokeAll(address holder, uint64 epoch, bytes calldata signature) external;

    /// @notice Reads a consent for a decision and, if nothing else speaks against it, spends one use. A use is spent only
    /// from a live consent of the present epoch that has uses left. Only by the active gateway.
    /// @param otherwiseAllowed Whether all rules outside this registry allow the request.
    /// @return slot The consent's word before this call.
    /// @return epoch The holder's present epoch.
    function consume(address holder, bytes32 consentId, bool otherwiseAllowed)
        external
        returns (uint256 slot, uint64 epoch);

    /// @notice Lets another gateway consume in place of the present one. Only by the Council, when it installs the gateway.
    function admitGateway(address newGateway) external;

    /* READS */

    /// @notice Gateway that may consume.
    function gateway() external view returns (address);

    /// @notice The consent's word: status 8 (0 unknown, 1 live, 2 revoked, 3 replaced), uses left 32 (all ones: without
    /// limit), epoch 64, granted at 64.
    function slotOf(address holder, bytes32 consentId) external view returns (uint256);

    /// @notice The holder's epoch: 0 until it first revokes everything, then a number that nobody knew before its block.
    function epochOf(address holder) external view returns (uint64);

    /// @notice EIP-712 domain separator.
    function domainSeparator() external view returns (bytes32);
}
