// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorTag, Attestation, Destruction, RecordLib} from "../../../contracts/types/Record.sol";
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
} from "../../../contracts/types/Subject.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution, actor, sign} from "./Actors.sol";
import {Acts} from "./Acts.sol";

/// @notice What every contract test starts from: the deployed system, named institutions and people, and the verbs of
/// patients and sources. `_rotation`, `_freeze` … build a message with the subject's present nonce, `_digestOf` gives what is
/// signed.
/// @dev Verbs of consents, accesses, attestations and orders make one call, so they can follow an `expectRevert`; those of
/// subjects read the nonce first: build the message, sign it, and call the contract.
abstract contract Base is Acts {
    /// First of guardianNonceOf.
    uint64 internal constant FIRST_GUARDIAN_NONCE = 4_294_967_296;
    Actor internal carol = actor("Carol");
    Actor internal guardian = actor("Guardian");

    /* SUBJECTS */

    /// @dev Seed of a patient's reference at a source, by a label.
    function _seedOf(string memory label) internal pure returns (bytes32) {
        return keccak256(abi.encode("seed", label));
    }

    function _refOf(Institution memory source, string memory label) internal view returns (bytes32) {
        return subjects.idOf(source.id, _seedOf(label));
    }

    /// @dev Binds a reference to its patient.
    function _bind(Institution memory source, string memory label, Actor memory controller)
        internal
        returns (bytes32 ref)
    {
        ref = _refOf(source, label);
        Binding memory binding = Binding(ref, source.id, controller.account, _time() + 1 hours);
        bytes memory signature = sign(controller, _digestOf(binding));
        vm.prank(source.principal.account);
        subjects.bind(binding, _seedOf(label), signature);
    }

    function _rotation(bytes32 ref, Actor memory to) internal view returns (Rotation memory) {
        return Rotation(ref, to.account, subjects.subject(ref).nonce, _time() + 1 hours);
    }

    function _rotate(bytes32 ref, Actor memory from, Actor memory to) internal {
        Rotation memory rotation = _rotation(ref, to);
        bytes[2] memory signatures = [sign(from, _digestOf(rotation)), sign(to, _digestOf(rotation))];
        vm.prank(relayer.account);
        subjects.rotate(rotation, signatures);
    }

    /// @dev The source starts a recovery; `subjects.complete` ends it after RECOVERY_DELAY.
    function _recover(bytes32 ref, Institution memory source, Actor memory to) internal {
        Rotation memory rotation = _rotation(ref, to);
        bytes memory signature = sign(to, _digestOf(rotation));
        vm.prank(source.principal.account);
        subjects.recover(rotation, signature);
    }

    function _appointment(bytes32 ref, address account) internal view returns (Appointment memory) {
        return Appointment(ref, account, subjects.subject(ref).nonce, _time() + 1 hours);
    }

    /// @dev By the controller, at once.
    function _appoint(bytes32 ref, Actor memory controller, address account) internal {
        Appointment memory appointment = _appointment(ref, account);
        bytes memory signature = sign(controller, _digestOf(appointment));
        vm.prank(relayer.account);
        subjects.appoint(appointment, signature);
    }

    /// @dev By the source; `subjects.complete` ends it after RECOVERY_DELAY.
    function _appointLate(bytes32 ref, Institution memory source, address account) internal {
        Appointment memory appointment = _appointment(ref, account);
        vm.prank(source.principal.account);
        subjects.appoint(appointment, "");
    }

    function _veto(bytes32 ref, Actor memory controller) internal {
        Veto memory veto = Veto(ref, subjects.subject(ref).nonce, _time() + 1 hours);
        bytes memory signature = sign(controller, _digestOf(veto));
        vm.prank(relayer.account);
        subjects.veto(veto, signature);
    }

    /// @dev Nonce of whoever freezes: a guardian's freezes count apart.
    function _freezeNonce(bytes32 ref, Actor memory by) internal view returns (uint64) {
        bool isController = by.account == subjects.controllerOf(ref);
        return isController ? subjects.subject(ref).nonce : subjects.guardianNonceOf(ref);
    }

    function _freeze(bytes32 ref, Actor memory by, bool frozen) internal {
        SubjectFreeze memory freeze = SubjectFreeze(ref, by.account, frozen, _freezeNonce(ref, by), _time() + 1 hours);
        bytes memory signature = sign(by, _digestOf(freeze));
        vm.prank(relayer.account);
        subjects.freeze(freeze, signature);
    }

    function _deny(bytes32 ref, Actor memory controller, Institution memory whom, uint8 strength) internal {
        Denial memory denial = Denial(ref, whom.id, strength, subjects.subject(ref).nonce, _time() + 1 hours);
        bytes memory signature = sign(controller, _digestOf(denial));
        vm.prank(relayer.account);
        subjects.deny(denial, signature);
    }

    function _retain(bytes32 ref, Actor memory controller, uint8 retentionYears) internal {
        Retention memory retention = Retention(ref, retentionYears, subjects.subject(ref).nonce, _time() + 1 hours);
        bytes memory signature = sign(controller, _digestOf(retention));
        vm.prank(relayer.account);
        subjects.retain(retention, signature);
    }

    function _linkage(bytes32 ref, bytes32 survivor) internal view returns (SubjectLink memory) {
        return SubjectLink(ref, survivor, subjects.subject(ref).nonce, _time() + 1 hours);
    }

    /// @dev Merges two known references of one source, both claimed.
    function _link(Institution memory source, bytes32 ref, bytes32 survivor, Actor memory one, Actor memory other)
        internal
    {
        SubjectLink memory linkage = _linkage(ref, survivor);
        bytes[2] memory signatures = [sign(one, _digestOf(linkage)), sign(other, _digestOf(linkage))];
        bytes32[2] memory seeds;
        vm.prank(source.principal.account);
        subjects.link(linkage, seeds, signatures);
    }

    /// @dev Undoes a merge for one of its sides.
    function _parting(bytes32 ref, bytes32 by) internal view returns (SubjectUnlink memory) {
        return SubjectUnlink(ref, subjects.survivorOf(ref), by, subjects.subject(by).nonce, _time() + 1 hours);
    }

    /// @dev For the merged side if this is its controller, else for the survivor.
    function _unlink(Institution memory source, bytes32 ref, Actor memory controller) internal {
        bool isOwn = controller.account == subjects.controllerOf(ref);
        SubjectUnlink memory parting = _parting(ref, isOwn ? ref : subjects.survivorOf(ref));
        bytes memory signature = sign(controller, _digestOf(parting));
        vm.prank(source.principal.account);
        subjects.unlink(parting, signature);
    }

    function _digestOf(Binding memory value) internal view returns (bytes32) {
        return _subjectDigest(keccak256(abi.encode(SubjectLib.BINDING_TYPEHASH, value)));
    }

    function _digestOf(Rotation memory value) internal view returns (bytes32) {
        return _subjectDigest(keccak256(abi.encode(SubjectLib.ROTATION_TYPEHASH, value)));
    }

    function _digestOf(Appointment memory value) internal view returns (bytes32) {
        return _subjectDigest(keccak256(abi.encode(SubjectLib.APPOINTMENT_TYPEHASH, value)));
    }

    function _digestOf(Veto memory value) internal view returns (bytes32) {
        return _subjectDigest(keccak256(abi.encode(SubjectLib.VETO_TYPEHASH, value)));
    }

    function _digestOf(SubjectFreeze memory value) internal view returns (bytes32) {
        return _subjectDigest(keccak256(abi.encode(SubjectLib.FREEZE_TYPEHASH, value)));
    }

    function _digestOf(Denial memory value) internal view returns (bytes32) {
        return _subjectDigest(keccak256(abi.encode(SubjectLib.DENIAL_TYPEHASH, value)));
    }

    function _digestOf(Retention memory value) internal view returns (bytes32) {
        return _subjectDigest(keccak256(abi.encode(SubjectLib.RETENTION_TYPEHASH, value)));
    }

    function _digestOf(SubjectLink memory value) internal view returns (bytes32) {
        return _subjectDigest(keccak256(abi.encode(SubjectLib.LINK_TYPEHASH, value)));
    }

    function _digestOf(SubjectUnlink memory value) internal view returns (bytes32) {
        return _subjectDigest(keccak256(abi.encode(SubjectLib.UNLINK_TYPEHASH, value)));
    }

    /* RECORDS */

    function _anchor(Institution memory source, bytes32 root, uint32 count) internal {
        vm.prank(source.principal.account);
        records.anchor(root, count, setId, AnchorTag.BATCH);
    }

    function _invalidate(Institution memory source, bytes32 leaf, bytes32 subjectRef) internal {
        vm.prank(source.principal.account);
        records.invalidate(leaf, subjectRef, 1);
    }

    function _destruction(Institution memory source, bytes32 recordId, bytes32 subjectRef)
        internal
        view
        returns (Destruction memory)
    {
        return Destruction(source.id, recordId, subjectRef, setId, _time() + 1 hours);
    }

    /// @dev The source orders with the controller's signature.
    function _order(Institution memory source, bytes32 recordId, bytes32 subjectRef, Actor memory controller) internal {
        Destruction memory destruction = _destruction(source, recordId, subjectRef);
        bytes memory signature = sign(controller, _digestOf(destruction));
        vm.prank(source.principal.account);
        records.order(destruction, signature);
    }

    /// @dev A custodian's operator signs that it has erased.
    function _attest(Institution memory custodian, Institution memory source, bytes32 recordId, bytes32 subjectRef)
        internal
    {
        Attestation memory attestation = Attestation(source.id, recordId, subjectRef, custodian.id, 1);
        bytes memory signature = sign(custodian.principal, _digestOf(attestation));
        vm.prank(relayer.account);
        records.attest(attestation, signature);
    }

    /// @dev State word of the order to destroy a subject's record.
    function _orderState(Institution memory source, bytes32 recordId, bytes32 subjectRef)
        internal
        view
        returns (uint256)
    {
        return records.stateOf(source.id, RecordLib.orderId(recordId, subjectRef));
    }

    function _digestOf(Destruction memory value) internal view returns (bytes32) {
        return
            _typed(
                address(records), "Salus RecordRegistry", keccak256(abi.encode(RecordLib.DESTRUCTION_TYPEHASH, value))
            );
    }

    function _digestOf(Attestation memory value) internal view returns (bytes32) {
        return
            _typed(
                address(records), "Salus RecordRegistry", keccak256(abi.encode(RecordLib.ATTESTATION_TYPEHASH, value))
            );
    }

    function _subjectDigest(bytes32 structHash) private view returns (bytes32) {
        return _typed(address(subjects), "Salus SubjectRegistry", structHash);
    }
}
