// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessGateway} from "../../contracts/AccessGateway.sol";
import {AuditLog} from "../../contracts/AuditLog.sol";
import {ConsentRegistry} from "../../contracts/ConsentRegistry.sol";
import {Council} from "../../contracts/Council.sol";
import {ParticipantRegistry} from "../../contracts/ParticipantRegistry.sol";
import {SubjectRegistry} from "../../contracts/SubjectRegistry.sol";
import {IAccessGateway} from "../../contracts/interfaces/IAccessGateway.sol";
import {Call} from "../../contracts/interfaces/ICouncil.sol";
import {
    AdmissionTerms,
    Application,
    IParticipantRegistry,
    ParticipantKeys
} from "../../contracts/interfaces/IParticipantRegistry.sol";
import {AccessKind, AccessWords} from "../../contracts/types/Access.sol";
import {Codes} from "../../contracts/types/Codes.sol";
import {ConsentHead, ConsentLib, ConsentScope, ConsentWords} from "../../contracts/types/Consent.sol";
import {Directory} from "../../contracts/types/Directory.sol";
import {Labels} from "../../contracts/types/Labels.sol";
import {ParticipantKind, ParticipantRole} from "../../contracts/types/Participant.sol";
import {vm} from "./Vm.sol";

/// @notice One consent and one access through the real contracts, voted in by the Council.
contract SmokeTest {
    uint256 private constant PATIENT_KEY = 0xa11ce;
    address private constant HOSPITAL = address(0x4051);
    uint64 private constant NOW = 1_793_491_200;

    address[] private _members = [address(0xc1), address(0xc2), address(0xc3)];
    Council private _council;
    ConsentRegistry private _consents;
    AccessGateway private _gateway;
    bytes32 private _hospitalId;

    function setUp() public {
        vm.warp(NOW);
        _council = new Council(_members, 2, 0);
        AuditLog log = new AuditLog(address(_council));
        ParticipantRegistry participants = new ParticipantRegistry(_council);
        SubjectRegistry subjects = new SubjectRegistry(_council, participants, log, 5);
        _consents = new ConsentRegistry(_council, log);
        _install(Directory.AUDIT_LOG, address(log));
        _install(Directory.PARTICIPANT_REGISTRY, address(participants));
        _install(Directory.SUBJECT_REGISTRY, address(subjects));
        _install(Directory.CONSENT_REGISTRY, address(_consents));
        _gateway = new AccessGateway(_council);
        _install(Directory.ACCESS_GATEWAY, address(_gateway));

        vm.prank(HOSPITAL);
        _hospitalId = participants.applyToJoin(
            Application(ParticipantKind.HOSPITAL, "papers", ParticipantKeys("key", 0, 0, address(0)), "salt")
        );
        AdmissionTerms memory terms = AdmissionTerms(ParticipantRole.CARE, NOW + 365 days, 10);
        _vote(address(participants), abi.encodeCall(IParticipantRegistry.admit, (_hospitalId, terms)));
    }

    function test_request__under_signed_consent__is_granted() public {
        ConsentWords memory consent = _grant();
        AccessWords memory access = _access(consent);
        vm.prank(HOSPITAL);
        (bytes32 accessId, uint16 code) = _gateway.request(consent, access);

        vm.assertEq(code, Codes.GRANTED);
        vm.assertEq(_gateway.accessOf(accessId).expiry, NOW + 1 hours);
    }

    /// Whatever a stranger sends, nothing is recorded.
    function testFuzz_request__by_stranger__reverts(address stranger) public {
        vm.assume(stranger != HOSPITAL);
        ConsentWords memory consent = _grant();
        AccessWords memory access = _access(consent);
        vm.prank(stranger);
        vm.expectPartialRevert(IAccessGateway.AccessGatewayRefused.selector);
        _gateway.request(consent, access);
    }

    function _grant() private returns (ConsentWords memory words) {
        address holder = vm.addr(PATIENT_KEY);
        words.holder = uint160(holder);
        words.head = uint256(NOW + 1 hours) << 96;
        words.granteeId = _hospitalId;
        words.scope = uint256(Labels.TREAT) | 0xff << 32 | 6 << 96 | 4 << 112 | 3 << 120 | 3 << 136;
        words.validity = uint256(NOW - 1) | uint256(NOW + 30 days) << 64 | 1 << 224;
        words.salt = "salt";
        bytes32 digest = _gateway.consentIdOf(words);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PATIENT_KEY, digest);
        ConsentHead memory head = ConsentHead(holder, 0, 0, NOW + 1 hours, 0);
        _consents.grant(head, this.scopeHash(words), abi.encodePacked(r, s, v));
    }

    function _access(ConsentWords memory consent) private view returns (AccessWords memory words) {
        uint256 today = (NOW + 8 hours) / 1 days;
        words.participantId = _hospitalId;
        words.referenceId = _gateway.consentIdOf(consent);
        words.scope = uint256(AccessKind.CONSENT) | uint256(Labels.TREAT) << 8 | 0x80 << 40 | 4 << 104 | 3 << 120
            | (today - 30) << 144 | today << 176 | 1 << 224;
        words.recordsRoot = "records";
        words.sessionKey = "session";
        words.deadline = NOW + 60;
    }

    /// @dev External, because the codec reads calldata.
    function scopeHash(ConsentWords calldata words) external pure returns (bytes32) {
        ConsentScope memory scope;
        ConsentLib.unpackScope(words, scope);
        return ConsentLib.hash(scope);
    }

    function _install(bytes32 role, address account) private {
        _vote(address(_council), abi.encodeCall(Council.install, (role, account)));
    }

    function _vote(address target, bytes memory callData) private {
        Call[] memory calls = new Call[](1);
        calls[0] = Call(target, callData);
        vm.prank(_members[0]);
        bytes32 id = _council.propose(calls, 0);
        vm.prank(_members[1]);
        _council.approve(id);
        vm.prank(_members[2]);
        _council.execute(calls, 0);
    }
}
