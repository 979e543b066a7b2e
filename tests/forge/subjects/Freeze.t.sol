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
            vm.assertEq(subjects.guardianNonceOf(ref), FIRST_GUARDIAN_NONCE + (i < 2 ? 0 : i - 1));
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
            _expectInvalidSignature(ref, alice.account);
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
        SubjectFreeze memory freeze = SubjectFreeze(unclaimed, address(0), true, 0, NOW);
        _expectNotGuardian(unclaimed, address(0));
        subjects.freeze(freeze, "");
        // Nobody's account is no controller, not even for a call in its name.
        vm.prank(address(0));
        _expectNotGuardian(unclaimed, address(0));
        subjects.freeze(freeze, "");
        freeze.by = alice.account;
        vm.prank(alice.account);
        _expectNotGuardian(unclaimed, alice.account);
        subjects.freeze(freeze, "");
    }

    /// Nobody else's word counts, though signed by who it names: nobody's at all where there is no guardian.
    function test_freeze__by_neither_controller_nor_guardian__is_refused() public {
        _appoint(ref, alice, guardian.account);
        Actor[3] memory others = [carol, stranger, hospital.principal];
        for (uint256 i = 0; i < others.length; ++i) {
            uint64[2] memory nonces = [_nonce(ref), subjects.guardianNonceOf(ref)];
            for (uint256 j = 0; j < 2; ++j) {
                SubjectFreeze memory freeze = SubjectFreeze(ref, others[i].account, true, nonces[j], NOW);
                bytes memory signature = _signed(others[i], _hash(freeze));
                _expectNotGuardian(ref, others[i].account);
                subjects.freeze(freeze, signature);
            }
        }
        _appoint(ref, alice, address(0));
        SubjectFreeze memory nobodys = SubjectFreeze(ref, address(0), true, subjects.guardianNonceOf(ref), NOW);
        vm.prank(address(0));
        _expectNotGuardian(ref, address(0));
        subjects.freeze(nobodys, "");
    }

    /// The controller who is guardian as well counts as the controller.
    function test_freeze__by_one_who_is_both__spends_the_controllers_nonce() public {
        _appoint(ref, alice, alice.account);
        uint64 nonce = _nonce(ref);
        _freeze(ref, alice, true);
        vm.assertEq(_nonce(ref), nonce + 1);
        vm.assertEq(subjects.guardianNonceOf(ref), FIRST_GUARDIAN_NONCE);
    }

    /// A guardian's word has its own nonce, and is held to it and to its deadline as the controller's is.
    function test_freeze__guardians_nonce_or_deadline_wrong__is_refused() public {
        _appoint(ref, alice, guardian.account);
        uint64 expected = FIRST_GUARDIAN_NONCE;
        uint64[4] memory wrong = [_nonce(ref), 0, expected - 1, expected + 1];
        for (uint256 i = 0; i < wrong.length; ++i) {
            SubjectFreeze memory ahead = SubjectFreeze(ref, guardian.account, true, wrong[i], NOW + 1 hours);
            bytes memory signed = _signed(guardian, _hash(ahead));
            _expectNonce(ref, wrong[i], expected);
            subjects.freeze(ahead, signed);
        }

        SubjectFreeze memory freeze = _freezeOf(ref, guardian, true);
        bytes memory signature = _signed(guardian, _hash(freeze));
        _skip(1 hours + 1);
        _expectDeadline(freeze.deadline, freeze.deadline + 1);
        subjects.freeze(freeze, signature);
        vm.warp(freeze.deadline);
        subjects.freeze(freeze, signature);
        _expectNonce(ref, expected, expected + 1);
        subjects.freeze(freeze, signature);
    }

    /// Who comes after a guardian goes on counting: what the first one signed is spent for the second.
    function test_freeze__another_guardian__goes_on_counting() public {
        _appoint(ref, alice, guardian.account);
        _freeze(ref, guardian, true);
        _appoint(ref, alice, carol.account);
        vm.assertEq(subjects.guardianNonceOf(ref), FIRST_GUARDIAN_NONCE + 1);
        _freeze(ref, carol, false);
        vm.assertEq(subjects.guardianNonceOf(ref), FIRST_GUARDIAN_NONCE + 2);
    }

    function _freezeOf(bytes32 which, bool frozen) private view returns (SubjectFreeze memory) {
        return _freezeOf(which, alice, frozen);
    }

    function _freezeOf(bytes32 which, Actor memory by, bool frozen) private view returns (SubjectFreeze memory) {
        return SubjectFreeze(which, by.account, frozen, _freezeNonce(which, by), _time() + 1 hours);
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        SubjectFreeze memory freeze = SubjectFreeze(which, alice.account, true, nonce, deadline);
        bytes memory signature = _signed(alice, _hash(freeze));
        expect();
        subjects.freeze(freeze, signature);
    }

    function _expectNotGuardian(bytes32 which, address by) private {
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryNotGuardian.selector, which, by));
    }

    function _hash(SubjectFreeze memory value) private pure returns (bytes32) {
        bytes32 typeHash =
            keccak256("SubjectFreeze(bytes32 subjectRef,address by,bool frozen,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
