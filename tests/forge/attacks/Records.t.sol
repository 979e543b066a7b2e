// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordRegistry} from "../../../contracts/interfaces/IRecordRegistry.sol";
import {AnchorTag, Attestation, Destruction, RecordStatus} from "../../../contracts/types/Record.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution, sign} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";

/// @notice Sources speak of their own records only; nothing invalid is valid again; nothing is destroyed without the patient
/// or the Council, the wait, and enough custodians.
contract RecordAttacks is Base {
    bytes32 private _ref;

    function setUp() public override {
        super.setUp();
        _ref = _bind(hospital, "alice", alice);
    }

    /* ANCHORS */

    function test_anchor__root_again__is_refused() public {
        _anchor(hospital, "root", 10);
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryAnchored.selector);
        records.anchor("root", 11, setId, AnchorTag.BATCH);
    }

    /// Another source's anchor of the same root is its own: it neither blocks nor vouches for the first.
    function test_anchor__root_of_another_source__is_kept_apart() public {
        _anchor(clinic, "root", 10);
        vm.assertEq(records.anchorOf(hospital.id, "root"), 0);
        _anchor(hospital, "root", 12);
        vm.assertEq(uint32(records.anchorOf(clinic.id, "root") >> 64), 10);
    }

    function test_anchor__by_those_who_must_not__is_refused() public {
        address[4] memory callers =
            [institute.principal.account, regulator.principal.account, east.principal.account, stranger.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectPartialRevert(IRecordRegistry.RecordRegistryNotQualified.selector);
            records.anchor("root", 1, setId, AnchorTag.BATCH);
        }
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryNotQualified.selector);
        records.anchor("root", 1, 0, AnchorTag.LOG);
        _suspend(hospital);
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryNotQualified.selector);
        records.anchor("root", 1, setId, AnchorTag.BATCH);
    }

    function testFuzz_anchor__unknown_set_or_tag__is_refused(uint32 set, uint8 tag) public {
        bool known = tag == AnchorTag.BATCH && set != 0 && set <= setId;
        bool isLog = tag == AnchorTag.LOG && set == 0;
        vm.assume(!known && !isLog);
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryInvalidAnchor.selector);
        records.anchor("root", 1, set, tag);
    }

    /* INVALID */

    /// A source's word counts under its own name only.
    function test_invalidate__leaf_of_another_source__touches_nothing() public {
        bytes32 other = _bind(clinic, "bob", bob);
        _invalidate(clinic, "leaf of the hospital", other);

        vm.assertEq(records.stateOf(hospital.id, "leaf of the hospital"), 0);
    }

    /// Nor does it write on the chain of another's subject, of a holder, or of a participant.
    function test_invalidate__on_a_chain_that_is_not_its_subjects__is_refused() public {
        bytes32[3] memory keys = [_ref, _keyOf(alice), hospital.id];
        for (uint256 i = 0; i < keys.length; ++i) {
            vm.prank(clinic.principal.account);
            vm.expectPartialRevert(IRecordRegistry.RecordRegistryOtherSource.selector);
            records.invalidate("leaf", keys[i], 1);
        }
    }

    /// No verb after an invalidation makes the version valid.
    function test_invalidate__then_anything__stays_invalid() public {
        _invalidate(hospital, "leaf", _ref);
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryWrongStatus.selector);
        records.invalidate("leaf", _ref, 2);
        _anchor(hospital, "leaf", 1);
        _order(hospital, "leaf", _ref, alice);
        _skip(COOLING_OFF);
        _attest(east, hospital, "leaf", _ref);
        _attest(west, hospital, "leaf", _ref);

        vm.assertEq(records.stateOf(hospital.id, "leaf"), uint256(RecordStatus.INVALID) | 1 << 8);
    }

    /* DESTRUCTION */

    /// Somebody else's signature, the source's own account or a former controller's destroys nothing of the patient's.
    function test_order__signed_by_others__is_refused() public {
        Destruction memory destruction = _destruction(hospital, "record", _ref);
        Actor[3] memory others = [bob, hospital.principal, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            _expectOrder(
                destruction,
                sign(others[i], _digestOf(destruction)),
                IRecordRegistry.RecordRegistryInvalidSignature.selector
            );
        }
        _rotate(_ref, alice, carol);
        bytes memory byFormer = sign(alice, _digestOf(destruction));
        _expectOrder(destruction, byFormer, IRecordRegistry.RecordRegistryInvalidSignature.selector);
    }

    /// With a subject of its own making a source orders for that subject only: the patient's record has another order id.
    function test_order__under_another_subject__leaves_the_patients_record() public {
        bytes32 puppet = _bind(hospital, "puppet", bob);
        _order(hospital, "record", puppet, bob);

        vm.assertEq(_orderState(hospital, "record", _ref), 0);
    }

    function test_order__by_another_source__is_refused() public {
        Destruction memory destruction = _destruction(hospital, "record", _ref);
        bytes memory signature = sign(alice, _digestOf(destruction));
        vm.prank(clinic.principal.account);
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryOtherSource.selector);
        records.order(destruction, signature);
        destruction.sourceId = clinic.id;
        vm.prank(clinic.principal.account);
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryOtherSource.selector);
        records.order(destruction, signature);
    }

    /// One order for a record: not again, neither before nor after the destruction, nor with another set.
    function test_order__again__is_refused() public {
        Destruction memory destruction = _destruction(hospital, "record", _ref);
        destruction.deadline = type(uint64).max;
        bytes memory signature = sign(alice, _digestOf(destruction));
        vm.prank(hospital.principal.account);
        records.order(destruction, signature);
        uint256 state = _orderState(hospital, "record", _ref);
        setId = _formSet(3);
        _expectOrder(destruction, signature, IRecordRegistry.RecordRegistryWrongStatus.selector);
        vm.assertEq(_orderState(hospital, "record", _ref), state);

        _skip(COOLING_OFF);
        _attest(east, hospital, "record", _ref);
        _attest(west, hospital, "record", _ref);
        _expectOrder(destruction, signature, IRecordRegistry.RecordRegistryWrongStatus.selector);
    }

    /// A hold on any reference of a merged patient holds all of them.
    function test_order__held_through_a_merge__is_refused() public {
        bytes32 other = _bind(hospital, "alice again", alice);
        _link(hospital, other, _ref, alice, alice);
        vm.prank(regulator.principal.account);
        subjects.hold(other, true);

        Destruction memory destruction = _destruction(hospital, "record", _ref);
        bytes memory signature = sign(alice, _digestOf(destruction));
        _expectOrder(destruction, signature, IRecordRegistry.RecordRegistryHeld.selector);
    }

    function test_attest__before_the_order_or_the_end_of_its_wait__is_refused() public {
        Attestation memory attestation = Attestation(hospital.id, "record", _ref, east.id, 1);
        bytes memory signature = sign(east.principal, _digestOf(attestation));
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryWrongStatus.selector);
        records.attest(attestation, signature);

        _order(hospital, "record", _ref, alice);
        _skip(COOLING_OFF - 1);
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryTooEarly.selector);
        records.attest(attestation, signature);
        _skip(1);
        records.attest(attestation, signature);
    }

    /// One custodian counts once, one outside the set never, and none for another.
    function test_attest__twice_for_another_or_from_outside__is_refused() public {
        Institution memory outsider = _join("Outsider", 8, 2);
        _order(hospital, "record", _ref, alice);
        _skip(COOLING_OFF);
        _attest(east, hospital, "record", _ref);

        Attestation memory attestation = Attestation(hospital.id, "record", _ref, east.id, 2);
        _expectAttest(attestation, east.second, IRecordRegistry.RecordRegistryAttested.selector);
        _expectAttest(attestation, west.principal, IRecordRegistry.RecordRegistryInvalidSignature.selector);
        _expectAttest(attestation, stranger, IRecordRegistry.RecordRegistryInvalidSignature.selector);
        attestation.custodianId = outsider.id;
        _expectAttest(attestation, outsider.principal, IRecordRegistry.RecordRegistryNotMember.selector);
        vm.assertEq(uint8(_orderState(hospital, "record", _ref)), RecordStatus.ORDERED);
    }

    /// Destroyed means n - t + 1 attestations, for every set that can be formed of three.
    function testFuzz_attest__any_threshold__destroys_at_n_minus_t_plus_1(bool all) public {
        uint8 threshold = all ? 3 : 2;
        setId = _formSet(threshold);
        _order(hospital, "record", _ref, alice);
        _skip(COOLING_OFF);
        Institution[3] memory custodians = [north, west, east];
        for (uint256 i = 0; i < 3; ++i) {
            _attest(custodians[i], hospital, "record", _ref);
            bool destroyed = uint8(_orderState(hospital, "record", _ref)) == RecordStatus.DESTROYED;
            vm.assertTrue(destroyed == (i + 1 >= 3 - threshold + 1));
        }
    }

    /* SETS */

    function test_formCustodianSet__bad_members_or_threshold__is_refused() public {
        bytes32[] memory doubled = new bytes32[](2);
        (doubled[0], doubled[1]) = (east.id, east.id);
        _expectSet(doubled, 2);
        bytes32[] memory noCustodian = new bytes32[](2);
        (noCustodian[0], noCustodian[1]) = (east.id, hospital.id);
        _expectSet(noCustodian, 2);
        bytes32[] memory good = new bytes32[](2);
        (good[0], good[1]) = (east.id, west.id);
        _expectSet(good, 1);
        _expectSet(good, 3);
        _expectSet(new bytes32[](0), 0);
        _expectSet(new bytes32[](17), 2);
    }

    function _expectSet(bytes32[] memory ids, uint8 threshold) private {
        vm.prank(address(council));
        vm.expectRevert();
        participants.formCustodianSet(ids, threshold);
        vm.assertEq(uint256(participants.custodianSetCount()), setId);
    }

    function _expectOrder(Destruction memory destruction, bytes memory signature, bytes4 problem) private {
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(problem);
        records.order(destruction, signature);
    }

    function _expectAttest(Attestation memory attestation, Actor memory signer, bytes4 problem) private {
        bytes memory signature = sign(signer, _digestOf(attestation));
        vm.expectPartialRevert(problem);
        records.attest(attestation, signature);
    }
}
