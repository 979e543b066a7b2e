// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessState, IAccessGateway} from "../../../contracts/interfaces/IAccessGateway.sol";
import {AdmissionTerms} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {vm} from "../Vm.sol";
import {Institution} from "../base/Actors.sol";
import {Words} from "../base/Words.sol";
import {Witness} from "../log/Witness.sol";

/// @notice What the tests of the AccessGateway share: expected outcomes, refusals and the state of an access.
abstract contract GatewayTest is Witness {
    /// @dev The next call records this access with this outcome: its event and its entry. The expiry is that of a grant.
    function _expectOutcome(Access memory access, bytes32 key, address operator, uint16 code, uint64 expiry) internal {
        bytes32 id = _idOf(access);
        uint256 scope = Words.pack(access).scope;
        _expect(address(gateway));
        if (code == Codes.GRANTED) {
            emit IAccessGateway.AccessGranted(
                id,
                access.participantId,
                access.referenceId,
                key,
                operator,
                scope,
                access.recordsRoot,
                access.userDigest,
                expiry
            );
            _expectEntry(address(gateway), key, Entries.ACCESS_GRANTED, Codes.GRANTED, id);
        } else {
            emit IAccessGateway.AccessDenied(
                id,
                access.participantId,
                access.referenceId,
                key,
                operator,
                scope,
                access.recordsRoot,
                access.userDigest,
                code
            );
            _expectEntry(address(gateway), key, Entries.ACCESS_DENIED, code, id);
        }
    }

    function _expectRefusal(Access memory access, uint8 refusal) internal {
        _expectRefusal(_idOf(access), refusal);
    }

    function _expectRefusal(bytes32 accessId, uint8 refusal) internal {
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayRefused.selector, accessId, refusal));
    }

    /// @dev The word of an access, from the slot that light clients prove: mapping in slot 0.
    function _wordOf(bytes32 accessId) internal view returns (uint256 word) {
        word = uint256(vm.load(address(gateway), keccak256(abi.encode(accessId, uint256(0)))));
        vm.assertEq(gateway.slotOf(accessId), word);
    }

    /// @dev What is kept of a fresh access: as a word, after docs/protocol.md section 5, and unpacked.
    function _assertRecorded(Access memory access, bytes32 key, uint16 code, uint64 expiry) internal view {
        bytes32 id = _idOf(access);
        uint256 word = uint256(code) + uint256(expiry) * 2 ** 16 + uint256(access.kind) * 2 ** 80;
        vm.assertEq(
            _wordOf(id),
            word + uint256(_time()) * 2 ** 96 + uint256(keccak256(abi.encode(key))) % 2 ** 96 * 2 ** 160,
            "access word"
        );
        AccessState memory state = gateway.accessOf(id);
        vm.assertEq(state.code, code);
        vm.assertEq(state.expiry, expiry);
        vm.assertEq(state.kind, access.kind);
        vm.assertEq(state.recordedAt, _time());
        vm.assertFalse(state.frozen || state.reviewed);
    }

    /// @dev Requests counted against a participant in the present hour.
    function _used(Institution memory member) internal view returns (uint256) {
        (,, uint32 left) = participants.callerOf(member.principal.account);
        return participants.participant(member.id).hourlyQuota - left;
    }

    /// @dev Another quota, at once: by the Council's own account, past the delay of its vote.
    function _setQuota(Institution memory member, uint32 quota) internal {
        _setTerms(member, member.roles, ACCREDITED_UNTIL, quota);
    }

    function _setTerms(Institution memory member, uint16 roles, uint64 accreditedUntil, uint32 quota) internal {
        vm.prank(address(council));
        participants.renew(member.id, _termsOf(roles, accreditedUntil, quota), "papers", _keys(member.name));
    }

    function _termsOf(uint16 roles, uint64 accreditedUntil, uint32 quota) private pure returns (AdmissionTerms memory) {
        return AdmissionTerms({roles: roles, accreditedUntil: accreditedUntil, hourlyQuota: quota});
    }
}
