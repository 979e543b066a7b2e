// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm, vm} from "../Vm.sol";

/// @notice Holds a verb to everything it tells: `vm.recordLogs()`, the verb, `told = _told()`, then the test emits itself what
/// it expects, and `_assertTold(told)` compares number, order, emitters, topics and data.
abstract contract Recorded {
    /// @dev Events since `vm.recordLogs()` or the last call.
    function _told() internal returns (Vm.Log[] memory) {
        return vm.getRecordedLogs();
    }

    /// @dev Compares with the events this test has emitted since `_told()`.
    function _assertTold(Vm.Log[] memory told) internal {
        Vm.Log[] memory expected = vm.getRecordedLogs();
        vm.assertEq(told.length, expected.length, "number of events");
        for (uint256 i = 0; i < told.length; ++i) {
            vm.assertEq(told[i].topics.length, expected[i].topics.length, "number of topics");
            for (uint256 j = 0; j < told[i].topics.length; ++j) {
                vm.assertEq(told[i].topics[j], expected[i].topics[j], "topic");
            }
            vm.assertEq(keccak256(told[i].data), keccak256(expected[i].data), "data of event");
            vm.assertEq(told[i].emitter, _emitterOf(expected[i].topics[0]), "emitter");
        }
    }

    /// @dev Contract that emits an event of this signature.
    function _emitterOf(bytes32 signature) internal view virtual returns (address);
}
