// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {SubjectFreeze} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {NonceTest} from "./SubjectTest.sol";

contract FreezeTest is NonceTest {
    function test_freeze__by_controller_or_guardian__freezes_and_unfreezes() public {
        _appoint(ref, alice, guardian.account);
        Actor[2] memory signers = [alice, guardian];
        Subject memory expected = subjects.subject(ref);
        for (uint256 i = 0; i < 4; ++i) {
            Actor memory by = signers[i / 2];
            bool frozen = i % 2 == 0;
            SubjectFreeze memory freeze = _freezeOf(ref, by, frozen);
            bytes memory signature = _signed(by, _hash(freeze));
            _watch(ref);
            vm.prank(relayer.account);
            subjects.freeze(freeze, signature);
            Vm.Log[] memory told = _told();

            if (frozen) emit ISubjectRegistry.SubjectFrozen(ref, by.account);
            else emit ISubjectRegistry.SubjectUnfrozen(ref, by.account);
            _entry(ref, frozen ? 26 : 27, 0, _word(by.account));
            _assertTold(told);
            _assertChains();
            expected.frozen = frozen;
            if (i < 2) ++expected.nonce;
            _assertSubject(ref, expected);
            vm.assertEq(subjects.guardianNonceOf(ref), i < 2 ? 0 : i - 1);
            vm.assertEq(subjects.isFrozen(ref) ? 1 : 0, frozen ? 1 : 0);
        }
    }

    function test_freeze__as_it_is__is_refused() public {
        SubjectFreeze memory freeze = _freezeOf(ref, false);
        bytes memory signature = _signed(alice, _hash(freeze));
        _expectUnchanged(ref);
        subjects.freeze(freeze, signature);
        _freeze(ref, alice, true);
        freeze = _freezeOf(ref, true);
        signature = _signed(alice, _hash(freeze));
        _expectUnchanged(ref);
        subjects.freeze(freeze, signature);
    }

    function test_freeze__forged_signature__is_refused() public {
        SubjectFreeze memory freeze = _freezeOf(ref, true);
        bytes[] memory forged = _forgeries(alice, _hash(freeze));
        for (uint256 i = 0; i < forged.length; ++i) {
            _expectInvalidSignature(ref, address(0));
            subjects.freeze(freeze, forged[i]);
        }
    }

    function test_freeze__guardians_signature_forged__is_refused() public {
        _appoint(ref, alice, guardian.account);
        SubjectFreeze memory freeze = _freezeOf(ref, guardian, true);
        bytes[] memory forged = _forgeries(guardian, _hash(freeze));
        for (uint256 i = 0; i < forged.length; ++i) {
            _expectInvalidSignature(ref, guardian.account);
            subjects.freeze(freeze, forged[i]);
        }
    }

    function test_freeze__empty_signature__stands_for_the_sender_only() public {
        _appoint(ref, alice, guardian.account);
        SubjectFreeze memory freeze = _freezeOf(ref, guardian, true);
        address[3] memory callers = [stranger.account, hospital.principal.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectInvalidSignature(ref, guardian.account);
            subjects.freeze(freeze, "");
        }
        vm.prank(guardian.account);
        subjects.freeze(freeze, "");
        freeze = _freezeOf(ref, false);
        vm.prank(alice.account);
        subjects.freeze(freeze, "");
        vm.assertFalse(subjects.isFrozen(ref));
    }

    function test_freeze__contract_accounts__by_their_owners_signatures() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(bob.account)), bob.key);
        Actor memory ward = Actor("Guardian's wallet", address(new Wallet(carol.account)), carol.key);
        _rotate(ref, alice, wallet);
        _appoint(ref, wallet, ward.account);
        _freeze(ref, wallet, true);
        _freeze(ref, ward, false);
        vm.assertFalse(subjects.isFrozen(ref));
    }

    function test_freeze__unclaimed_without_guardian__is_refused() public {
        bytes32 unclaimed = _registered("new");
        SubjectFreeze memory freeze = _freezeOf(unclaimed, true);
        _expectInvalidSignature(unclaimed, address(0));
        subjects.freeze(freeze, "");
        // Nobody's account is no controller, not even for a call in its name.
        vm.prank(address(0));
        _expectInvalidSignature(unclaimed, address(0));
        subjects.freeze(freeze, "");
    }

    /// A guardian's word has its own nonce, and is held to it and to its deadline as the controller's is.
    function test_freeze__guardians_nonce_or_deadline_wrong__is_refused() public {
        _appoint(ref, alice, guardian.account);
        SubjectFreeze memory freeze = _freezeOf(ref, true);
        bytes memory signature = _signed(guardian, _hash(freeze));
        _expectNonce(ref, 1, 0);
        subjects.freeze(freeze, signature);

        freeze = _freezeOf(ref, guardian, true);
        signature = _signed(guardian, _hash(freeze));
        _skip(1 hours + 1);
        _expectDeadline(freeze.deadline, freeze.deadline + 1);
        subjects.freeze(freeze, signature);
        vm.warp(freeze.deadline);
        subjects.freeze(freeze, signature);
        _expectNonce(ref, 0, 1);
        subjects.freeze(freeze, signature);
    }

    /// Who comes after a guardian goes on counting: what the first one signed is spent for the second.
    function test_freeze__another_guardian__goes_on_counting() public {
        _appoint(ref, alice, guardian.account);
        _freeze(ref, guardian, true);
        _appoint(ref, alice, carol.account);
        vm.assertEq(subjects.guardianNonceOf(ref), 1);
        _freeze(ref, carol, false);
        vm.assertEq(subjects.guardianNonceOf(ref), 2);
    }

    function _freezeOf(bytes32 which, bool frozen) private view returns (SubjectFreeze memory) {
        return _freezeOf(which, alice, frozen);
    }

    function _freezeOf(bytes32 which, Actor memory by, bool frozen) private view returns (SubjectFreeze memory) {
        return SubjectFreeze(which, frozen, _freezeNonce(which, by), _time() + 1 hours);
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        SubjectFreeze memory freeze = SubjectFreeze(which, true, nonce, deadline);
        bytes memory signature = _signed(alice, _hash(freeze));
        expect();
        subjects.freeze(freeze, signature);
    }

    function _hash(SubjectFreeze memory value) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("SubjectFreeze(bytes32 subjectRef,bool frozen,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
