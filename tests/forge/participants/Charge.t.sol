// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AdmissionTerms,
    IParticipantRegistry,
    Participant
} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {vm} from "../Vm.sol";
import {ParticipantTest} from "./ParticipantTest.sol";

contract ChargeTest is ParticipantTest {
    function test_charge__within_quota__is_counted_in_this_hour() public {
        Participant memory state = participants.participant(hospital.id);
        vm.recordLogs();
        _charge(30);
        vm.assertEq(_told().length, 0);
        state.hour = uint32(NOW / 3600);
        state.used = 30;
        _assertParticipant(hospital.id, state);
        _assertLeft(70);
        _charge(1);
        _assertLeft(69);
    }

    function test_charge__to_the_last__then_no_more() public {
        _charge(QUOTA);
        _assertLeft(0);
        _expectUsedUp(1, 0);
        participants.charge(hospital.id, 1);
    }

    function test_charge__one_too_many__is_refused_whole() public {
        _charge(40);
        _expectUsedUp(61, 60);
        participants.charge(hospital.id, 61);
        _assertLeft(60);
    }

    /// Clock hours: the last second of one, the first of the next.
    function test_charge__next_hour__starts_anew() public {
        vm.warp(NOW + 3599);
        _charge(QUOTA);
        _assertLeft(0);
        vm.warp(NOW + 3600);
        _assertLeft(QUOTA);
        _charge(1);
        _assertLeft(QUOTA - 1);
        vm.assertEq(participants.participant(hospital.id).hour, uint32(NOW / 3600) + 1);
    }

    function test_charge__each_participant__has_its_own_quota() public {
        _charge(QUOTA);
        vm.prank(address(gateway));
        participants.charge(clinic.id, QUOTA);
        _assertLeft(0);
    }

    function test_charge__quota_lowered_below_what_was_used__has_nothing_left() public {
        _charge(60);
        _setQuota(60);
        _assertLeft(0);
        _setQuota(59);
        _assertLeft(0);
        _expectUsedUp(1, 0);
        participants.charge(hospital.id, 1);
        _setQuota(61);
        _assertLeft(1);
    }

    function test_charge__not_by_the_gateway__is_refused() public {
        address[4] memory callers = [stranger.account, address(council), hospital.principal.account, address(consents)];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotGateway(callers[i]);
            participants.charge(hospital.id, 1);
        }
    }

    function test_charge__by_a_retired_gateway__is_refused() public {
        address next = address(new Silent());
        vm.prank(address(council));
        council.install(Directory.ACCESS_GATEWAY, next);
        _expectNotGateway(address(gateway));
        participants.charge(hospital.id, 1);
        vm.prank(next);
        participants.charge(hospital.id, 1);
        _assertLeft(QUOTA - 1);
    }

    function test_callerOf__stranger__is_nobody() public view {
        (bytes32 id,, uint32 left) = participants.callerOf(stranger.account);
        vm.assertTrue(id == 0 && left == 0);
    }

    /// In one hour never more than the quota, and what is left is quota less what was counted.
    function testFuzz_charge__any_counts__add_up_to_the_quota(uint32[6] memory counts) public {
        uint32 left = QUOTA;
        for (uint256 i = 0; i < counts.length; ++i) {
            uint32 count = i == 5 ? counts[i] : counts[i] % (QUOTA / 2);
            if (count > left) {
                _expectUsedUp(count, left);
                participants.charge(hospital.id, count);
            } else {
                _charge(count);
                left -= count;
            }
            _assertLeft(left);
        }
    }

    function _charge(uint32 count) private {
        vm.prank(address(gateway));
        participants.charge(hospital.id, count);
    }

    function _setQuota(uint32 quota) private {
        _asCouncil();
        participants.renew(hospital.id, AdmissionTerms(255, ACCREDITED_UNTIL, quota), "papers", _keys("Hospital"));
    }

    function _assertLeft(uint32 expected) private view {
        (,, uint32 left) = participants.callerOf(hospital.second.account);
        vm.assertEq(left, expected, "left");
    }

    function _expectUsedUp(uint32 count, uint32 left) private {
        vm.prank(address(gateway));
        vm.expectRevert(
            abi.encodeWithSelector(
                IParticipantRegistry.ParticipantRegistryQuotaUsedUp.selector, hospital.id, count, left
            )
        );
    }

    function _expectNotGateway(address caller) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryNotGateway.selector, caller));
    }
}

/// @notice A contract with nothing in it.
contract Silent {}
