// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {SubjectLink} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
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
        SubjectLink memory linkage = _linkage(ref, 0);
        bytes memory signature = _signed(alice, _hash(linkage));
        _watch(ref, other);
        vm.prank(hospital.second.account);
        subjects.unlink(linkage, signature);
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

    /// Whoever was given the other reference by mistake can't keep the survivor's patient.
    function test_unlink__signed_by_the_survivors_controller__parts_them() public {
        uint64 nonce = _nonce(ref);
        _unlink(hospital, ref, bob);
        vm.assertEq(subjects.survivorOf(ref), ref);
        vm.assertEq(subjects.mergedInto(other).length, 0);
        vm.assertEq(_nonce(ref), nonce + 1);
    }

    /// A hold of any one of the group holds all of it together.
    function test_unlink__one_of_the_group_held__is_refused() public {
        bytes32 third = _bind(hospital, "third", carol);
        _link(hospital, third, other, carol, bob);
        bytes32[3] memory group = [ref, other, third];
        for (uint256 i = 0; i < group.length; ++i) {
            vm.prank(regulator.principal.account);
            subjects.hold(group[i], true);
            SubjectLink memory linkage = _linkage(ref, 0);
            bytes memory signature = _signed(alice, _hash(linkage));
            vm.prank(hospital.principal.account);
            vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryHeld.selector, ref));
            subjects.unlink(linkage, signature);
            vm.prank(regulator.principal.account);
            subjects.hold(group[i], false);
        }
        _unlink(hospital, ref, alice);
        vm.assertEq(subjects.survivorOf(ref), ref);
    }

    function test_unlink__unclaimed__needs_no_signature() public {
        bytes32 unclaimed = _registered("new");
        SubjectLink memory linkage = _linkage(unclaimed, other);
        bytes[2] memory signatures = [bytes(""), _signed(bob, _hash(linkage))];
        bytes32[2] memory seeds;
        vm.prank(hospital.principal.account);
        subjects.link(linkage, seeds, signatures);
        linkage = _linkage(unclaimed, 0);
        vm.prank(hospital.principal.account);
        subjects.unlink(linkage, "");
        vm.assertEq(subjects.survivorOf(unclaimed), unclaimed);
    }

    function test_unlink__contract_controller__by_its_owners_signature() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(carol.account)), carol.key);
        _rotate(ref, alice, wallet);
        _unlink(hospital, ref, wallet);
        vm.assertEq(subjects.survivorOf(ref), ref);
    }

    function test_unlink__not_by_its_source__is_refused() public {
        SubjectLink memory linkage = _linkage(ref, 0);
        bytes memory signature = _signed(alice, _hash(linkage));
        address[4] memory callers = [stranger.account, alice.account, clinic.principal.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectNotSource(hospital.id, callers[i]);
            subjects.unlink(linkage, signature);
        }
    }

    function test_unlink__not_merged__is_refused() public {
        SubjectLink memory linkage = _linkage(other, 0);
        bytes memory signature = _signed(bob, _hash(linkage));
        _expectInvalid(other, 0);
        subjects.unlink(linkage, signature);
    }

    function test_unlink__with_a_survivor_named__is_refused() public {
        SubjectLink memory linkage = _linkage(ref, other);
        bytes memory signature = _signed(alice, _hash(linkage));
        _expectInvalid(ref, other);
        subjects.unlink(linkage, signature);
    }

    function test_unlink__forged_signature__is_refused() public {
        SubjectLink memory linkage = _linkage(ref, 0);
        bytes[] memory forged = _forgeries(alice, _hash(linkage));
        for (uint256 i = 0; i < forged.length; ++i) {
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(ref, alice.account);
            subjects.unlink(linkage, forged[i]);
        }
        forged = _forgeries(bob, _hash(linkage));
        for (uint256 i = 0; i < forged.length; ++i) {
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(ref, alice.account);
            subjects.unlink(linkage, forged[i]);
        }
        // Nor by a guardian, nor by the controller of a third one of the group, nor unsigned.
        _appoint(other, bob, guardian.account);
        _link(hospital, _bind(hospital, "third", carol), other, carol, bob);
        Actor[2] memory others = [guardian, carol];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory signature = _signed(others[i], _hash(linkage));
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(ref, alice.account);
            subjects.unlink(linkage, signature);
        }
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(ref, alice.account);
        subjects.unlink(linkage, "");
    }

    function _expectInvalid(bytes32 one, bytes32 survivor) private {
        vm.prank(hospital.principal.account);
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryInvalidLink.selector, one, survivor));
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        SubjectLink memory linkage = SubjectLink(which, 0, nonce, deadline);
        bytes memory signature = _signed(alice, _hash(linkage));
        vm.prank(hospital.principal.account);
        expect();
        subjects.unlink(linkage, signature);
    }

    function _hash(SubjectLink memory value) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("SubjectLink(bytes32 subjectRef,bytes32 survivor,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
