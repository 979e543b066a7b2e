// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RecordRegistry} from "../../../contracts/RecordRegistry.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {AdmissionTerms, IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {IRecordRegistry} from "../../../contracts/interfaces/IRecordRegistry.sol";
import {ISubjectRegistry} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {AnchorTag} from "../../../contracts/types/Record.sol";
import {vm} from "../Vm.sol";
import {RecordTest} from "./RecordTest.sol";

contract AnchorTest is RecordTest {
    /* WHAT IT DOES */

    function testFuzz_anchor__of_a_batch__is_kept_and_logged(bytes32 root, uint32 count) public {
        vm.assume(root != 0 && count != 0);
        _expect(address(records));
        emit IRecordRegistry.BatchAnchored(hospital.id, root, count, setId);
        _expectEntry(address(records), hospital.id, Entries.BATCH_ANCHORED, 0, root);
        _listen();
        vm.prank(hospital.second.account);
        records.anchor(root, count, setId, AnchorTag.BATCH);

        _assertHeard();
        vm.assertEq(records.anchorOf(hospital.id, root), _word(count, setId, AnchorTag.BATCH));
        vm.assertEq(records.anchorOf(clinic.id, root), 0);
    }

    function testFuzz_anchor__of_a_custodians_log__is_kept_and_logged(bytes32 root, uint32 count) public {
        vm.assume(root != 0 && count != 0);
        _expect(address(records));
        emit IRecordRegistry.LogAnchored(east.id, root, count);
        _expectEntry(address(records), east.id, Entries.LOG_ANCHORED, 0, root);
        _listen();
        vm.prank(east.principal.account);
        records.anchor(root, count, 0, AnchorTag.LOG);

        _assertHeard();
        vm.assertEq(records.anchorOf(east.id, root), _word(count, 0, AnchorTag.LOG));
    }

    /// Any set that exists will do, the first and the last.
    function test_anchor__with_each_set__is_kept() public {
        uint32 second = _formSet(3);
        vm.startPrank(hospital.principal.account);
        records.anchor("first", 1, setId, AnchorTag.BATCH);
        records.anchor("second", type(uint32).max, second, AnchorTag.BATCH);
        vm.stopPrank();

        vm.assertEq(records.anchorOf(hospital.id, "first"), _word(1, 1, AnchorTag.BATCH));
        vm.assertEq(records.anchorOf(hospital.id, "second"), _word(type(uint32).max, 2, AnchorTag.BATCH));
    }

    /// A root is a name of its participant's: two sources may anchor the same.
    function test_anchor__same_root_of_two_participants__is_kept_for_each() public {
        _anchor(hospital, "root", 3);
        _anchor(clinic, "root", 4);
        vm.prank(east.principal.account);
        records.anchor("root", 5, 0, AnchorTag.LOG);

        vm.assertEq(records.anchorOf(hospital.id, "root"), _word(3, setId, AnchorTag.BATCH));
        vm.assertEq(records.anchorOf(clinic.id, "root"), _word(4, setId, AnchorTag.BATCH));
        vm.assertEq(records.anchorOf(east.id, "root"), _word(5, 0, AnchorTag.LOG));
    }

    /* REFUSALS */

    function test_anchor__incomplete_or_with_a_wrong_set_or_tag__is_refused() public {
        _assertInvalid(0, 1, setId, AnchorTag.BATCH);
        _assertInvalid("root", 0, setId, AnchorTag.BATCH);
        _assertInvalid("root", 1, 0, AnchorTag.BATCH);
        _assertInvalid("root", 1, setId + 1, AnchorTag.BATCH);
        _assertInvalid("root", 1, type(uint32).max, AnchorTag.BATCH);
        _assertInvalid(0, 1, 0, AnchorTag.LOG);
        _assertInvalid("root", 0, 0, AnchorTag.LOG);
        _assertInvalid("root", 1, setId, AnchorTag.LOG);
        _assertInvalid("root", 1, 0, 0);
        _assertInvalid("root", 1, setId, 0);
        _assertInvalid("root", 1, 0, 3);
    }

    function test_anchor__a_second_time__is_refused() public {
        _anchor(hospital, "root", 3);
        vm.prank(hospital.second.account);
        vm.expectRevert(
            abi.encodeWithSelector(IRecordRegistry.RecordRegistryAnchored.selector, hospital.id, bytes32("root"))
        );
        records.anchor("root", 4, setId, AnchorTag.BATCH);
        vm.assertEq(records.anchorOf(hospital.id, "root"), _word(3, setId, AnchorTag.BATCH));
    }

    /// Also under the other tag, by a participant with both roles.
    function test_anchor__a_second_time_as_a_log__is_refused() public {
        AdmissionTerms memory both = _terms(ParticipantRole.SOURCE | ParticipantRole.CUSTODY);
        vm.prank(address(council));
        participants.renew(hospital.id, both, "papers", _keys("Hospital"));
        _anchor(hospital, "root", 3);
        vm.prank(hospital.principal.account);
        vm.expectRevert(
            abi.encodeWithSelector(IRecordRegistry.RecordRegistryAnchored.selector, hospital.id, bytes32("root"))
        );
        records.anchor("root", 3, 0, AnchorTag.LOG);
    }

    function test_anchor__without_the_role__is_refused() public {
        address[4] memory noSource =
            [east.principal.account, regulator.principal.account, stranger.account, alice.account];
        for (uint256 i = 0; i < noSource.length; ++i) {
            vm.prank(noSource[i]);
            _expectNotQualified(noSource[i], ParticipantRole.SOURCE);
            records.anchor("root", 1, setId, AnchorTag.BATCH);
        }
        address[3] memory noCustodian = [hospital.principal.account, regulator.principal.account, stranger.account];
        for (uint256 i = 0; i < noCustodian.length; ++i) {
            vm.prank(noCustodian[i]);
            _expectNotQualified(noCustodian[i], ParticipantRole.CUSTODY);
            records.anchor("root", 1, 0, AnchorTag.LOG);
        }
    }

    function test_anchor__by_the_suspended_or_no_longer_accredited__is_refused() public {
        _suspend(hospital);
        _expectNotQualified(hospital.principal.account, ParticipantRole.SOURCE);
        _anchor(hospital, "root", 1);
        vm.warp(ACCREDITED_UNTIL - 1);
        _anchor(clinic, "root", 1);
        vm.warp(ACCREDITED_UNTIL);
        _expectNotQualified(clinic.principal.account, ParticipantRole.SOURCE);
        _anchor(clinic, "another", 1);
    }

    /* CONSTRUCTION */

    function test_construction__with_contracts__keeps_them() public view {
        vm.assertEq(address(records.council()), address(council));
        vm.assertEq(address(records.participants()), address(participants));
        vm.assertEq(address(records.subjects()), address(subjects));
        vm.assertEq(address(records.log()), address(log));
        vm.assertEq(records.coolingOffSeconds(), COOLING_OFF);
    }

    function test_construction__without_a_contract__is_refused() public {
        for (uint256 missing = 0; missing < 4; ++missing) {
            vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryZeroAddress.selector));
            new RecordRegistry(
                missing == 0 ? ICouncil(address(0)) : council,
                missing == 1 ? IParticipantRegistry(address(0)) : participants,
                missing == 2 ? ISubjectRegistry(address(0)) : subjects,
                missing == 3 ? IAuditLog(address(0)) : log,
                COOLING_OFF
            );
        }
    }

    /* INTERNAL */

    function _assertInvalid(bytes32 root, uint32 count, uint32 set, uint8 tag) private {
        address[2] memory callers = [hospital.principal.account, east.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IRecordRegistry.RecordRegistryInvalidAnchor.selector, root, count, set, tag)
            );
            records.anchor(root, count, set, tag);
        }
    }

    function _word(uint32 count, uint32 set, uint8 tag) private view returns (uint256) {
        return _time() + uint256(count) * 2 ** 64 + uint256(set) * 2 ** 96 + uint256(tag) * 2 ** 128;
    }
}
