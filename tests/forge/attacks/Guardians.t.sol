// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessGateway, Refusal} from "../../../contracts/interfaces/IAccessGateway.sol";
import {ISubjectRegistry} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Appointment, Rotation, SubjectFreeze, Veto} from "../../../contracts/types/Subject.sol";
import {vm} from "../Vm.sol";
import {sign} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";
import {Words} from "../base/Words.sol";
import {Bomb, Burner} from "./Wallets.sol";

/// @notice A guardian opens and freezes for the patient: what the patient's wallet does in between can't stop it, and the
/// guardian's word goes no further.
contract GuardianAttacks is Base {
    /// What a block holds.
    uint256 private constant BLOCK_GAS = 30_000_000;
    bytes32 private _ref;

    function setUp() public override {
        super.setUp();
        _ref = _bind(hospital, "alice", alice);
        _appoint(_ref, alice, guardian.account);
    }

    /// An own access asks the controller's wallet first: whatever it burns, a 64th of the gas is left to hear the guardian. A
    /// freeze names who signs, and asks nobody else.
    function test_guardian__behind_a_wallet_that_burns_or_bombs__is_heard() public {
        bytes[2] memory wallets = [address(new Burner()).code, address(new Bomb()).code];
        for (uint256 i = 0; i < wallets.length; ++i) {
            uint256 before = vm.snapshotState();
            vm.etch(alice.account, wallets[i]);
            Access memory access = _ownAccess(_ref);
            bytes memory signature = sign(guardian, _idOf(access));
            (, uint16 code) = gateway.requestOwn{gas: BLOCK_GAS}(Words.pack(access), signature);
            vm.assertEq(code, Codes.GRANTED);

            SubjectFreeze memory freeze =
                SubjectFreeze(_ref, guardian.account, true, FIRST_GUARDIAN_NONCE, _time() + 1 hours);
            signature = sign(guardian, _digestOf(freeze));
            subjects.freeze{gas: BLOCK_GAS}(freeze, signature);
            vm.assertTrue(subjects.isFrozen(_ref));
            vm.revertToState(before);
        }
    }

    /// The other way round: a guardian's wallet that says yes to everything takes no word of the controller's for its own.
    function test_controller__beside_a_guardian_that_agrees_to_all__is_heard() public {
        vm.etch(guardian.account, address(new Bomb()).code);
        _freeze(_ref, alice, true);
        vm.assertEq(subjects.guardianNonceOf(_ref), FIRST_GUARDIAN_NONCE);
        _freeze(_ref, alice, false);
        vm.assertEq(subjects.subject(_ref).nonce, 3);
    }

    /// A wallet that agrees to everything agrees to no message that names another account.
    function test_freeze__by_one_named_as_the_other__is_refused() public {
        SubjectFreeze memory byAlice = SubjectFreeze(_ref, alice.account, true, 1, _time() + 1 hours);
        SubjectFreeze memory byGuardian =
            SubjectFreeze(_ref, guardian.account, true, FIRST_GUARDIAN_NONCE, _time() + 1 hours);
        bytes[2] memory signatures = [sign(guardian, _digestOf(byAlice)), sign(alice, _digestOf(byGuardian))];
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.freeze(byAlice, signatures[0]);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.freeze(byGuardian, signatures[1]);
    }

    /// A guardian who becomes the controller: what it signed as the one was spent as the one, and is no word of the other,
    /// whatever the controller's count has come to.
    function test_freeze__sent_again_when_the_guardian_is_controller__is_refused() public {
        SubjectFreeze memory freeze =
            SubjectFreeze(_ref, guardian.account, true, FIRST_GUARDIAN_NONCE, _time() + 30 days);
        bytes memory signature = sign(guardian, _digestOf(freeze));
        subjects.freeze(freeze, signature);
        _freeze(_ref, alice, false);
        _rotate(_ref, alice, guardian);
        uint64 count = subjects.subject(_ref).nonce;
        vm.expectRevert(
            abi.encodeWithSelector(
                ISubjectRegistry.SubjectRegistryWrongNonce.selector, _ref, FIRST_GUARDIAN_NONCE, count
            )
        );
        subjects.freeze(freeze, signature);
    }

    /// And a controller who becomes the guardian of whoever comes next.
    function test_freeze__sent_again_when_the_controller_is_guardian__is_refused() public {
        SubjectFreeze memory freeze =
            SubjectFreeze(_ref, alice.account, true, subjects.subject(_ref).nonce, _time() + 30 days);
        bytes memory signature = sign(alice, _digestOf(freeze));
        subjects.freeze(freeze, signature);
        _rotate(_ref, alice, carol);
        _appoint(_ref, carol, alice.account);
        _freeze(_ref, carol, false);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryWrongNonce.selector);
        subjects.freeze(freeze, signature);
    }

    /// One message, two verbs: the guardian as the new account of a rotation is no present controller.
    function test_guardian__as_the_new_account__rotates_or_vetoes_nothing() public {
        Rotation memory rotation = _rotation(_ref, guardian);
        bytes memory signature = sign(guardian, _digestOf(rotation));
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.rotate(rotation, [signature, signature]);

        _recover(_ref, hospital, guardian);
        Veto memory veto = Veto(_ref, subjects.subject(_ref).nonce, _time() + 1 hours);
        signature = sign(guardian, _digestOf(veto));
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.veto(veto, signature);
    }

    /// A guardian of one reference opens none that is merged with it.
    function test_guardian__of_a_merged_reference__opens_only_its_own() public {
        bytes32 other = _bind(hospital, "bob", bob);
        _link(hospital, _ref, other, alice, bob);
        (, uint16 code) = _requestOwn(guardian, _ownAccess(_ref));
        vm.assertEq(code, Codes.GRANTED);

        Access memory access = _ownAccess(other);
        bytes memory refusal =
            abi.encodeWithSelector(IAccessGateway.AccessGatewayRefused.selector, _idOf(access), Refusal.NOT_CONTROLLER);
        bytes memory signature = sign(guardian, _idOf(access));
        vm.expectRevert(refusal);
        gateway.requestOwn(Words.pack(access), signature);
        signature = sign(alice, _idOf(access));
        vm.expectRevert(refusal);
        gateway.requestOwn(Words.pack(access), signature);
    }

    /// Signed while it was guardian, sent when it no longer is.
    function test_guardian__dismissed_in_between__freezes_nothing() public {
        SubjectFreeze memory freeze =
            SubjectFreeze(_ref, guardian.account, true, FIRST_GUARDIAN_NONCE, _time() + 1 hours);
        bytes memory signature = sign(guardian, _digestOf(freeze));
        _appoint(_ref, alice, address(0));

        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNotGuardian.selector);
        subjects.freeze(freeze, signature);
    }

    /// Its own nonce is all that it can spend: it goes first as often as it likes and is dismissed all the same.
    function test_guardian__toggles_in_front__is_removed_all_the_same() public {
        Appointment memory dismissal = _appointment(_ref, address(0));
        bytes memory signature = sign(alice, _digestOf(dismissal));
        for (uint256 i = 0; i < 20; ++i) {
            _freeze(_ref, guardian, i % 2 == 0);
        }
        vm.prank(relayer.account);
        subjects.appoint(dismissal, signature);
        vm.assertEq(subjects.subject(_ref).guardian, address(0));
        SubjectFreeze memory freeze =
            SubjectFreeze(_ref, guardian.account, true, FIRST_GUARDIAN_NONCE + 20, _time() + 1 hours);
        signature = sign(guardian, _digestOf(freeze));
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNotGuardian.selector);
        subjects.freeze(freeze, signature);
    }

    function test_guardian__toggles_in_front__a_recovery_is_vetoed_all_the_same() public {
        _recover(_ref, hospital, stranger);
        Veto memory veto = Veto(_ref, subjects.subject(_ref).nonce, _time() + 1 hours);
        bytes memory signature = sign(alice, _digestOf(veto));
        for (uint256 i = 0; i < 20; ++i) {
            _freeze(_ref, guardian, i % 2 == 0);
        }
        vm.prank(relayer.account);
        subjects.veto(veto, signature);
        vm.assertEq(subjects.pendingChange(_ref).readyAt, 0);
    }

    /// Whoever had the lost key appointed a friend; what the friend has signed is worth nothing after the recovery.
    function test_guardian__of_the_key_that_was_recovered__opens_and_freezes_nothing() public {
        _recover(_ref, hospital, carol);
        _skip(RECOVERY_DELAY);
        subjects.complete(_ref);

        Access memory access = _ownAccess(_ref);
        bytes memory signature = sign(guardian, _idOf(access));
        vm.expectRevert(
            abi.encodeWithSelector(IAccessGateway.AccessGatewayRefused.selector, _idOf(access), Refusal.NOT_CONTROLLER)
        );
        gateway.requestOwn(Words.pack(access), signature);
        SubjectFreeze memory freeze =
            SubjectFreeze(_ref, guardian.account, true, FIRST_GUARDIAN_NONCE, _time() + 1 hours);
        signature = sign(guardian, _digestOf(freeze));
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNotGuardian.selector);
        subjects.freeze(freeze, signature);
    }
}
