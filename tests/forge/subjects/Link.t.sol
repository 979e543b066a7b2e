// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {SubjectLink} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {NonceTest} from "./SubjectTest.sol";

contract LinkTest is NonceTest {
    uint256 private constant MAX_MERGED = 8;
    /// Bob at the hospital.
    bytes32 internal other;

    function setUp() public override {
        super.setUp();
        other = _bind(hospital, "bob", bob);
    }

    /* MAIN PATH */

    function test_link__both_claimed__joins_to_the_survivor() public {
        Subject memory expected = subjects.subject(ref);
        Subject memory untouched = subjects.subject(other);
        SubjectLink memory linkage = _linkage(ref, other);
        bytes[2] memory signatures = [_signed(alice, _hash(linkage)), _signed(bob, _hash(linkage))];
        _watch(ref, other);
        vm.prank(hospital.second.account);
        subjects.link(linkage, _noSeeds(), signatures);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.SubjectLinked(ref, other);
        _entry(ref, 29, 0, other);
        _entry(other, 29, 0, ref);
        _assertTold(told);
        _assertChains();
        expected.survivor = other;
        expected.nonce = 1;
        _assertSubject(ref, expected);
        _assertSubject(other, untouched);
        vm.assertEq(subjects.survivorOf(ref), other);
        vm.assertEq(subjects.survivorOf(other), other);
        _assertMerged(other, ref);
        vm.assertEq(subjects.mergedInto(ref).length, 0);
    }

    /// HL7 merges come before a patient has an account.
    function test_link__unknown_and_unclaimed__are_registered_by_their_seeds() public {
        bytes32 one = _refOf(hospital, "one");
        bytes32 two = _refOf(hospital, "two");
        SubjectLink memory linkage = SubjectLink(one, two, 0, NOW);
        bytes[2] memory none;
        _watch(one, two);
        vm.prank(hospital.principal.account);
        subjects.link(linkage, [_seedOf("one"), _seedOf("two")], none);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.SubjectRegistered(one, hospital.id);
        _entry(one, 33, 0, hospital.id);
        emit ISubjectRegistry.SubjectRegistered(two, hospital.id);
        _entry(two, 33, 0, hospital.id);
        emit ISubjectRegistry.SubjectLinked(one, two);
        _entry(one, 29, 0, two);
        _entry(two, 29, 0, one);
        _assertTold(told);
        _assertChains();
        vm.assertEq(subjects.sourceOf(one), hospital.id);
        vm.assertEq(subjects.sourceOf(two), hospital.id);
        vm.assertEq(subjects.survivorOf(one), two);
    }

    function test_link__one_of_them_claimed__needs_that_ones_signature() public {
        bytes32 unclaimed = _registered("new");
        SubjectLink memory linkage = _linkage(ref, unclaimed);
        bytes[2] memory signatures = [_signed(alice, _hash(linkage)), bytes("")];
        uint256 before = vm.snapshotState();
        _expectLinked(linkage, signatures);
        vm.revertToState(before);
        signatures[0] = "";
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(ref, alice.account);
        subjects.link(linkage, _noSeeds(), signatures);

        linkage = _linkage(unclaimed, ref);
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(ref, alice.account);
        subjects.link(linkage, _noSeeds(), signatures);
        signatures[1] = _signed(alice, _hash(linkage));
        _expectLinked(linkage, signatures);
    }

    function test_link__contract_controllers__by_their_owners_signatures() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(carol.account)), carol.key);
        _rotate(ref, alice, wallet);
        _rotate(other, bob, wallet);
        _link(hospital, ref, other, wallet, wallet);
        vm.assertEq(subjects.survivorOf(ref), other);
    }

    /* WHAT A GROUP SHARES */

    function test_isFrozen__any_of_the_group__freezes_all() public {
        bytes32[3] memory group = _group();
        for (uint256 i = 0; i < 3; ++i) {
            _freeze(group[i], alice, true);
            for (uint256 j = 0; j < 3; ++j) {
                vm.assertTrue(subjects.isFrozen(group[j]));
            }
            _freeze(group[i], alice, false);
            vm.assertFalse(subjects.isFrozen(group[i]));
        }
    }

    function test_isHeld__any_of_the_group__holds_all() public {
        bytes32[3] memory group = _group();
        for (uint256 i = 0; i < 3; ++i) {
            _hold(group[i], true);
            for (uint256 j = 0; j < 3; ++j) {
                vm.assertTrue(subjects.isHeld(group[j]));
            }
            _hold(group[i], false);
            vm.assertFalse(subjects.isHeld(group[i]));
        }
    }

    /// The strongest counts, wherever it stands.
    function testFuzz_denialOf__any_of_the_group__strongest_for_all(uint8[3] memory strengths) public {
        bytes32[3] memory group = _group();
        uint8 strongest = 0;
        for (uint256 i = 0; i < 3; ++i) {
            uint8 strength = strengths[i] % 3;
            if (strength != 0) _deny(group[i], alice, clinic, strength);
            if (strength > strongest) strongest = strength;
        }
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(subjects.denialOf(group[i], clinic.id), strongest);
            vm.assertEq(subjects.denialOf(group[i], institute.id), 0);
        }
    }

    function test_retentionYearsOf__a_group__is_each_ones_own() public {
        bytes32[3] memory group = _group();
        _retain(group[0], alice, 1);
        vm.assertEq(subjects.retentionYearsOf(group[0]), 1);
        vm.assertEq(subjects.retentionYearsOf(group[1]), 5);
    }

    /* REFUSALS */

    function test_link__not_by_a_source__is_refused() public {
        SubjectLink memory linkage = _linkage(ref, other);
        bytes[2] memory signatures = [_signed(alice, _hash(linkage)), _signed(bob, _hash(linkage))];
        address[4] memory callers = [stranger.account, alice.account, institute.principal.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectNotSource(0, callers[i]);
            subjects.link(linkage, _noSeeds(), signatures);
        }
    }

    function test_link__either_of_another_source__is_refused() public {
        bytes32 elsewhere = _bind(clinic, "alice", alice);
        bytes32[2][2] memory pairs = [[ref, elsewhere], [elsewhere, ref]];
        for (uint256 i = 0; i < 2; ++i) {
            SubjectLink memory linkage = _linkage(pairs[i][0], pairs[i][1]);
            bytes memory signature = _signed(alice, _hash(linkage));
            vm.prank(hospital.principal.account);
            _expectNotSource(clinic.id, hospital.principal.account);
            subjects.link(linkage, _noSeeds(), [signature, signature]);
        }
    }

    function test_link__wrong_seed_of_either__is_refused() public {
        bytes32 one = _refOf(hospital, "one");
        bytes32 wrong = _refOf(hospital, "wrong");
        SubjectLink memory linkage = SubjectLink(one, ref, 0, NOW);
        bytes[2] memory none;
        vm.prank(hospital.principal.account);
        _expectWrongSeed(one, wrong);
        subjects.link(linkage, [_seedOf("wrong"), bytes32(0)], none);
        linkage = SubjectLink(ref, one, 0, NOW);
        vm.prank(hospital.principal.account);
        _expectWrongSeed(one, wrong);
        subjects.link(linkage, [bytes32(0), _seedOf("wrong")], none);
    }

    function test_link__with_itself__is_refused() public {
        _expectInvalid(ref, ref, alice);
    }

    function test_link__merged_already__is_refused() public {
        bytes32 third = _bind(hospital, "third", alice);
        _link(hospital, ref, other, alice, bob);
        _expectInvalid(ref, third, alice);
        _expectInvalid(ref, other, alice);
    }

    /// One hop: the survivor can't be merged itself, nor can who has merged others.
    function test_link__second_hop__is_refused() public {
        bytes32 third = _bind(hospital, "third", alice);
        _link(hospital, ref, other, alice, bob);
        _expectInvalid(third, ref, alice);
        _expectInvalid(other, third, bob);
    }

    function test_link__ninth_into_one__is_refused() public {
        for (uint256 i = 0; i < MAX_MERGED; ++i) {
            bytes32 made = _bind(hospital, string(abi.encode(i)), alice);
            _link(hospital, made, other, alice, bob);
        }
        vm.assertEq(subjects.mergedInto(other).length, MAX_MERGED);
        SubjectLink memory linkage = _linkage(ref, other);
        bytes[2] memory signatures = [_signed(alice, _hash(linkage)), _signed(bob, _hash(linkage))];
        vm.prank(hospital.principal.account);
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryTooManyLinks.selector, other));
        subjects.link(linkage, _noSeeds(), signatures);
    }

    function test_link__forged_signature_of_either__is_refused() public {
        SubjectLink memory linkage = _linkage(ref, other);
        bytes memory first = _signed(alice, _hash(linkage));
        bytes memory second = _signed(bob, _hash(linkage));
        bytes[] memory forged = _forgeries(alice, _hash(linkage));
        bytes[] memory forgedSecond = _forgeries(bob, _hash(linkage));
        for (uint256 i = 0; i < forged.length; ++i) {
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(ref, alice.account);
            subjects.link(linkage, _noSeeds(), [forged[i], second]);
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(other, bob.account);
            subjects.link(linkage, _noSeeds(), [first, forgedSecond[i]]);
        }
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(ref, alice.account);
        subjects.link(linkage, _noSeeds(), [second, first]);
    }

    /// The registration is asked for before the nonce.
    function test_subject__unknown__is_refused() public override {
        bytes32 unknown = _refOf(hospital, "unknown");
        SubjectLink memory linkage = SubjectLink(unknown, other, 0, NOW);
        bytes[2] memory none;
        bytes32 expected = subjects.idOf(hospital.id, 0);
        vm.prank(hospital.principal.account);
        _expectWrongSeed(unknown, expected);
        subjects.link(linkage, _noSeeds(), none);
    }

    /// @dev Alice three times at the hospital; the first two are merged into the last.
    function _group() private returns (bytes32[3] memory group) {
        group = [ref, _bind(hospital, "second", alice), _bind(hospital, "third", alice)];
        _link(hospital, group[0], group[2], alice, alice);
        _link(hospital, group[1], group[2], alice, alice);
    }

    function _hold(bytes32 which, bool held) private {
        vm.prank(regulator.principal.account);
        subjects.hold(which, held);
    }

    function _noSeeds() private pure returns (bytes32[2] memory seeds) {}

    function _assertMerged(bytes32 survivor, bytes32 only) private view {
        bytes32[] memory merged = subjects.mergedInto(survivor);
        vm.assertEq(merged.length, 1);
        vm.assertEq(merged[0], only);
    }

    function _expectLinked(SubjectLink memory linkage, bytes[2] memory signatures) private {
        vm.prank(hospital.principal.account);
        subjects.link(linkage, _noSeeds(), signatures);
        vm.assertEq(subjects.survivorOf(linkage.subjectRef), linkage.survivor);
    }

    function _expectInvalid(bytes32 one, bytes32 survivor, Actor memory controller) private {
        SubjectLink memory linkage = _linkage(one, survivor);
        bytes memory signature = _signed(controller, _hash(linkage));
        vm.prank(hospital.principal.account);
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryInvalidLink.selector, one, survivor));
        subjects.link(linkage, _noSeeds(), [signature, signature]);
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        SubjectLink memory linkage = SubjectLink(which, other, nonce, deadline);
        bytes[2] memory signatures = [_signed(alice, _hash(linkage)), _signed(bob, _hash(linkage))];
        vm.prank(hospital.principal.account);
        expect();
        subjects.link(linkage, _noSeeds(), signatures);
    }

    function _hash(SubjectLink memory value) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("SubjectLink(bytes32 subjectRef,bytes32 survivor,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
