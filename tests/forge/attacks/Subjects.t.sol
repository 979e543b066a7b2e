// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordRegistry} from "../../../contracts/interfaces/IRecordRegistry.sol";
import {ISubjectRegistry} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Destruction} from "../../../contracts/types/Record.sol";
import {
    Appointment,
    Binding,
    Rotation,
    SubjectFreeze,
    SubjectLink,
    SubjectUnlink,
    Veto
} from "../../../contracts/types/Subject.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution, sign} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";

/// @notice Control of a subject: by its patient, or after a delay that the patient can use; never without a trace.
contract SubjectAttacks is Base {
    bytes32 private _ref;

    function setUp() public override {
        super.setUp();
        _ref = _bind(hospital, "alice", alice);
    }

    /* FIRST CLAIM */

    /// Who sees a binding in flight learns the seed, and can do nothing with it.
    function test_bind__front_run_by_another_source__is_refused() public {
        bytes32 ref = _refOf(hospital, "bob");
        Binding memory binding = Binding(ref, clinic.id, stranger.account, _time() + 1 hours);
        bytes memory signature = sign(stranger, _digestOf(binding));
        vm.prank(clinic.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryWrongSeed.selector);
        subjects.bind(binding, _seedOf("bob"), signature);

        binding.sourceId = hospital.id;
        signature = sign(stranger, _digestOf(binding));
        vm.prank(clinic.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNotSource.selector);
        subjects.bind(binding, _seedOf("bob"), signature);
    }

    /// The source can't give a subject to an account that has not agreed, nor anybody to the zero account.
    function test_bind__without_the_accounts_signature__is_refused() public {
        bytes32 ref = _refOf(hospital, "bob");
        Binding memory binding = Binding(ref, hospital.id, bob.account, _time() + 1 hours);
        bytes memory signature = sign(stranger, _digestOf(binding));
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.bind(binding, _seedOf("bob"), signature);

        binding.controller = address(0);
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.bind(binding, _seedOf("bob"), signature);
    }

    /* GUARDIAN */

    /// Every way to a guardian leaves an entry on the subject's chain.
    function test_appoint__by_controller_or_after_the_delay__leaves_a_trace() public {
        uint48 before = _count(_ref);
        _appoint(_ref, alice, guardian.account);
        vm.assertEq(_count(_ref), before + 1);
        _appointLate(_ref, hospital, bob.account);
        vm.assertEq(_count(_ref), before + 2);
        _skip(RECOVERY_DELAY);
        subjects.complete(_ref);
        vm.assertEq(_count(_ref), before + 3);
        vm.assertEq(subjects.subject(_ref).guardian, bob.account);
    }

    function test_appoint__by_source__waits_and_can_be_vetoed() public {
        _appointLate(_ref, hospital, stranger.account);
        _skip(RECOVERY_DELAY - 1);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryTooEarly.selector);
        subjects.complete(_ref);

        _veto(_ref, alice);
        _skip(1);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNothingPending.selector);
        subjects.complete(_ref);
        vm.assertEq(subjects.subject(_ref).guardian, address(0));
    }

    function test_appoint__by_another_source_or_a_stranger__is_refused() public {
        Appointment memory appointment = _appointment(_ref, stranger.account);
        address[3] memory callers = [clinic.principal.account, stranger.account, regulator.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNotSource.selector);
            subjects.appoint(appointment, "");
        }
    }

    /// A guardian can open and freeze, and nothing else.
    function test_guardian__takes_control__is_refused() public {
        _appoint(_ref, alice, guardian.account);
        Rotation memory rotation = _rotation(_ref, guardian);
        bytes memory signature = sign(guardian, _digestOf(rotation));
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.rotate(rotation, [signature, signature]);

        Appointment memory appointment = _appointment(_ref, address(0));
        signature = sign(guardian, _digestOf(appointment));
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.appoint(appointment, signature);
    }

    /* RECOVERY */

    function test_recover__vetoed__leaves_control() public {
        _recover(_ref, hospital, bob);
        _skip(RECOVERY_DELAY);
        _veto(_ref, alice);

        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNothingPending.selector);
        subjects.complete(_ref);
        vm.assertEq(subjects.controllerOf(_ref), alice.account);
    }

    /// Rotating away ends a recovery in its delay: the thief who started it does not win by waiting.
    function test_recover__controller_rotates__recovery_ends() public {
        _recover(_ref, hospital, bob);
        _rotate(_ref, alice, carol);
        _skip(RECOVERY_DELAY);

        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNothingPending.selector);
        subjects.complete(_ref);
    }

    function test_recover__by_another_source__is_refused() public {
        Rotation memory rotation = _rotation(_ref, bob);
        bytes memory signature = sign(bob, _digestOf(rotation));
        vm.prank(clinic.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNotSource.selector);
        subjects.recover(rotation, signature);
    }

    function test_recover__second_one_in_the_delay__is_refused() public {
        _recover(_ref, hospital, bob);
        Rotation memory rotation = _rotation(_ref, carol);
        bytes memory signature = sign(carol, _digestOf(rotation));
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryChangePending.selector);
        subjects.recover(rotation, signature);
    }

    /// Only the present controller stops it: neither the former one nor the guardian nor the one to come.
    function test_veto__by_others__is_refused() public {
        _appoint(_ref, alice, guardian.account);
        _rotate(_ref, alice, carol);
        _recover(_ref, hospital, bob);
        Actor[3] memory others = [alice, guardian, bob];
        Veto memory veto = Veto(_ref, subjects.subject(_ref).nonce, _time() + 1 hours);
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory signature = sign(others[i], _digestOf(veto));
            vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
            subjects.veto(veto, signature);
        }
    }

    /// A veto is for the change it was signed against, not for a later one.
    function test_veto__kept_for_a_later_change__is_refused() public {
        _recover(_ref, hospital, bob);
        Veto memory veto = Veto(_ref, subjects.subject(_ref).nonce, _time() + 30 days);
        bytes memory signature = sign(alice, _digestOf(veto));
        _veto(_ref, alice);
        _appointLate(_ref, hospital, guardian.account);

        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryWrongNonce.selector);
        subjects.veto(veto, signature);
    }

    /* LINKS */

    function test_link__without_both_controllers__is_refused() public {
        bytes32 other = _bind(hospital, "bob", bob);
        SubjectLink memory linkage = _linkage(_ref, other);
        bytes memory byAlice = sign(alice, _digestOf(linkage));
        bytes memory byBob = sign(bob, _digestOf(linkage));
        bytes[2][3] memory wrong = [[byAlice, bytes("")], [bytes(""), byBob], [byBob, byAlice]];
        bytes32[2] memory seeds;
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.prank(hospital.principal.account);
            vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
            subjects.link(linkage, seeds, wrong[i]);
        }
    }

    function test_link__across_sources__is_refused() public {
        bytes32 other = _bind(clinic, "alice", alice);
        SubjectLink memory linkage = _linkage(_ref, other);
        bytes memory signature = sign(alice, _digestOf(linkage));
        bytes32[2] memory seeds;
        Institution[2] memory sources = [hospital, clinic];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(sources[i].principal.account);
            vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNotSource.selector);
            subjects.link(linkage, seeds, [signature, signature]);
        }
    }

    /// One hop, no circle, no self.
    function test_link__chain_circle_or_self__is_refused() public {
        bytes32 b = _bind(hospital, "b", alice);
        bytes32 c = _bind(hospital, "c", alice);
        _link(hospital, _ref, b, alice, alice);
        bytes32[2][4] memory wrong = [[_ref, c], [b, c], [c, _ref], [c, c]];
        bytes32[2] memory seeds;
        for (uint256 i = 0; i < wrong.length; ++i) {
            SubjectLink memory linkage = _linkage(wrong[i][0], wrong[i][1]);
            bytes memory signature = sign(alice, _digestOf(linkage));
            vm.prank(hospital.principal.account);
            vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidLink.selector);
            subjects.link(linkage, seeds, [signature, signature]);
        }
    }

    /// The walk over a group is bounded: the ninth merge is refused, and the reads of a full group stay cheap.
    function test_link__ninth_merge__is_refused() public {
        bytes32 survivor = _ref;
        for (uint256 i = 0; i < 8; ++i) {
            _link(hospital, _bind(hospital, string(abi.encode(i)), alice), survivor, alice, alice);
        }
        bytes32 ninth = _bind(hospital, "ninth", alice);
        SubjectLink memory linkage = _linkage(ninth, survivor);
        bytes memory signature = sign(alice, _digestOf(linkage));
        bytes32[2] memory seeds;
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryTooManyLinks.selector);
        subjects.link(linkage, seeds, [signature, signature]);

        uint256 before = gasleft();
        subjects.isFrozen(survivor);
        subjects.denialOf(survivor, clinic.id);
        vm.assertTrue(before - gasleft() < 100_000);
    }

    /// An unlink signed once is not good for a later link.
    function test_unlink__sent_twice__is_refused() public {
        bytes32 other = _bind(hospital, "other", alice);
        _link(hospital, _ref, other, alice, alice);
        SubjectUnlink memory parting = _parting(_ref, _ref);
        bytes memory signature = sign(alice, _digestOf(parting));
        vm.prank(hospital.principal.account);
        subjects.unlink(parting, signature);
        _link(hospital, _ref, other, alice, alice);

        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryWrongNonce.selector);
        subjects.unlink(parting, signature);
    }

    /// One account that controls both sides: a signature for the one side is none for the other, though both counts are equal
    /// when they are merged again.
    function test_unlink__sent_again_for_the_other_side__is_refused() public {
        bytes32 other = _bind(hospital, "other", alice);
        _link(hospital, _ref, other, alice, alice);
        bytes32[2] memory sides = [_ref, other];
        for (uint256 i = 0; i < 2; ++i) {
            uint256 before = vm.snapshotState();
            // So that the other side's count is the same when the merge has been repeated: the merged one's has gone on by then.
            _retain(other, alice, 3);
            if (i == 1) _retain(other, alice, 4);
            SubjectUnlink memory parting = _parting(_ref, sides[i]);
            bytes memory signature = sign(alice, _digestOf(parting));
            vm.prank(hospital.principal.account);
            subjects.unlink(parting, signature);
            _link(hospital, _ref, other, alice, alice);

            vm.prank(hospital.principal.account);
            vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryWrongNonce.selector);
            subjects.unlink(parting, signature);
            parting.by = sides[1 - i];
            vm.assertEq(parting.nonce, subjects.subject(parting.by).nonce);
            vm.prank(hospital.principal.account);
            vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
            subjects.unlink(parting, signature);
            vm.revertToState(before);
        }
    }

    /// The controller of the merged reference goes first with all it has: the survivor's own count is not its to spend.
    function test_unlink__merged_sides_nonce_spent_in_front__the_survivor_leaves() public {
        bytes32 other = _mergedUnclaimed();
        _bind(hospital, "unclaimed", stranger);
        SubjectUnlink memory parting = _parting(other, _ref);
        bytes memory signature = sign(alice, _digestOf(parting));
        _freeze(other, stranger, true);
        _freeze(other, stranger, false);

        vm.prank(hospital.principal.account);
        subjects.unlink(parting, signature);
        vm.assertEq(subjects.survivorOf(other), other);
    }

    /// The source alone chooses the side that nobody has claimed: the patient who was merged stays.
    function test_unlink__by_the_source_for_an_unclaimed_survivor__is_refused() public {
        bytes32 survivor = _refOf(hospital, "unclaimed");
        SubjectLink memory linkage = _linkage(_ref, survivor);
        bytes[2] memory signatures = [sign(alice, _digestOf(linkage)), bytes("")];
        bytes32[2] memory seeds = [bytes32(0), _seedOf("unclaimed")];
        vm.prank(hospital.principal.account);
        subjects.link(linkage, seeds, signatures);

        SubjectUnlink memory parting = _parting(_ref, survivor);
        vm.prank(hospital.principal.account);
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryUnclaimed.selector, survivor));
        subjects.unlink(parting, "");
        _unlink(hospital, _ref, alice);
    }

    /// A hold of one is a hold of both: separating them first does not free a record to be destroyed.
    function test_unlink__under_legal_hold__keeps_the_record() public {
        bytes32 other = _bind(hospital, "alice again", alice);
        _link(hospital, other, _ref, alice, alice);
        vm.prank(regulator.principal.account);
        subjects.hold(_ref, true);
        SubjectUnlink memory parting = _parting(other, other);
        bytes memory signature = sign(alice, _digestOf(parting));
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryHeld.selector);
        subjects.unlink(parting, signature);

        Destruction memory destruction = _destruction(hospital, "record", other);
        signature = sign(alice, _digestOf(destruction));
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryHeld.selector);
        records.order(destruction, signature);
    }

    /// The same by the source alone, with a reference that nobody has claimed.
    function test_unlink__unclaimed_under_legal_hold__stays_held() public {
        bytes32 other = _mergedUnclaimed();
        vm.prank(regulator.principal.account);
        subjects.hold(other, true);
        SubjectUnlink memory parting = _parting(other, other);
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryHeld.selector);
        subjects.unlink(parting, "");
        vm.assertTrue(subjects.isHeld(_ref));
    }

    /// A stranger who was bound to a reference merged with hers freezes hers too, until she leaves it.
    function test_bind__merged_reference_to_a_stranger__the_survivor_leaves() public {
        bytes32 other = _mergedUnclaimed();
        _bind(hospital, "unclaimed", stranger);
        _freeze(other, stranger, true);
        vm.assertTrue(subjects.isFrozen(_ref));

        _unlink(hospital, other, alice);
        vm.assertFalse(subjects.isFrozen(_ref));
        (, uint16 code) = _requestOwn(alice, _ownAccess(_ref));
        vm.assertEq(code, Codes.GRANTED);
    }

    /* UNCHANGED */

    function test_freeze__what_is_frozen__is_refused() public {
        _freeze(_ref, alice, true);
        SubjectFreeze memory freeze = SubjectFreeze(_ref, alice.account, true, 1, _time() + 1 hours);
        bytes memory signature = sign(alice, _digestOf(freeze));
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryUnchanged.selector);
        subjects.freeze(freeze, signature);
    }

    /// @dev A reference nobody has claimed, merged into Alice's.
    function _mergedUnclaimed() private returns (bytes32 other) {
        other = _refOf(hospital, "unclaimed");
        SubjectLink memory linkage = SubjectLink(other, _ref, 0, _time() + 1 hours);
        bytes[2] memory signatures = [bytes(""), sign(alice, _digestOf(linkage))];
        bytes32[2] memory seeds = [_seedOf("unclaimed"), bytes32(0)];
        vm.prank(hospital.principal.account);
        subjects.link(linkage, seeds, signatures);
    }

    function _count(bytes32 key) private view returns (uint48 count) {
        (, count) = log.chainOf(key);
    }
}
