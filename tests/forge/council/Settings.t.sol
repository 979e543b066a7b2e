// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {Vm, vm} from "../Vm.sol";
import {CouncilTest} from "./CouncilTest.sol";

contract SettingsTest is CouncilTest {
    function test_setThreshold__two_to_all__is_set() public {
        uint16[3] memory thresholds = [uint16(2), 4, 5];
        for (uint256 i = 0; i < thresholds.length; ++i) {
            vm.recordLogs();
            _setThreshold(thresholds[i]);
            Vm.Log[] memory told = _told();

            emit ICouncil.ThresholdChanged(thresholds[i]);
            _assertTold(told);
            vm.assertEq(council.threshold(), thresholds[i]);
        }
    }

    /// Nobody alone, never more than there are, and a write that changes nothing reverts.
    function test_setThreshold__one_six_or_the_same__is_refused() public {
        uint16[4] memory thresholds = [uint16(0), 1, 6, THRESHOLD];
        for (uint256 i = 0; i < thresholds.length; ++i) {
            vm.prank(address(council));
            vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilInvalidThreshold.selector, thresholds[i], 5));
            council.setThreshold(thresholds[i]);
        }
        vm.assertEq(council.threshold(), THRESHOLD);
    }

    function testFuzz_setThreshold__any__is_set_or_refused(uint16 threshold) public {
        vm.prank(address(council));
        (bool success,) = address(council).call(abi.encodeCall(ICouncil.setThreshold, (threshold)));
        vm.assertEq(success ? 1 : 0, threshold >= 2 && threshold <= 5 && threshold != THRESHOLD ? 1 : 0);
        vm.assertEq(council.threshold(), success ? threshold : THRESHOLD);
    }

    function test_setDelay__none_to_ninety_days__is_set() public {
        uint32[3] memory delays = [uint32(0), 1, 90 days];
        for (uint256 i = 0; i < delays.length; ++i) {
            vm.recordLogs();
            vm.prank(address(council));
            council.setDelay(delays[i]);
            Vm.Log[] memory told = _told();

            emit ICouncil.DelayChanged(delays[i]);
            _assertTold(told);
            vm.assertEq(council.delaySeconds(), delays[i]);
        }
    }

    function test_setDelay__beyond_ninety_days_or_the_same__is_refused() public {
        uint32[3] memory delays = [uint32(90 days + 1), type(uint32).max, COUNCIL_DELAY];
        for (uint256 i = 0; i < delays.length; ++i) {
            vm.prank(address(council));
            vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilInvalidDelay.selector, delays[i]));
            council.setDelay(delays[i]);
        }
    }

    function test_settings__not_by_itself__are_refused() public {
        address[2] memory callers = [stranger.account, members[0].account];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.startPrank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilOnlyItself.selector, callers[i]));
            council.setThreshold(2);
            vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilOnlyItself.selector, callers[i]));
            council.setDelay(0);
            vm.stopPrank();
        }
    }
}
