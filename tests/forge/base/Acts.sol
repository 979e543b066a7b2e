// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CompactSignature, SignedRequest} from "../../../contracts/interfaces/IAccessGateway.sol";
import {Access, AccessKind, AccessLib} from "../../../contracts/types/Access.sol";
import {ConsentHead, ConsentLib, ConsentScope} from "../../../contracts/types/Consent.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution, actor, seal, sign} from "./Actors.sol";
import {Consortium} from "./Consortium.sol";
import {Consent, Words} from "./Words.sol";

/// @notice Patients' consents and institutions' accesses. Builders return what is sent, so that a test can spoil one field;
/// the verbs send it.
abstract contract Acts is Consortium {
    uint64 internal constant LAB = 1 << 7;
    uint64 internal constant VITAL = 1 << 6;
    uint16 internal constant USE = 1 << 2;

    Actor internal alice = actor("Alice");
    Actor internal bob = actor("Bob");

    /* CONSENTS */

    /// @dev A consent for treatment: level 4, the last three months, thirty days, without limit of uses.
    function _consent(Actor memory holder, Institution memory grantee) internal returns (Consent memory consent) {
        consent.head = ConsentHead({
            holder: holder.account,
            epoch: consents.epochOf(holder.account),
            maxUses: 0,
            deadline: _time() + 1 days,
            replaces: 0
        });
        ConsentScope memory scope = consent.scope;
        scope.granteeId = grantee.id;
        scope.purposes = Labels.TREAT;
        scope.categories = LAB | VITAL;
        scope.actions = USE;
        scope.maxLevel = 4;
        scope.maxConfidentiality = 3;
        scope.windowMonths = 3;
        scope.validFrom = _time();
        scope.validUntil = _time() + 30 days;
        scope.sessionMinutes = 30;
        scope.ruleset = Labels.RULESET;
        scope.terms = _fresh();
        scope.salt = _fresh();
    }

    function _scopeHash(Consent memory consent) internal pure returns (bytes32) {
        return keccak256(abi.encode(ConsentLib.SCOPE_TYPEHASH, consent.scope));
    }

    function _structHash(Consent memory consent) internal pure returns (bytes32) {
        bytes32 headHash = keccak256(abi.encode(ConsentLib.HEAD_TYPEHASH, consent.head));
        return keccak256(abi.encode(ConsentLib.CONSENT_TYPEHASH, headHash, _scopeHash(consent)));
    }

    function _idOf(Consent memory consent) internal view returns (bytes32) {
        return _typed(address(consents), "Salus ConsentRegistry", _structHash(consent));
    }

    /// @dev Signs and sends through the relayer.
    function _grant(Actor memory holder, Consent memory consent) internal returns (bytes32 consentId) {
        bytes memory signature = sign(holder, _idOf(consent));
        vm.prank(relayer.account);
        return consents.grant(consent.head, _scopeHash(consent), signature);
    }

    /// @dev A default consent that is on chain.
    function _granted(Actor memory holder, Institution memory grantee) internal returns (Consent memory consent) {
        consent = _consent(holder, grantee);
        _grant(holder, consent);
    }

    function _replace(Actor memory holder, Consent memory consent) internal returns (bytes32 consentId) {
        bytes memory signature = sign(holder, _idOf(consent));
        vm.prank(relayer.account);
        return consents.replace(consent.head, _scopeHash(consent), signature);
    }

    function _revocationDigest(address holder, bytes32 consentId) internal view returns (bytes32) {
        bytes32 structHash = keccak256(abi.encode(ConsentLib.REVOCATION_TYPEHASH, holder, consentId));
        return _typed(address(consents), "Salus ConsentRegistry", structHash);
    }

    function _revoke(Actor memory holder, bytes32 consentId) internal {
        bytes memory signature = sign(holder, _revocationDigest(holder.account, consentId));
        vm.prank(relayer.account);
        consents.revoke(holder.account, consentId, signature);
    }

    function _revocationOfAllDigest(address holder, uint64 epoch) internal view returns (bytes32) {
        bytes32 structHash = keccak256(abi.encode(ConsentLib.REVOCATION_OF_ALL_TYPEHASH, holder, epoch));
        return _typed(address(consents), "Salus ConsentRegistry", structHash);
    }

    function _revokeAll(Actor memory holder) internal {
        uint64 epoch = consents.epochOf(holder.account);
        bytes memory signature = sign(holder, _revocationOfAllDigest(holder.account, epoch));
        vm.prank(relayer.account);
        consents.revokeAll(holder.account, epoch, signature);
    }

    /* ACCESSES */

    /// @dev A request inside the default consent: laboratory results of the last thirty days.
    function _access(Institution memory by, bytes32 referenceId) internal returns (Access memory access) {
        access.kind = AccessKind.CONSENT;
        access.participantId = by.id;
        access.referenceId = referenceId;
        access.purpose = Labels.TREAT;
        access.categories = LAB;
        access.actions = USE;
        access.level = 3;
        access.confidentiality = 3;
        access.toDay = _today();
        access.fromDay = access.toDay - 30;
        access.role = 1;
        access.recordCount = 12;
        access.recordsRoot = _fresh();
        access.sessionKey = _fresh();
        access.userDigest = keccak256("user");
        access.deadline = _time() + 10 minutes;
        access.salt = _fresh();
    }

    /// @dev A patient's own request.
    function _ownAccess(bytes32 subjectRef) internal returns (Access memory access) {
        Institution memory nobody;
        access = _access(nobody, subjectRef);
        access.kind = AccessKind.OWN;
        access.purpose = Labels.PATRQT;
    }

    function _emergencyAccess(Institution memory by, bytes32 subjectRef) internal returns (Access memory access) {
        access = _access(by, subjectRef);
        access.kind = AccessKind.EMERGENCY;
        access.purpose = Labels.BTG;
    }

    function _idOf(Access memory access) internal view returns (bytes32) {
        return _typed(address(gateway), "Salus AccessGateway", keccak256(abi.encode(AccessLib.ACCESS_TYPEHASH, access)));
    }

    /// @dev The grantee's principal asks under a consent; the outcome.
    function _request(Consent memory consent, Access memory access, Institution memory by)
        internal
        returns (bytes32 accessId, uint16 code)
    {
        vm.prank(by.principal.account);
        return gateway.request(Words.pack(consent), Words.pack(access));
    }

    /// @dev Outcome of a default request under a consent.
    function _request(Consent memory consent, Institution memory by) internal returns (bytes32 accessId, uint16 code) {
        return _request(consent, _access(by, _idOf(consent)), by);
    }

    function _code(Consent memory consent, Institution memory by) internal returns (uint16 code) {
        (, code) = _request(consent, by);
    }

    /// @dev Item of requestMany, signed by an operator.
    function _signed(Consent memory consent, Access memory access, Actor memory operator)
        internal
        view
        returns (SignedRequest memory)
    {
        return SignedRequest(Words.pack(consent), Words.pack(access), seal(operator, _idOf(access)));
    }

    /// @dev Controller or guardian signs; the relayer sends.
    function _requestOwn(Actor memory signer, Access memory access) internal returns (bytes32 accessId, uint16 code) {
        bytes memory signature = sign(signer, _idOf(access));
        vm.prank(relayer.account);
        return gateway.requestOwn(Words.pack(access), signature);
    }

    /// @dev Both operators of the institution sign; the relayer sends.
    function _requestEmergency(Institution memory by, Access memory access)
        internal
        returns (bytes32 accessId, uint16 code)
    {
        CompactSignature memory first = seal(by.principal, _idOf(access));
        CompactSignature memory second = seal(by.second, _idOf(access));
        vm.prank(relayer.account);
        return gateway.requestEmergency(Words.pack(access), first, second);
    }

    /// @dev Civil day in Shanghai.
    function _today() internal view returns (uint32) {
        return uint32((uint256(_time()) + 8 hours) / 1 days);
    }

    /// @dev Chain of a holder in the AuditLog.
    function _keyOf(Actor memory holder) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(holder.account)));
    }
}
