// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "./interfaces/IAuditLog.sol";
import {IConsentRegistry} from "./interfaces/IConsentRegistry.sol";
import {ICouncil} from "./interfaces/ICouncil.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {ConsentHead, ConsentLib, ConsentSlot, ConsentStatus} from "./types/Consent.sol";
import {Entries} from "./types/Entries.sol";

/// @title ConsentRegistry
contract ConsentRegistry is IConsentRegistry, TypedData {
    using ConsentLib for ConsentHead;
    using ConsentSlot for uint256;

    /* CONSTANTS */

    /// Longest time between signing offline and granting.
    uint64 private constant MAX_DEADLINE_AHEAD = 7 days;

    /* IMMUTABLES */

    ICouncil public immutable council;
    IAuditLog public immutable log;

    /* STORAGE, whose layout light clients prove against */

    mapping(address holder => mapping(bytes32 consentId => uint256)) public slotOf;
    mapping(address holder => uint64) public epochOf;
    address public gateway;

    /* CONSTRUCTOR */

    /// @param council_ Admits the gateway that consumes.
    /// @param log_ Log of all changes.
    constructor(ICouncil council_, IAuditLog log_) TypedData(keccak256("Salus ConsentRegistry")) {
        if (address(council_) == address(0) || address(log_) == address(0)) revert ConsentRegistryZeroAddress();
        council = council_;
        log = log_;
    }

    /* WRITES */

    /// @inheritdoc IConsentRegistry
    function grant(ConsentHead calldata head, bytes32 scopeHash, bytes calldata signature)
        external
        returns (bytes32 consentId)
    {
        if (head.replaces != 0) revert ConsentRegistryUnexpectedReplaces(head.replaces);

        consentId = _grant(head, scopeHash, signature);

        log.append(_key(head.holder), Entries.CONSENT_GRANTED, 0, consentId);
    }

    /// @inheritdoc IConsentRegistry
    function replace(ConsentHead calldata head, bytes32 scopeHash, bytes calldata signature)
        external
        returns (bytes32 consentId)
    {
        uint256 old = slotOf[head.holder][head.replaces];
        if (old.status() != ConsentStatus.LIVE) {
            revert ConsentRegistryNotLive(head.holder, head.replaces, old.status());
        }

        slotOf[head.holder][head.replaces] = old.withStatus(ConsentStatus.REPLACED);
        consentId = _grant(head, scopeHash, signature);

        emit ConsentReplaced(head.holder, head.replaces, consentId);

        log.append(_key(head.holder), Entries.CONSENT_REPLACED, 0, head.replaces);
        log.append(_key(head.holder), Entries.CONSENT_GRANTED, 0, consentId);
    }

    /// @inheritdoc IConsentRegistry
    function revoke(address holder, bytes32 consentId, bytes calldata signature) external {
        bytes32 digest = _digest(keccak256(abi.encode(ConsentLib.REVOCATION_TYPEHASH, holder, consentId)));
        if (!_isSigned(holder, digest, signature)) revert ConsentRegistryInvalidSignature(holder, consentId);
        uint256 slot = slotOf[holder][consentId];
        if (slot.status() > ConsentStatus.LIVE) revert ConsentRegistryNotLive(holder, consentId, slot.status());

        slotOf[holder][consentId] = slot.withStatus(ConsentStatus.REVOKED);

        emit ConsentRevoked(holder, consentId);

        log.append(_key(holder), Entries.CONSENT_REVOKED, 0, consentId);
    }

    /// @inheritdoc IConsentRegistry
    function revokeAll(address holder, uint64 epoch, bytes calldata signature) external {
        bytes32 digest = _digest(keccak256(abi.encode(ConsentLib.REVOCATION_OF_ALL_TYPEHASH, holder, epoch)));
        if (!_isSigned(holder, digest, signature)) revert ConsentRegistryInvalidSignature(holder, 0);
        _requireEpoch(holder, epoch);

        // Not the next number: nobody can have a consent signed beforehand for an epoch that is known only in this block.
        // Safe cast: 32 bits of a digest are wanted. The sum stays in 64 bits for four billion revocations.
        uint64 next = epoch + 1 + uint32(uint256(keccak256(abi.encode(blockhash(block.number - 1), holder, epoch))));
        epochOf[holder] = next;

        emit ConsentsRevoked(holder, next);

        log.append(_key(holder), Entries.CONSENTS_REVOKED, 0, bytes32(uint256(next)));
    }

    /// @inheritdoc IConsentRegistry
    function consume(address holder, bytes32 consentId, bool otherwiseAllowed)
        external
        returns (uint256 slot, uint64 epoch)
    {
        if (msg.sender != gateway) revert ConsentRegistryNotGateway(msg.sender);
        slot = slotOf[holder][consentId];
        epoch = epochOf[holder];

        uint32 usesLeft = slot.usesLeft();
        bool spends = usesLeft != ConsentSlot.UNLIMITED && usesLeft != 0 && otherwiseAllowed
            && slot.status() == ConsentStatus.LIVE && slot.epoch() == epoch;
        if (spends) slotOf[holder][consentId] = slot.spent();
    }

    /// @inheritdoc IConsentRegistry
    function admitGateway(address newGateway) external {
        if (msg.sender != address(council)) revert ConsentRegistryNotCouncil(msg.sender);

        address previous = gateway;
        gateway = newGateway;

        emit GatewayAdmitted(newGateway, previous);
    }

    /* READS */

    /// @inheritdoc IConsentRegistry
    function domainSeparator() public view override(IConsentRegistry, TypedData) returns (bytes32) {
        return super.domainSeparator();
    }

    /* INTERNAL */

    function _grant(ConsentHead calldata head, bytes32 scopeHash, bytes calldata signature)
        private
        returns (bytes32 consentId)
    {
        uint64 time = uint64(block.timestamp);
        if (time > head.deadline) revert ConsentRegistryDeadlinePassed(head.deadline, time);
        if (head.deadline - time > MAX_DEADLINE_AHEAD) {
            revert ConsentRegistryDeadlineTooFar(head.deadline, time + MAX_DEADLINE_AHEAD);
        }
        _requireEpoch(head.holder, head.epoch);
        consentId = _digest(ConsentLib.hash(head.hash(), scopeHash));
        uint256 slot = slotOf[head.holder][consentId];
        if (slot != 0) revert ConsentRegistryKnown(head.holder, consentId, slot.status());
        if (!_isSigned(head.holder, consentId, signature)) {
            revert ConsentRegistryInvalidSignature(head.holder, consentId);
        }

        uint32 uses = head.maxUses == 0 ? ConsentSlot.UNLIMITED : head.maxUses;
        slotOf[head.holder][consentId] = ConsentSlot.pack(ConsentStatus.LIVE, uses, head.epoch, time);

        emit ConsentGranted(head.holder, consentId, head.epoch, head.maxUses);
    }

    function _requireEpoch(address holder, uint64 found) private view {
        uint64 expected = epochOf[holder];
        if (found != expected) revert ConsentRegistryWrongEpoch(holder, found, expected);
    }

    function _key(address holder) private pure returns (bytes32) {
        return bytes32(uint256(uint160(holder)));
    }
}
