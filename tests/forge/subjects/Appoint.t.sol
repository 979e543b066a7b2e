// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Appointment} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {NonceTest} from "./SubjectTest.sol";

contract AppointTest is NonceTest {
    /* BY THE CONTROLLER */

    function test_appoint__signed_by_the_controller__is_at_once() public {
        Subject memory expected = subjects.subject(ref);
        Appointment memory appointment = _appointment(ref, guardian.account);
        bytes memory signature = _signed(alice, _hash(appointment));
        _watch(ref);
        vm.prank(relayer.account);
        subjects.appoint(appointment, signature);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.GuardianAppointed(ref, address(0), guardian.account);
        _entry(ref, 22, 0, _word(guardian.account));
        _assertTold(told);
        _assertChains();
        expected.guardian = guardian.account;
        expected.nonce = 1;
        _assertSubject(ref, expected);
    }

    function test_appoint__nobody__ends_the_guardian() public {
        _appoint(ref, alice, guardian.account);
        Appointment memory appointment = _appointment(ref, address(0));
        bytes memory signature = _signed(alice, _hash(appointment));
        _watch(ref);
        subjects.appoint(appointment, signature);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.GuardianAppointed(ref, guardian.account, address(0));
        _entry(ref, 22, 0, 0);
        _assertTold(told);
        _assertChains();
        vm.assertEq(subjects.subject(ref).guardian, address(0));
    }

    function test_appoint__sent_by_the_controller__needs_no_signature() public {
        Appointment memory appointment = _appointment(ref, guardian.account);
        vm.prank(alice.account);
        subjects.appoint(appointment, "");
        vm.assertEq(subjects.subject(ref).guardian, guardian.account);
        _assertNothingPending(ref);
    }

    function test_appoint__contract_controller__by_its_owners_signature() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(bob.account)), bob.key);
        _rotate(ref, alice, wallet);
        _appoint(ref, wallet, guardian.account);
        vm.assertEq(subjects.subject(ref).guardian, guardian.account);
    }

    function test_appoint__forged_signature__is_refused() public {
        Appointment memory appointment = _appointment(ref, guardian.account);
        bytes[] memory forged = _forgeries(alice, _hash(appointment));
        address[3] memory callers = [relayer.account, hospital.principal.account, address(council)];
        for (uint256 i = 0; i < forged.length; ++i) {
            // A forged signature does not become a source's or a Council's appointment either.
            vm.prank(callers[i % 3]);
            _expectInvalidSignature(ref, alice.account);
            subjects.appoint(appointment, forged[i]);
        }
    }

    function test_appoint__by_the_guardian__is_refused() public {
        _appoint(ref, alice, guardian.account);
        Appointment memory appointment = _appointment(ref, carol.account);
        bytes memory signature = _signed(guardian, _hash(appointment));
        _expectInvalidSignature(ref, alice.account);
        subjects.appoint(appointment, signature);
        vm.prank(guardian.account);
        _expectNotSource(hospital.id, guardian.account);
        subjects.appoint(appointment, "");
    }

    function test_appoint__the_same__is_refused() public {
        Appointment memory appointment = _appointment(ref, address(0));
        bytes memory signature = _signed(alice, _hash(appointment));
        _expectUnchanged(ref);
        subjects.appoint(appointment, signature);
        _appoint(ref, alice, guardian.account);
        appointment = _appointment(ref, guardian.account);
        vm.prank(hospital.principal.account);
        _expectUnchanged(ref);
        subjects.appoint(appointment, "");
    }

    /* BY SOURCE OR COUNCIL */

    function test_appoint__by_source_or_council__waits_for_a_veto() public {
        address[3] memory callers = [hospital.principal.account, hospital.second.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            uint256 before = vm.snapshotState();
            Subject memory expected = subjects.subject(ref);
            Appointment memory appointment = _appointment(ref, guardian.account);
            _watch(ref);
            vm.prank(callers[i]);
            subjects.appoint(appointment, "");
            Vm.Log[] memory told = _told();

            emit ISubjectRegistry.RecoveryStarted(ref, guardian.account, true, NOW + RECOVERY_DELAY);
            _entry(ref, 23, 1, _word(guardian.account));
            _assertTold(told);
            _assertChains();
            expected.nonce = 1;
            _assertSubject(ref, expected);
            _assertPending(ref, guardian.account, NOW + RECOVERY_DELAY, true, i == 2);
            vm.revertToState(before);
        }
    }

    /// Nobody could veto it.
    function test_appoint__unclaimed__is_refused() public {
        bytes32 unclaimed = _registered("new");
        Appointment memory appointment = _appointment(unclaimed, guardian.account);
        address[3] memory callers = [hospital.principal.account, address(council), stranger.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryUnclaimed.selector, unclaimed));
            subjects.appoint(appointment, i == 2 ? new bytes(65) : bytes(""));
        }
    }

    function test_appoint__empty_by_anybody_else__is_refused() public {
        Appointment memory appointment = _appointment(ref, guardian.account);
        address[4] memory callers =
            [stranger.account, clinic.principal.account, regulator.principal.account, members[0].account];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectNotSource(hospital.id, callers[i]);
            subjects.appoint(appointment, "");
        }
    }

    function test_appoint__by_a_suspended_source__is_refused() public {
        _suspend(hospital);
        Appointment memory appointment = _appointment(ref, guardian.account);
        vm.prank(hospital.principal.account);
        _expectNotSource(hospital.id, hospital.principal.account);
        subjects.appoint(appointment, "");
    }

    function test_appoint__while_a_change_is_pending__is_refused() public {
        _recover(ref, hospital, carol);
        _skip(1);
        Appointment memory appointment = _appointment(ref, guardian.account);
        vm.prank(hospital.principal.account);
        _expectPending(ref, NOW + RECOVERY_DELAY);
        subjects.appoint(appointment, "");
        // The controller's own appointment is not held up, and leaves the recovery to its veto.
        _appoint(ref, alice, guardian.account);
        vm.assertEq(subjects.subject(ref).guardian, guardian.account);
        _assertPending(ref, carol.account, NOW + RECOVERY_DELAY, false, false);
    }

    /// The controller's choice is not undone by what was started before it.
    function test_appoint__by_the_controller_while_a_guardian_is_pending__ends_that() public {
        _appointLate(ref, hospital, carol.account);
        Appointment memory appointment = _appointment(ref, guardian.account);
        bytes memory signature = _signed(alice, _hash(appointment));
        _watch(ref);
        subjects.appoint(appointment, signature);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.GuardianAppointed(ref, address(0), guardian.account);
        _entry(ref, 22, 0, _word(guardian.account));
        emit ISubjectRegistry.RecoveryVetoed(ref, carol.account);
        _entry(ref, 25, 0, _word(carol.account));
        _assertTold(told);
        _assertChains();
        _assertNothingPending(ref);
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        Appointment memory appointment = Appointment(which, guardian.account, nonce, deadline);
        bytes memory signature = _signed(alice, _hash(appointment));
        expect();
        subjects.appoint(appointment, signature);
    }

    function _hash(Appointment memory value) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("Appointment(bytes32 subjectRef,address guardian,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
