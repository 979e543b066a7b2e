// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Council} from "../../../contracts/Council.sol";
import {IAccessGateway, Refusal, SignedRequest} from "../../../contracts/interfaces/IAccessGateway.sol";
import {Call, ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {AnchorTag, Attestation, Destruction} from "../../../contracts/types/Record.sol";
import {Binding, Denial, Retention, Rotation, SubjectFreeze} from "../../../contracts/types/Subject.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";
import {Consent, Words} from "../base/Words.sol";

/// @notice Calldata that no encoder writes: a value wider than its type, a call cut short or drawn out, a list longer than it
/// is, one proposal written two ways. None of it passes for something else.
contract EncodingAttacks is Base {
    bytes32 private _ref;

    function setUp() public override {
        super.setUp();
        _ref = _bind(hospital, "alice", alice);
    }

    /* VALUES WIDER THAN THEIR TYPE */

    function testFuzz_subject__value_wider_than_its_type__is_refused(uint8 bit) public {
        Binding memory binding = Binding(_refOf(hospital, "bob"), hospital.id, bob.account, _time() + 1 hours);
        bytes memory callData = abi.encodeCall(subjects.bind, (binding, _seedOf("bob"), sign(bob, _digestOf(binding))));
        _assertWide(hospital.principal, address(subjects), callData, 2, 160, bit);
        _assertWide(hospital.principal, address(subjects), callData, 3, 64, bit);

        SubjectFreeze memory freeze = SubjectFreeze(_ref, alice.account, true, 0, _time() + 1 hours);
        callData = abi.encodeCall(subjects.freeze, (freeze, sign(alice, _digestOf(freeze))));
        _assertWide(relayer, address(subjects), callData, 1, 160, bit);
        _assertWide(relayer, address(subjects), callData, 2, 1, bit);
        _assertWide(relayer, address(subjects), callData, 3, 64, bit);
        _assertWide(relayer, address(subjects), callData, 4, 64, bit);

        Denial memory denial = Denial(_ref, clinic.id, 2, 0, _time() + 1 hours);
        callData = abi.encodeCall(subjects.deny, (denial, sign(alice, _digestOf(denial))));
        _assertWide(relayer, address(subjects), callData, 2, 8, bit);

        Retention memory retention = Retention(_ref, 1, 0, _time() + 1 hours);
        callData = abi.encodeCall(subjects.retain, (retention, sign(alice, _digestOf(retention))));
        _assertWide(relayer, address(subjects), callData, 1, 8, bit);

        Rotation memory rotation = _rotation(_ref, bob);
        bytes[2] memory signatures = [sign(alice, _digestOf(rotation)), sign(bob, _digestOf(rotation))];
        callData = abi.encodeCall(subjects.rotate, (rotation, signatures));
        _assertWide(relayer, address(subjects), callData, 1, 160, bit);
    }

    function testFuzz_consent__value_wider_than_its_type__is_refused(uint8 bit) public {
        Consent memory consent = _consent(alice, clinic);
        bytes memory callData =
            abi.encodeCall(consents.grant, (consent.head, _scopeHash(consent), sign(alice, _idOf(consent))));
        uint8[4] memory widths = [160, 64, 32, 64];
        for (uint256 i = 0; i < widths.length; ++i) {
            _assertWide(relayer, address(consents), callData, i, widths[i], bit);
        }

        bytes memory signature = sign(alice, _revocationDigest(alice.account, "id"));
        callData = abi.encodeCall(consents.revoke, (alice.account, "id", signature));
        _assertWide(relayer, address(consents), callData, 0, 160, bit);
        signature = sign(alice, _revocationOfAllDigest(alice.account, 0));
        callData = abi.encodeCall(consents.revokeAll, (alice.account, 0, signature));
        _assertWide(relayer, address(consents), callData, 1, 64, bit);
    }

    function testFuzz_record__value_wider_than_its_type__is_refused(uint8 bit) public {
        bytes memory callData = abi.encodeCall(records.anchor, ("root", 1, setId, AnchorTag.BATCH));
        _assertWide(hospital.principal, address(records), callData, 1, 32, bit);
        _assertWide(hospital.principal, address(records), callData, 2, 32, bit);
        _assertWide(hospital.principal, address(records), callData, 3, 8, bit);
        callData = abi.encodeCall(records.invalidate, ("leaf", _ref, 1));
        _assertWide(hospital.principal, address(records), callData, 2, 8, bit);

        Destruction memory destruction = _destruction(hospital, "record", _ref);
        callData = abi.encodeCall(records.order, (destruction, sign(alice, _digestOf(destruction))));
        _assertWide(hospital.principal, address(records), callData, 3, 32, bit);
        _assertWide(hospital.principal, address(records), callData, 4, 64, bit);

        _order(hospital, "record", _ref, alice);
        _skip(COOLING_OFF);
        Attestation memory attestation = Attestation(hospital.id, "record", _ref, east.id, 1);
        callData = abi.encodeCall(records.attest, (attestation, sign(east.principal, _digestOf(attestation))));
        _assertWide(relayer, address(records), callData, 4, 32, bit);
    }

    /* CALLS CUT SHORT OR DRAWN OUT */

    function testFuzz_request__cut_short__is_refused(uint16 length) public {
        Consent memory consent = _granted(alice, clinic);
        bytes memory callData =
            abi.encodeCall(gateway.request, (Words.pack(consent), Words.pack(_access(clinic, _idOf(consent)))));
        _assertFails(clinic.principal, address(gateway), _cut(callData, length % callData.length));
    }

    /// A tail behind the arguments changes nothing, and makes no second access of one.
    function test_request__drawn_out__is_the_same_access() public {
        Consent memory consent = _granted(alice, clinic);
        Access memory access = _access(clinic, _idOf(consent));
        bytes memory callData = abi.encodeCall(gateway.request, (Words.pack(consent), Words.pack(access)));
        vm.prank(clinic.principal.account);
        (bool success, bytes memory answer) = address(gateway).call(bytes.concat(callData, "tail"));
        vm.assertTrue(success);
        (bytes32 accessId, uint16 code) = abi.decode(answer, (bytes32, uint16));
        vm.assertEq(accessId, _idOf(access));
        vm.assertEq(code, 1);

        vm.expectRevert(
            abi.encodeWithSelector(IAccessGateway.AccessGatewayRefused.selector, accessId, Refusal.ACCESS_KNOWN)
        );
        _request(consent, access, clinic);
    }

    /// A batch that says it has more items than it brings, up to lengths whose size overflows.
    function testFuzz_requestMany__longer_than_it_is__is_refused(uint256 length) public {
        Consent memory consent = _granted(alice, clinic);
        SignedRequest[] memory items = new SignedRequest[](1);
        items[0] = _signed(consent, _access(clinic, _idOf(consent)), clinic.principal);
        bytes memory callData = abi.encodeCall(gateway.requestMany, (items));
        _assertFails(relayer, address(gateway), _with(callData, 1, length < 2 ? type(uint256).max : length));
        _assertFails(relayer, address(gateway), _cut(callData, callData.length - 1));
    }

    function testFuzz_grant__signature_outside_the_call__is_refused(uint256 offset, uint256 length) public {
        Consent memory consent = _consent(alice, clinic);
        bytes memory callData =
            abi.encodeCall(consents.grant, (consent.head, _scopeHash(consent), sign(alice, _idOf(consent))));
        // Words 0 to 4 are the head, 5 the scope's hash, 6 the signature's place, 7 its length.
        _assertFails(relayer, address(consents), _with(callData, 6, offset < 9 * 32 ? ~offset : offset));
        _assertFails(relayer, address(consents), _with(callData, 7, length <= 96 ? ~length : length));
    }

    /* ONE PROPOSAL WRITTEN TWO WAYS */

    /// Two equal calls that share one tail: the same proposal as written out, and executed once.
    function test_propose__calls_that_share_their_bytes__is_the_proposal_written_out() public {
        bytes32[] memory ids = new bytes32[](2);
        (ids[0], ids[1]) = (east.id, west.id);
        bytes memory callData = abi.encodeCall(IParticipantRegistry.formCustodianSet, (ids, 2));
        Call[] memory calls = new Call[](2);
        (calls[0], calls[1]) = (Call(address(participants), callData), Call(address(participants), callData));
        bytes32 salt = _fresh();
        // Place of the list, salt; length of the list, places of both its items: behind these two words.
        bytes memory shared = bytes.concat(
            abi.encode(64, salt, 2, 64, 64),
            bytes32(uint256(uint160(address(participants)))),
            abi.encode(64, callData.length)
        );
        shared = bytes.concat(shared, callData, new bytes(32 - callData.length % 32));
        vm.prank(members[0].account);
        (bool success, bytes memory answer) = address(council).call(bytes.concat(Council.propose.selector, shared));
        vm.assertTrue(success);
        bytes32 id = council.idOf(calls, salt);
        vm.assertEq(abi.decode(answer, (bytes32)), id);

        vm.prank(members[1].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilProposalExists.selector, id));
        council.propose(calls, salt);
        for (uint256 i = 1; i < THRESHOLD; ++i) {
            vm.prank(members[i].account);
            council.approve(id);
        }
        uint32 before = participants.custodianSetCount();
        _execute(calls, salt);
        vm.assertEq(participants.custodianSetCount(), before + 2);
        _assertFails(members[0], address(council), bytes.concat(Council.execute.selector, shared));
    }

    /* OTHER SIDE OF A SPLIT */

    /// Votes given before the chain's id changed are votes on another proposal.
    function test_execute__passed_before_the_chain_split__is_unknown() public {
        Call[] memory calls = _calls(address(participants), abi.encodeCall(IParticipantRegistry.suspend, (clinic.id)));
        bytes32 salt = _pass(calls);
        vm.chainId(vm.getChainId() + 1);

        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilProposalNotOpen.selector, council.idOf(calls, salt), 0));
        _execute(calls, salt);
    }

    /* PRIVATE */

    /// @dev Refused with a bit above the type's width, and good without it.
    function _assertWide(
        Actor memory sender,
        address target,
        bytes memory callData,
        uint256 word,
        uint256 width,
        uint256 bit
    ) private {
        bit = width + bit % (256 - width);
        uint256 before = vm.snapshotState();
        _assertFails(sender, target, _with(callData, word, _word(callData, word) | 1 << bit));
        vm.prank(sender.account);
        (bool success,) = target.call(callData);
        vm.assertTrue(success);
        vm.revertToState(before);
    }

    function _assertFails(Actor memory sender, address target, bytes memory callData) private {
        vm.prank(sender.account);
        (bool success,) = target.call(callData);
        vm.assertFalse(success);
    }

    function _word(bytes memory callData, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(callData, 0x24), mul(index, 0x20)))
        }
    }

    /// @dev A copy with another word.
    function _with(bytes memory callData, uint256 index, uint256 value) private pure returns (bytes memory copy) {
        copy = bytes.concat(callData);
        assembly ("memory-safe") {
            mstore(add(add(copy, 0x24), mul(index, 0x20)), value)
        }
    }

    function _cut(bytes memory callData, uint256 length) private pure returns (bytes memory copy) {
        copy = bytes.concat(callData);
        assembly ("memory-safe") {
            mstore(copy, length)
        }
    }
}
