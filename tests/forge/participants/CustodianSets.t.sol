// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AdmissionTerms,
    Application,
    IParticipantRegistry
} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {Vm, vm} from "../Vm.sol";
import {ParticipantTest} from "./ParticipantTest.sol";

contract CustodianSetsTest is ParticipantTest {
    uint256 private constant MAX_SET_SIZE = 16;

    function test_formCustodianSet__of_custodians__gets_the_next_number() public {
        bytes32[] memory ids = _ids(3);
        (ids[0], ids[2]) = (ids[2], ids[0]);
        vm.recordLogs();
        _asCouncil();
        uint32 id = participants.formCustodianSet(ids, 3);
        Vm.Log[] memory told = _told();

        emit IParticipantRegistry.CustodianSetFormed(2, 3, ids);
        _assertTold(told);
        vm.assertEq(id, 2);
        vm.assertEq(participants.custodianSetCount(), 2);
        (bytes32[] memory found, uint8 threshold) = participants.custodianSet(2);
        vm.assertEq(keccak256(abi.encode(found)), keccak256(abi.encode(ids)));
        vm.assertEq(threshold, 3);
        (found, threshold) = participants.custodianSet(1);
        vm.assertEq(keccak256(abi.encode(found)), keccak256(abi.encode(_ids(3))));
        vm.assertEq(threshold, 2);
    }

    function test_formCustodianSet__two_to_sixteen__is_formed() public {
        _asCouncil();
        vm.assertEq(participants.formCustodianSet(_ids(2), 2), 2);
        bytes32[] memory most = _many(MAX_SET_SIZE);
        _asCouncil();
        vm.assertEq(participants.formCustodianSet(most, 16), 3);
        (bytes32[] memory found,) = participants.custodianSet(3);
        vm.assertEq(keccak256(abi.encode(found)), keccak256(abi.encode(most)));
    }

    function test_formCustodianSet__wrong_size_or_threshold__is_refused() public {
        _expectInvalidSet(_ids(0), 0);
        _expectInvalidSet(_ids(1), 1);
        // One member can't be two; without the check of the size alone the threshold would refuse it.
        _expectInvalidSet(_ids(1), 2);
        _expectInvalidSet(_ids(3), 0);
        _expectInvalidSet(_ids(3), 1);
        _expectInvalidSet(_ids(3), 4);
        _expectInvalidSet(_many(MAX_SET_SIZE + 1), 2);
        vm.assertEq(participants.custodianSetCount(), 1);
    }

    function test_formCustodianSet__a_member_twice__is_refused() public {
        bytes32[] memory ids = _ids(3);
        ids[2] = ids[0];
        _expectInvalidSet(ids, 2);
        ids = _ids(3);
        ids[1] = ids[0];
        _expectInvalidSet(ids, 2);
        ids = _ids(3);
        ids[2] = ids[1];
        _expectInvalidSet(ids, 2);
    }

    /// One key in two hands is one custodian.
    function test_formCustodianSet__two_with_one_key__is_refused() public {
        vm.prank(stranger.account);
        bytes32 twin = participants.applyToJoin(Application(8, "papers", _keys("Custodian East"), "salt"));
        _asCouncil();
        participants.admit(twin, _terms(ParticipantRole.CUSTODY));
        for (uint256 i = 1; i < 3; ++i) {
            bytes32[] memory ids = _ids(3);
            ids[i] = twin;
            _expectInvalidSet(ids, 2);
        }
        bytes32[] memory apart = _ids(3);
        apart[0] = twin;
        _asCouncil();
        participants.formCustodianSet(apart, 2);
    }

    function test_formCustodianSet__no_custodian__is_refused() public {
        bytes32[] memory ids = _ids(3);
        bytes32[3] memory wrong = [hospital.id, applicant.id, bytes32("unknown")];
        for (uint256 i = 0; i < wrong.length; ++i) {
            ids[i] = wrong[i];
            _expectNotCustodian(ids, wrong[i]);
            ids = _ids(3);
        }
    }

    function test_formCustodianSet__suspended_or_accreditation_over__is_refused() public {
        _suspendNow(west);
        _expectNotCustodian(_ids(3), west.id);
        _asCouncil();
        participants.reinstate(west.id);
        vm.warp(ACCREDITED_UNTIL - 1);
        _asCouncil();
        participants.formCustodianSet(_ids(3), 2);
        vm.warp(ACCREDITED_UNTIL);
        _expectNotCustodian(_ids(3), east.id);
    }

    function test_formCustodianSet__not_by_the_council__is_refused() public {
        address[3] memory callers = [stranger.account, members[0].account, east.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotCouncil(callers[i]);
            participants.formCustodianSet(_ids(3), 2);
        }
    }

    /// A set never changes, whatever becomes of its members.
    function test_custodianSet__member_expelled__is_the_same() public {
        _expelNow(west);
        (bytes32[] memory found, uint8 threshold) = participants.custodianSet(1);
        vm.assertEq(keccak256(abi.encode(found)), keccak256(abi.encode(_ids(3))));
        vm.assertEq(threshold, 2);
    }

    function test_custodianSet__unknown__is_refused() public {
        uint32[3] memory unknown = [uint32(0), 2, type(uint32).max];
        for (uint256 i = 0; i < unknown.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryUnknownSet.selector, unknown[i])
            );
            participants.custodianSet(unknown[i]);
        }
    }

    /// @dev The first of east, west, north.
    function _ids(uint256 count) private view returns (bytes32[] memory ids) {
        bytes32[3] memory all = [east.id, west.id, north.id];
        ids = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            ids[i] = all[i];
        }
    }

    /// @dev New custodians.
    function _many(uint256 count) private returns (bytes32[] memory ids) {
        ids = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            string memory name = string(abi.encodePacked("Custodian ", _fresh()));
            ids[i] = _apply(name, 8).id;
            _asCouncil();
            participants.admit(ids[i], AdmissionTerms(ParticipantRole.CUSTODY, ACCREDITED_UNTIL, 0));
        }
    }

    function _expectInvalidSet(bytes32[] memory ids, uint8 threshold) private {
        _asCouncil();
        vm.expectRevert(
            abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryInvalidSet.selector, ids.length, threshold)
        );
        participants.formCustodianSet(ids, threshold);
    }

    function _expectNotCustodian(bytes32[] memory ids, bytes32 which) private {
        _asCouncil();
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryNotCustodian.selector, which));
        participants.formCustodianSet(ids, 2);
    }
}
