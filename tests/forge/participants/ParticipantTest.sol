// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry, Participant} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {vm} from "../Vm.sol";
import {Institution} from "../base/Actors.sol";
import {Forgeries} from "../base/Forgeries.sol";
import {Recorded} from "../base/Recorded.sol";

/// @notice An applicant, and institutions in every status.
abstract contract ParticipantTest is Forgeries, Recorded {
    /// An applicant that the Council has not decided about.
    Institution internal applicant;

    function setUp() public virtual override {
        super.setUp();
        applicant = _apply("Applicant", 1);
    }

    function _asCouncil() internal {
        vm.prank(address(council));
    }

    function _suspendNow(Institution memory member) internal {
        _asCouncil();
        participants.suspend(member.id);
    }

    function _expelNow(Institution memory member) internal {
        _asCouncil();
        participants.expel(member.id);
    }

    function _statusOf(Institution memory member) internal view returns (uint8) {
        return participants.participant(member.id).status;
    }

    /// @dev Nothing of a participant has changed but what the caller puts into `expected`.
    function _assertParticipant(bytes32 id, Participant memory expected) internal view {
        vm.assertEq(keccak256(abi.encode(participants.participant(id))), keccak256(abi.encode(expected)), "participant");
    }

    function _expectWrongStatus(bytes32 id, uint8 found, uint8 expected) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryWrongStatus.selector, id, found, expected)
        );
    }

    function _expectNotCouncil(address caller) internal {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryNotCouncil.selector, caller));
    }

    function _expectTaken(address operator, bytes32 by) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryOperatorTaken.selector, operator, by)
        );
    }

    function _emitterOf(bytes32) internal view override returns (address) {
        return address(participants);
    }
}
