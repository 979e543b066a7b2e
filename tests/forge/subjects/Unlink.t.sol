// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {SubjectLink, SubjectUnlink} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {NonceTest} from "./SubjectTest.sol";

contract UnlinkTest is NonceTest {
    /// Bob at the hospital, into whom Alice was merged by mistake.
    bytes32 internal other;

    function setUp() public override {
        super.setUp();
        other = _bind(hospital, "bob", bob);
        _link(hospital, ref, other, alice, bob);
    }

    function test_unlink__signed_by_the_controller__parts_them() public {
        _freeze(other, bob, true);
        _deny(other, bob, clinic, 2);
        Subject memory expected = subjects.subject(ref);
        Subject memory untouched = subjects.subject(other);
        SubjectUnlink memory parting = _parting(ref, ref);
        bytes memory signature = _signed(alice, _hash(parting));
        _watch(ref, other);
        vm.prank(hospital.second.account);
        subjects.unlink(parting, signature);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.SubjectUnlinked(ref, other);
        _entry(ref, 30, 0, other);
        _entry(other, 30, 0, ref);
        _assertTold(told);
        _assertChains();
        expected.survivor = 0;
        ++expected.nonce;
        _assertSubject(ref, expected);
        _assertSubject(other, untouched);
        vm.assertEq(subjects.survivorOf(ref), ref);
        vm.assertEq(subjects.mergedInto(other).length, 0);
        vm.assertTrue(!subjects.isFrozen(ref) && subjects.isFrozen(other));
        vm.assertTrue(subjects.denialOf(ref, clinic.id) == 0 && subjects.denialOf(other, clinic.id) == 2);
    }

    /// Any one of a group leaves; the others stay.
    function test_unlink__any_place_in_the_group__leaves_the_others() public {
        bytes32[3] memory group = [ref, _bind(hospital, "second", alice), _bind(hospital, "third", alice)];
        _link(hospital, group[1], other, alice, bob);
        _link(hospital, group[2], other, alice, bob);
        bytes32[2][3] memory left = [[group[2], group[1]], [group[0], group[2]], [group[0], group[1]]];
        for (uint256 i = 0; i < 3; ++i) {
            uint256 before = vm.snapshotState();
            _unlink(hospital, group[i], alice);
            bytes32[] memory merged = subjects.mergedInto(other);
            vm.assertEq(merged.length, 2);
            vm.assertEq(merged[0], left[i][0]);
            vm.assertEq(merged[1], left[i][1]);
            vm.revertToState(before);
        }
    }

    function test_unlink__then_link_again__is_merged() public {
        _unlink(hospital, ref, alice);
        _link(hospital, other, ref, bob, alice);
        vm.assertEq(subjects.survivorOf(other), ref);
    }

    /// Whoever was given the other reference by mistake can't keep the survivor's patient, nor spend the nonce she signs with.
    function test_unlink__signed_by_the_survivors_controller__parts_them() public {
        Subject memory untouched = subjects.subject(ref);
        Subject memory expected = subjects.subject(other);
        SubjectUnlink memory parting = _parting(ref, other);
        bytes memory signature = _signed(bob, _hash(parting));
        _retain(ref, alice, 3);
        _watch(ref, other);
        vm.prank(hospital.principal.account);
        subjects.unlink(parting, signature);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.SubjectUnlinked(ref, other);
        _entry(ref, 30, 0, other);
        _entry(other, 30, 0, ref);
        _assertTold(told);
        _assertChains();
        (untouched.survivor, untouched.retentionYears) = (0, 3);
        ++untouched.nonce;
        ++expected.nonce;
        _assertSubject(ref, untouched);
        _assertSubject(other, expected);
        vm.assertEq(subjects.mergedInto(other).length, 0);
    }

    /// A hold of any one of the group holds all of it together.
    function test_unlink__one_of_the_group_held__is_refused() public {
        bytes32 third = _bind(hospital, "third", carol);
        _link(hospital, third, other, carol, bob);
        bytes32[3] memory group = [ref, other, third];
        for (uint256 i = 0; i < group.length; ++i) {
            vm.prank(regulator.principal.account);
            subjects.hold(group[i], true);
            SubjectUnlink memory parting = _parting(ref, i == 1 ? other : ref);
            bytes memory signature = _signed(i == 1 ? bob : alice, _hash(parting));
            vm.prank(hospital.principal.account);
            vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryHeld.selector, ref));
            subjects.unlink(parting, signature);
            vm.prank(regulator.principal.account);
            subjects.hold(group[i], false);
        }
        _unlink(hospital, ref, alice);
        vm.assertEq(subjects.survivorOf(ref), ref);
    }

    function test_unlink__unclaimed__needs_no_signature() public {
        bytes32 unclaimed = _mergedInto(other, bob);
        SubjectUnlink memory parting = _parting(unclaimed, unclaimed);
        vm.prank(hospital.principal.account);
        subjects.unlink(parting, "");
        vm.assertEq(subjects.survivorOf(unclaimed), unclaimed);
        vm.assertEq(_nonce(unclaimed), parting.nonce + 1);
    }

    /// The side that nobody has claimed speaks for itself only: in the claimed survivor's name its controller has to sign.
    function test_unlink__unclaimed_but_by_its_survivor__needs_the_survivors_controller() public {
        bytes32 unclaimed = _mergedInto(other, bob);
        SubjectUnlink memory parting = _parting(unclaimed, other);
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(other, bob.account);
        subjects.unlink(parting, "");
        bytes memory signature = _signed(bob, _hash(parting));
        vm.prank(hospital.principal.account);
        subjects.unlink(parting, signature);
        vm.assertEq(subjects.survivorOf(unclaimed), unclaimed);
    }

    /// An unclaimed survivor parts nobody: neither by its source alone nor with anybody's signature.
    function test_unlink__by_an_unclaimed_survivor__is_refused() public {
        bytes32 survivor = _registered("survivor");
        bytes32 third = _bind(hospital, "third", carol);
        SubjectLink memory linkage = _linkage(third, survivor);
        bytes[2] memory signatures = [sign(carol, _digestOf(linkage)), bytes("")];
        bytes32[2] memory seeds;
        vm.prank(hospital.principal.account);
        subjects.link(linkage, seeds, signatures);

        SubjectUnlink memory parting = _parting(third, survivor);
        bytes[2] memory tried = [bytes(""), _signed(carol, _hash(parting))];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(hospital.principal.account);
            vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryUnclaimed.selector, survivor));
            subjects.unlink(parting, tried[i]);
        }
        parting = _parting(third, third);
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(third, carol.account);
        subjects.unlink(parting, "");
        _unlink(hospital, third, carol);
        vm.assertEq(subjects.survivorOf(third), third);
    }

    /// Each side has its own nonce: the other side's is wrong.
    function test_unlink__with_the_other_sides_nonce__is_refused() public {
        vm.assertEq(_nonce(other), _nonce(ref) - 1);
        bytes32[2] memory sides = [ref, other];
        Actor[2] memory controllers = [alice, bob];
        for (uint256 i = 0; i < 2; ++i) {
            SubjectUnlink memory parting = _parting(ref, sides[i]);
            uint64 expected = parting.nonce;
            parting.nonce = _nonce(sides[1 - i]);
            bytes memory signature = _signed(controllers[i], _hash(parting));
            vm.prank(hospital.principal.account);
            _expectNonce(sides[i], parting.nonce, expected);
            subjects.unlink(parting, signature);
        }
    }

    function test_unlink__contract_controller__by_its_owners_signature() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(carol.account)), carol.key);
        _rotate(ref, alice, wallet);
        _unlink(hospital, ref, wallet);
        vm.assertEq(subjects.survivorOf(ref), ref);
    }

    function test_unlink__not_by_its_source__is_refused() public {
        SubjectUnlink memory parting = _parting(ref, ref);
        bytes memory signature = _signed(alice, _hash(parting));
        address[4] memory callers = [stranger.account, alice.account, clinic.principal.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectNotSource(hospital.id, callers[i]);
            subjects.unlink(parting, signature);
        }
    }

    function test_unlink__not_merged__is_refused() public {
        bytes32[3] memory survivors = [bytes32(0), other, ref];
        for (uint256 i = 0; i < survivors.length; ++i) {
            SubjectUnlink memory parting = SubjectUnlink(other, survivors[i], other, _nonce(other), NOW);
            bytes memory signature = _signed(bob, _hash(parting));
            _expectInvalid(other, survivors[i]);
            subjects.unlink(parting, signature);
        }
    }

    /// Only the survivor of today, and only for one of the two.
    function test_unlink__another_survivor_or_side__is_refused() public {
        bytes32 third = _bind(hospital, "third", alice);
        bytes32[2][5] memory wrong =
            [[third, ref], [third, third], [bytes32(0), ref], [other, third], [other, bytes32(0)]];
        for (uint256 i = 0; i < wrong.length; ++i) {
            (bytes32 survivor, bytes32 by) = (wrong[i][0], wrong[i][1]);
            SubjectUnlink memory parting = SubjectUnlink(ref, survivor, by, _nonce(by), NOW);
            bytes memory signature = _signed(alice, _hash(parting));
            _expectInvalid(ref, survivor);
            subjects.unlink(parting, signature);
        }
    }

    /// What was signed for a merge with one is worth nothing once it is merged with another.
    function test_unlink__signed_for_a_former_survivor__is_refused() public {
        SubjectUnlink memory parting = _parting(ref, other);
        bytes memory signature = _signed(bob, _hash(parting));
        _unlink(hospital, ref, alice);
        _link(hospital, ref, _bind(hospital, "third", carol), alice, carol);
        _expectInvalid(ref, other);
        subjects.unlink(parting, signature);
    }

    function test_unlink__forged_signature__is_refused() public {
        _appoint(ref, alice, guardian.account);
        _appoint(other, bob, guardian.account);
        _link(hospital, _bind(hospital, "third", carol), other, carol, bob);
        bytes32[2] memory sides = [ref, other];
        Actor[2] memory controllers = [alice, bob];
        for (uint256 i = 0; i < 2; ++i) {
            SubjectUnlink memory parting = _parting(ref, sides[i]);
            // Nor by the other side's controller, by a guardian, by the controller of a third one of the group, nor unsigned.
            Actor[3] memory others = [controllers[1 - i], guardian, carol];
            for (uint256 j = 0; j < others.length; ++j) {
                _expectForged(parting, controllers[i], _signed(others[j], _hash(parting)));
            }
            _expectForged(parting, controllers[i], "");
            bytes[] memory forged = _forgeries(controllers[i], _hash(parting));
            for (uint256 j = 0; j < forged.length; ++j) {
                _expectForged(parting, controllers[i], forged[j]);
            }
        }
    }

    /// A merge and its undoing are two types: the agreement to the one is none to the other.
    function test_unlink__signature_of_the_link__is_refused() public {
        _unlink(hospital, ref, alice);
        SubjectLink memory linkage = _linkage(ref, other);
        bytes[2] memory signatures = [sign(alice, _digestOf(linkage)), sign(bob, _digestOf(linkage))];
        bytes32[2] memory seeds;
        vm.prank(hospital.principal.account);
        subjects.link(linkage, seeds, signatures);
        _expectForged(_parting(ref, ref), alice, signatures[0]);
        _expectForged(_parting(ref, other), bob, signatures[1]);
    }

    function _expectForged(SubjectUnlink memory parting, Actor memory signer, bytes memory signature) private {
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(parting.by, signer.account);
        subjects.unlink(parting, signature);
    }

    /// @dev A reference nobody has claimed, merged into this one.
    function _mergedInto(bytes32 survivor, Actor memory controller) private returns (bytes32 unclaimed) {
        unclaimed = _registered("new");
        SubjectLink memory linkage = _linkage(unclaimed, survivor);
        bytes[2] memory signatures = [bytes(""), sign(controller, _digestOf(linkage))];
        bytes32[2] memory seeds;
        vm.prank(hospital.principal.account);
        subjects.link(linkage, seeds, signatures);
    }

    function _expectInvalid(bytes32 one, bytes32 survivor) private {
        vm.prank(hospital.principal.account);
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryInvalidLink.selector, one, survivor));
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        SubjectUnlink memory parting = SubjectUnlink(which, other, which, nonce, deadline);
        bytes memory signature = _signed(alice, _hash(parting));
        vm.prank(hospital.principal.account);
        expect();
        subjects.unlink(parting, signature);
    }

    function _hash(SubjectUnlink memory value) private pure returns (bytes32) {
        bytes32 typeHash =
            keccak256("SubjectUnlink(bytes32 subjectRef,bytes32 survivor,bytes32 by,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
