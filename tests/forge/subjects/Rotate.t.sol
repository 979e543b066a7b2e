// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Rotation} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {NonceTest} from "./SubjectTest.sol";

contract RotateTest is NonceTest {
    function test_rotate__signed_by_both__changes_hands_at_once() public {
        _appoint(ref, alice, guardian.account);
        Subject memory expected = subjects.subject(ref);
        Rotation memory rotation = _rotation(ref, bob);
        bytes[2] memory signatures = [_signed(alice, _hash(rotation)), _signed(bob, _hash(rotation))];
        _watch(ref);
        vm.prank(relayer.account);
        subjects.rotate(rotation, signatures);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.ControllerRotated(ref, alice.account, bob.account, 1);
        _entry(ref, 21, 0, _word(bob.account));
        _assertTold(told);
        _assertChains();
        expected.controller = bob.account;
        expected.epoch = 1;
        ++expected.nonce;
        _assertSubject(ref, expected);
    }

    function test_rotate__again__epoch_rises_each_time() public {
        _rotate(ref, alice, bob);
        _rotate(ref, bob, alice);
        vm.assertEq(subjects.subject(ref).epoch, 2);
        vm.assertEq(subjects.controllerOf(ref), alice.account);
    }

    /// A recovery the old controller did not want does not survive its rotation.
    function test_rotate__with_a_pending_change__ends_it() public {
        _recover(ref, hospital, carol);
        Rotation memory rotation = _rotation(ref, bob);
        bytes[2] memory signatures = [_signed(alice, _hash(rotation)), _signed(bob, _hash(rotation))];
        _watch(ref);
        subjects.rotate(rotation, signatures);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.ControllerRotated(ref, alice.account, bob.account, 1);
        _entry(ref, 21, 0, _word(bob.account));
        emit ISubjectRegistry.RecoveryVetoed(ref, carol.account);
        _entry(ref, 25, 0, _word(carol.account));
        _assertTold(told);
        _assertChains();
        _assertNothingPending(ref);
        _skip(RECOVERY_DELAY);
        _expectNothingPending(ref);
        subjects.complete(ref);
        vm.assertEq(subjects.controllerOf(ref), bob.account);
    }

    function test_rotate__to_the_same__is_refused() public {
        Rotation memory rotation = _rotation(ref, alice);
        bytes[2] memory signatures = [_signed(alice, _hash(rotation)), _signed(alice, _hash(rotation))];
        _expectUnchanged(ref);
        subjects.rotate(rotation, signatures);
    }

    function test_rotate__old_signature_forged__is_refused() public {
        Rotation memory rotation = _rotation(ref, bob);
        bytes memory second = _signed(bob, _hash(rotation));
        bytes[] memory forged = _forgeries(alice, _hash(rotation));
        for (uint256 i = 0; i < forged.length; ++i) {
            _expectInvalidSignature(ref, alice.account);
            subjects.rotate(rotation, [forged[i], second]);
        }
    }

    function test_rotate__new_signature_forged__is_refused() public {
        Rotation memory rotation = _rotation(ref, bob);
        bytes memory first = _signed(alice, _hash(rotation));
        bytes[] memory forged = _forgeries(bob, _hash(rotation));
        for (uint256 i = 0; i < forged.length; ++i) {
            _expectInvalidSignature(ref, bob.account);
            subjects.rotate(rotation, [first, forged[i]]);
        }
    }

    function test_rotate__signatures_swapped__is_refused() public {
        Rotation memory rotation = _rotation(ref, bob);
        bytes[2] memory signatures = [_signed(bob, _hash(rotation)), _signed(alice, _hash(rotation))];
        _expectInvalidSignature(ref, alice.account);
        subjects.rotate(rotation, signatures);
    }

    function test_rotate__empty_signature__stands_for_the_sender_only() public {
        Rotation memory rotation = _rotation(ref, bob);
        bytes memory first = _signed(alice, _hash(rotation));
        bytes memory second = _signed(bob, _hash(rotation));
        vm.startPrank(relayer.account);
        _expectInvalidSignature(ref, alice.account);
        subjects.rotate(rotation, [bytes(""), second]);
        _expectInvalidSignature(ref, bob.account);
        subjects.rotate(rotation, [first, bytes("")]);
        vm.stopPrank();
        vm.prank(bob.account);
        subjects.rotate(rotation, [first, bytes("")]);

        rotation = _rotation(ref, carol);
        second = _signed(carol, _hash(rotation));
        vm.prank(bob.account);
        subjects.rotate(rotation, [bytes(""), second]);
        vm.assertEq(subjects.controllerOf(ref), carol.account);
    }

    function test_rotate__contract_accounts__by_their_owners_signatures() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(bob.account)), bob.key);
        Actor memory second = Actor("Second wallet", address(new Wallet(carol.account)), carol.key);
        _rotate(ref, alice, wallet);
        vm.assertEq(subjects.controllerOf(ref), wallet.account);
        _rotate(ref, wallet, second);
        vm.assertEq(subjects.controllerOf(ref), second.account);

        Rotation memory rotation = _rotation(ref, alice);
        bytes[2] memory signatures = [_signed(bob, _hash(rotation)), _signed(alice, _hash(rotation))];
        _expectInvalidSignature(ref, second.account);
        subjects.rotate(rotation, signatures);
    }

    function test_rotate__unclaimed_or_to_nobody__is_refused() public {
        bytes32 unclaimed = _registered("new");
        Actor memory nobody;
        Rotation memory rotation = _rotation(unclaimed, bob);
        bytes memory signature = _signed(bob, _hash(rotation));
        _expectInvalidSignature(unclaimed, address(0));
        subjects.rotate(rotation, [signature, signature]);
        rotation = _rotation(unclaimed, nobody);
        _expectUnchanged(unclaimed);
        subjects.rotate(rotation, [bytes(""), bytes("")]);

        rotation = _rotation(ref, nobody);
        signature = _signed(alice, _hash(rotation));
        _expectInvalidSignature(ref, address(0));
        subjects.rotate(rotation, [signature, bytes("")]);
    }

    /// The hospital and the Council have no say in it.
    function test_rotate__by_source_or_council__is_refused() public {
        Rotation memory rotation = _rotation(ref, bob);
        bytes[2] memory signatures = [bytes(""), _signed(bob, _hash(rotation))];
        address[2] memory callers = [hospital.principal.account, address(council)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(callers[i]);
            _expectInvalidSignature(ref, alice.account);
            subjects.rotate(rotation, signatures);
        }
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        Rotation memory rotation = Rotation(which, bob.account, nonce, deadline);
        bytes[2] memory signatures = [_signed(alice, _hash(rotation)), _signed(bob, _hash(rotation))];
        expect();
        subjects.rotate(rotation, signatures);
    }

    function _hash(Rotation memory value) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("Rotation(bytes32 subjectRef,address controller,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
