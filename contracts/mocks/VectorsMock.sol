// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Calendar} from "../libraries/Calendar.sol";
import {Chains} from "../libraries/Chains.sol";
import {Leaves, RecordVersion} from "../libraries/Leaves.sol";
import {Policy} from "../libraries/Policy.sol";
import {Access, AccessLib, AccessWords} from "../types/Access.sol";
import {Codes} from "../types/Codes.sol";
import {ConsentHead, ConsentLib, ConsentScope, ConsentWords} from "../types/Consent.sol";
import {Standing} from "../types/Participant.sol";
import {Attestation, Destruction, RecordLib} from "../types/Record.sol";
import {
    Appointment,
    Binding,
    Denial,
    Retention,
    Rotation,
    SubjectFreeze,
    SubjectLib,
    SubjectLink,
    SubjectUnlink,
    Veto
} from "../types/Subject.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title VectorsMock
/// @notice The pure functions of the libraries, opened up for `tests/vectors`. Never deployed outside tests.
contract VectorsMock {
    /* LEAVES AND TREES */

    function recordLeaf(uint256 chainId, RecordVersion calldata version) external pure returns (bytes32) {
        return Leaves.ofRecord(chainId, version);
    }

    function requestLeaf(bytes32 leaf) external pure returns (bytes32) {
        return Leaves.ofRequest(leaf);
    }

    function termLeaf(uint8 field, bytes32 salt, bytes32 value) external pure returns (bytes32) {
        return Leaves.ofTerm(field, salt, value);
    }

    function logLeaf(uint64 index, bytes32 entry) external pure returns (bytes32) {
        return Leaves.ofLog(index, entry);
    }

    function rootOf(bytes32 leaf, bytes32[] calldata proof) external pure returns (bytes32) {
        return MerkleProof.processProofCalldata(proof, leaf);
    }

    /* TYPED DATA */

    function consentDigest(bytes32 domainSeparator, ConsentWords calldata words)
        external
        pure
        returns (bytes32 headHash, bytes32 scopeHash, bytes32 structHash, bytes32 digest)
    {
        headHash = ConsentLib.hash(_head(words));
        scopeHash = ConsentLib.hash(_scope(words));
        structHash = ConsentLib.hash(headHash, scopeHash);
        digest = MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
    }

    function accessDigest(bytes32 domainSeparator, AccessWords calldata words)
        external
        pure
        returns (bytes32 structHash, bytes32 digest)
    {
        structHash = AccessLib.hash(_access(words));
        digest = MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
    }

    function isCleanConsent(ConsentWords calldata words) external pure returns (bool) {
        return ConsentLib.isClean(words);
    }

    function isCleanAccess(AccessWords calldata words) external pure returns (bool) {
        return AccessLib.isClean(words);
    }

    function hashBinding(Binding calldata value) external pure returns (bytes32) {
        return SubjectLib.hash(value);
    }

    function hashRotation(Rotation calldata value) external pure returns (bytes32) {
        return SubjectLib.hash(value);
    }

    function hashAppointment(Appointment calldata value) external pure returns (bytes32) {
        return SubjectLib.hash(value);
    }

    function hashVeto(Veto calldata value) external pure returns (bytes32) {
        return SubjectLib.hash(value);
    }

    function hashSubjectFreeze(SubjectFreeze calldata value) external pure returns (bytes32) {
        return SubjectLib.hash(value);
    }

    function hashDenial(Denial calldata value) external pure returns (bytes32) {
        return SubjectLib.hash(value);
    }

    function hashSubjectUnlink(SubjectUnlink calldata value) external pure returns (bytes32) {
        return SubjectLib.hash(value);
    }

    function hashSubjectLink(SubjectLink calldata value) external pure returns (bytes32) {
        return SubjectLib.hash(value);
    }

    function hashRetention(Retention calldata value) external pure returns (bytes32) {
        return SubjectLib.hash(value);
    }

    function hashDestruction(Destruction calldata value) external pure returns (bytes32) {
        return RecordLib.hash(value);
    }

    function orderId(bytes32 recordId, bytes32 subjectRef) external pure returns (bytes32) {
        return RecordLib.orderId(recordId, subjectRef);
    }

    function hashAttestation(Attestation calldata value) external pure returns (bytes32) {
        return RecordLib.hash(value);
    }

    /* DECISIONS */

    function decide(
        Standing calldata standing,
        uint256 consentSlot,
        uint64 holderEpoch,
        ConsentWords calldata consent,
        AccessWords calldata access,
        uint64 time
    ) external pure returns (uint16 code, uint64 expiry) {
        ConsentScope memory scope = _scope(consent);
        code = Policy.decide(standing, consentSlot, holderEpoch, scope, _access(access), time);
        if (code == Codes.GRANTED) expiry = Policy.sessionEnd(scope.validUntil, scope.sessionMinutes, time);
    }

    function decideOwn(AccessWords calldata access, bool frozen, uint64 time)
        external
        pure
        returns (uint16 code, uint64 expiry)
    {
        code = Policy.decideOwn(_access(access), frozen);
        if (code == Codes.GRANTED) expiry = time + Policy.OWN_SESSION;
    }

    function decideEmergency(
        Standing calldata standing,
        AccessWords calldata access,
        bool frozen,
        uint8 denial,
        bool overdue,
        uint64 time
    ) external pure returns (uint16 code, uint64 expiry) {
        code = Policy.decideEmergency(standing, _access(access), frozen, denial, overdue, time);
        if (code == Codes.GRANTED) expiry = time + Policy.EMERGENCY_SESSION;
    }

    /* DAYS */

    function dayAt(uint256 time) external pure returns (uint32) {
        return Calendar.dayAt(time);
    }

    function monthsBefore(uint32 day, uint256 months) external pure returns (uint32) {
        return Calendar.monthsBefore(day, months);
    }

    function window(uint8 windowMonths, uint32 fromDay, uint32 toDay, uint64 time)
        external
        pure
        returns (uint32 first, uint32 last)
    {
        ConsentScope memory scope;
        scope.windowMonths = windowMonths;
        scope.fromDay = fromDay;
        scope.toDay = toDay;
        return Policy.windowAt(scope, time);
    }

    /* LOG */

    function entryOf(
        uint256 chainId,
        address emitter,
        bytes32 key,
        uint8 kind,
        uint16 code,
        bytes32 referenceId,
        uint64 time
    ) external pure returns (bytes32) {
        return Chains.entryOf(chainId, emitter, key, kind, code, referenceId, time);
    }

    function extended(uint256 slot, bytes32 entry) external pure returns (uint256) {
        return Chains.extended(slot, entry);
    }

    /* INTERNAL */

    function _head(ConsentWords calldata words) private pure returns (ConsentHead memory head) {
        ConsentLib.unpackHead(words, head);
    }

    function _scope(ConsentWords calldata words) private pure returns (ConsentScope memory scope) {
        ConsentLib.unpackScope(words, scope);
    }

    function _access(AccessWords calldata words) private pure returns (Access memory access) {
        AccessLib.unpack(words, access);
    }
}
