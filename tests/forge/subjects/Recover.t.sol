// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Rotation} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Wallet} from "../base/Forgeries.sol";
import {NonceTest} from "./SubjectTest.sol";

/// @notice recover: how a recovery starts.
contract RecoverTest is NonceTest {
    function test_recover__by_source_or_council__waits_for_a_veto() public {
        address[3] memory callers = [hospital.principal.account, hospital.second.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            uint256 before = vm.snapshotState();
            Subject memory expected = subjects.subject(ref);
            Rotation memory rotation = _rotation(ref, bob);
            bytes memory signature = _signed(bob, _hash(rotation));
            _watch(ref);
            vm.prank(callers[i]);
            subjects.recover(rotation, signature);
            Vm.Log[] memory told = _told();

            emit ISubjectRegistry.RecoveryStarted(ref, bob.account, false, NOW + RECOVERY_DELAY);
            _entry(ref, 23, 0, _word(bob.account));
            _assertTold(told);
            _assertChains();
            expected.nonce = 1;
            _assertSubject(ref, expected);
            _assertPending(ref, bob.account, NOW + RECOVERY_DELAY, false, i == 2);
            vm.revertToState(before);
        }
    }

    function test_recover__by_anybody_else__is_refused() public {
        Rotation memory rotation = _rotation(ref, bob);
        bytes memory signature = _signed(bob, _hash(rotation));
        address[5] memory callers =
            [stranger.account, bob.account, alice.account, clinic.principal.account, members[0].account];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectNotSource(hospital.id, callers[i]);
            subjects.recover(rotation, signature);
        }
    }

    function test_recover__unclaimed__is_refused() public {
        bytes32 unclaimed = _registered("new");
        Rotation memory rotation = _rotation(unclaimed, bob);
        bytes memory signature = _signed(bob, _hash(rotation));
        vm.prank(hospital.principal.account);
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryUnclaimed.selector, unclaimed));
        subjects.recover(rotation, signature);
    }

    function test_recover__to_the_same__is_refused() public {
        Rotation memory rotation = _rotation(ref, alice);
        bytes memory signature = _signed(alice, _hash(rotation));
        vm.prank(hospital.principal.account);
        _expectUnchanged(ref);
        subjects.recover(rotation, signature);
    }

    function test_recover__while_a_change_is_pending__is_refused() public {
        _appointLate(ref, hospital, guardian.account);
        _skip(1);
        Rotation memory rotation = _rotation(ref, bob);
        bytes memory signature = _signed(bob, _hash(rotation));
        vm.prank(hospital.principal.account);
        _expectPending(ref, NOW + RECOVERY_DELAY);
        subjects.recover(rotation, signature);
        // Ready but not completed is still pending.
        _skip(RECOVERY_DELAY);
        rotation = _rotation(ref, bob);
        signature = _signed(bob, _hash(rotation));
        vm.prank(hospital.principal.account);
        _expectPending(ref, NOW + RECOVERY_DELAY);
        subjects.recover(rotation, signature);
    }

    /// What a source has begun the Council may end, and begin its own: a source that was stopped would block it for ever.
    function test_recover__by_council_while_the_sources_is_pending__takes_its_place() public {
        Rotation memory first = _rotation(ref, bob);
        bytes memory signature = _signed(bob, _hash(first));
        vm.prank(hospital.principal.account);
        subjects.recover(first, signature);
        _skip(365 days);
        Rotation memory second = _rotation(ref, carol);
        signature = _signed(carol, _hash(second));
        _watch(ref);
        vm.prank(address(council));
        subjects.recover(second, signature);
        Vm.Log[] memory told = _told();

        uint64 readyAt = NOW + 365 days + RECOVERY_DELAY;
        emit ISubjectRegistry.RecoveryVetoed(ref, bob.account);
        _entry(ref, 25, 0, _word(bob.account));
        emit ISubjectRegistry.RecoveryStarted(ref, carol.account, false, readyAt);
        _entry(ref, 23, 0, _word(carol.account));
        _assertTold(told);
        _assertChains();
        _assertPending(ref, carol.account, readyAt, false, true);
    }

    function test_recover__by_council_while_its_own_is_pending__is_refused() public {
        Rotation memory rotation = _rotation(ref, bob);
        bytes memory signature = _signed(bob, _hash(rotation));
        vm.prank(address(council));
        subjects.recover(rotation, signature);
        rotation = _rotation(ref, carol);
        signature = _signed(carol, _hash(rotation));
        vm.prank(address(council));
        _expectPending(ref, NOW + RECOVERY_DELAY);
        subjects.recover(rotation, signature);
    }

    function test_recover__forged_signature__is_refused() public {
        Rotation memory rotation = _rotation(ref, bob);
        bytes[] memory forged = _forgeries(bob, _hash(rotation));
        for (uint256 i = 0; i < forged.length; ++i) {
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(ref, bob.account);
            subjects.recover(rotation, forged[i]);
        }
    }

    function test_recover__empty_signature__stands_for_the_sender_only() public {
        Rotation memory rotation = _rotation(ref, bob);
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(ref, bob.account);
        subjects.recover(rotation, "");
        rotation.controller = hospital.principal.account;
        vm.prank(hospital.principal.account);
        subjects.recover(rotation, "");
        _assertPending(ref, hospital.principal.account, NOW + RECOVERY_DELAY, false, false);
    }

    function test_recover__to_nobody__is_refused() public {
        Rotation memory rotation = _rotation(ref, bob);
        rotation.controller = address(0);
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(ref, address(0));
        subjects.recover(rotation, "");
    }

    function test_recover__to_a_contract_account__by_its_owners_signature() public {
        address wallet = address(new Wallet(bob.account));
        Rotation memory rotation = _rotation(ref, bob);
        rotation.controller = wallet;
        bytes memory signature = _signed(bob, _hash(rotation));
        vm.prank(hospital.principal.account);
        subjects.recover(rotation, signature);
        _assertPending(ref, wallet, NOW + RECOVERY_DELAY, false, false);
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        Rotation memory rotation = Rotation(which, bob.account, nonce, deadline);
        bytes memory signature = _signed(bob, _hash(rotation));
        vm.prank(hospital.principal.account);
        expect();
        subjects.recover(rotation, signature);
    }

    function _hash(Rotation memory value) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("Rotation(bytes32 subjectRef,address controller,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
