// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordRegistry} from "../../../contracts/interfaces/IRecordRegistry.sol";
import {RecordLib} from "../../../contracts/types/Record.sol";
import {vm} from "../Vm.sol";
import {Institution} from "../base/Actors.sol";
import {Witness} from "../log/Witness.sol";

/// @notice What the tests of the RecordRegistry share: a patient of the hospital, expected errors, state words.
abstract contract RecordTest is Witness {
    bytes32 internal constant RECORD = "record";

    /// Alice at the hospital.
    bytes32 internal ref;

    function setUp() public virtual override {
        super.setUp();
        ref = _bind(hospital, "alice", alice);
    }

    /// @dev State word after docs/protocol.md section 5.
    function _stateWord(uint8 status, uint64 orderedAt, uint64 erasableFrom, uint32 set, uint64 bitmap)
        internal
        pure
        returns (uint256)
    {
        uint256 times = uint256(orderedAt) * 2 ** 16 + uint256(erasableFrom) * 2 ** 80;
        return status + times + uint256(set) * 2 ** 144 + uint256(bitmap) * 2 ** 176;
    }

    function _orderId(bytes32 recordId, bytes32 subjectRef) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("salus.order.v1"), recordId, subjectRef));
    }

    function _assertOrder(bytes32 recordId, bytes32 subjectRef, uint256 word) internal view {
        vm.assertEq(RecordLib.orderId(recordId, subjectRef), _orderId(recordId, subjectRef));
        vm.assertEq(records.stateOf(hospital.id, _orderId(recordId, subjectRef)), word, "state of the order");
    }

    function _expectNotQualified(address caller, uint16 role) internal {
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryNotQualified.selector, caller, role));
    }

    function _expectOtherSource(bytes32 subjectRef, bytes32 found, bytes32 expected) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IRecordRegistry.RecordRegistryOtherSource.selector, subjectRef, found, expected)
        );
    }

    function _expectWrongStatus(bytes32 id, uint8 status) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IRecordRegistry.RecordRegistryWrongStatus.selector, hospital.id, id, status)
        );
    }

    function _expectInvalidSignature(bytes32 id, address signer) internal {
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryInvalidSignature.selector, id, signer));
    }

    function _expectNotMember(bytes32 custodianId, uint32 set) internal {
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryNotMember.selector, custodianId, set));
    }

    /// @dev A reference the source has made known and nobody claimed.
    function _register(Institution memory source, string memory label) internal returns (bytes32 registered) {
        registered = _refOf(source, label);
        vm.prank(source.principal.account);
        subjects.register(registered, source.id, _seedOf(label));
    }
}
