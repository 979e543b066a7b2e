// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessGateway} from "../../../contracts/AccessGateway.sol";
import {IAccessGateway, Refusal, SignedRequest} from "../../../contracts/interfaces/IAccessGateway.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {ISubjectRegistry} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {Binding, Denial, Rotation, SubjectFreeze, Veto} from "../../../contracts/types/Subject.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";
import {Consent, Words} from "../base/Words.sol";

/// @notice A signature is good for one chain, one contract, one deployment, one subject, one time and one signer.
contract ReplayTest is Base {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /* PLACE */

    function test_grant__signed_for_another_chain__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        bytes memory signature = sign(alice, _idOf(consent));
        vm.chainId(1);

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(consent.head, _scopeHash(consent), signature);
    }

    function test_grant__signed_for_another_deployment__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        bytes memory signature = sign(alice, _idOf(consent));
        _deploy();

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(consent.head, _scopeHash(consent), signature);
    }

    function test_grant__signed_under_another_contracts_domain__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        bytes memory signature = sign(alice, _typed(address(gateway), "Salus AccessGateway", _structHash(consent)));

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(consent.head, _scopeHash(consent), signature);
    }

    function test_requestOwn__signed_for_the_retired_gateway__is_refused() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        Access memory access = _ownAccess(ref);
        access.deadline = _time() + 30 days;
        bytes memory signature = sign(alice, _idOf(access));
        AccessGateway second = new AccessGateway(council);
        _voteLate(address(council), _installation(Directory.ACCESS_GATEWAY, address(second)).callData);
        gateway = second;

        _expectRefusal(_idOf(access), Refusal.NOT_CONTROLLER);
        second.requestOwn(Words.pack(access), signature);
    }

    function test_subject__signed_for_another_subject__is_refused() public {
        bytes32 first = _bind(hospital, "alice", alice);
        bytes32 other = _bind(clinic, "alice", alice);
        SubjectFreeze memory freeze = SubjectFreeze(first, alice.account, true, 0, _time() + 1 hours);
        bytes memory signature = sign(alice, _digestOf(freeze));
        freeze.subjectRef = other;

        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.freeze(freeze, signature);
    }

    function test_subject__signed_for_another_verb__is_refused() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        _recover(ref, hospital, bob);
        // The same three words, but a rotation's digest: the new account alone must not veto or rotate with it.
        Rotation memory rotation = _rotation(ref, bob);
        bytes memory signature = sign(bob, _digestOf(rotation));

        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.veto(Veto(ref, rotation.nonce, rotation.deadline), signature);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryInvalidSignature.selector);
        subjects.rotate(rotation, [signature, signature]);
    }

    /* TIME */

    function test_subject__message_sent_twice__is_refused() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        Denial memory denial = Denial(ref, clinic.id, 2, 0, _time() + 1 hours);
        bytes memory signature = sign(alice, _digestOf(denial));
        subjects.deny(denial, signature);
        _deny(ref, alice, clinic, 0);

        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryWrongNonce.selector);
        subjects.deny(denial, signature);
    }

    function test_subject__deadline_passed__is_refused() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        SubjectFreeze memory freeze = SubjectFreeze(ref, alice.account, true, 0, _time() + 1 hours);
        bytes memory signature = sign(alice, _digestOf(freeze));
        _skip(1 hours);
        uint256 lastSecond = vm.snapshotState();
        subjects.freeze(freeze, signature);

        vm.revertToState(lastSecond);
        _skip(1);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryDeadlinePassed.selector);
        subjects.freeze(freeze, signature);
    }

    function test_bind__sent_twice__is_refused() public {
        bytes32 ref = _refOf(hospital, "alice");
        Binding memory binding = Binding(ref, hospital.id, alice.account, _time() + 365 days);
        bytes memory signature = sign(alice, _digestOf(binding));
        vm.prank(hospital.principal.account);
        subjects.bind(binding, _seedOf("alice"), signature);
        _rotate(ref, alice, bob);

        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryClaimed.selector);
        subjects.bind(binding, _seedOf("alice"), signature);
    }

    /* SIGNER */

    function test_subject__signed_by_the_former_controller__is_refused() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        _rotate(ref, alice, bob);
        SubjectFreeze memory freeze = SubjectFreeze(ref, alice.account, true, 1, _time() + 1 hours);
        bytes memory signature = sign(alice, _digestOf(freeze));

        vm.expectPartialRevert(ISubjectRegistry.SubjectRegistryNotGuardian.selector);
        subjects.freeze(freeze, signature);
    }

    function test_requestOwn__signed_before_the_rotation__is_refused() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        Access memory access = _ownAccess(ref);
        bytes memory signature = sign(alice, _idOf(access));
        _rotate(ref, alice, bob);

        _expectRefusal(_idOf(access), Refusal.NOT_CONTROLLER);
        gateway.requestOwn(Words.pack(access), signature);
    }

    function test_requestOwn__by_a_guardian_whose_time_is_over__is_refused() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        _appoint(ref, alice, guardian.account);
        Access memory access = _ownAccess(ref);
        bytes memory signature = sign(guardian, _idOf(access));
        _appoint(ref, alice, address(0));

        _expectRefusal(_idOf(access), Refusal.NOT_CONTROLLER);
        gateway.requestOwn(Words.pack(access), signature);
    }

    function test_requestMany__signed_by_a_removed_operator__is_skipped() public {
        Consent memory consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));
        SignedRequest[] memory requests = new SignedRequest[](1);
        requests[0] = _signed(consent, access, hospital.second);
        vm.prank(hospital.principal.account);
        participants.removeOperator(hospital.id, hospital.second.account);

        vm.assertEq(gateway.requestMany(requests), 0);
        vm.assertEq(gateway.slotOf(_idOf(access)), 0);
    }

    /* FORM */

    /// The other of the two equal ECDSA signatures, with high s.
    function test_grant__malleable_signature__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(alice.key, _idOf(consent));
        bytes memory twin = abi.encodePacked(r, bytes32(CURVE_ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(consent.head, _scopeHash(consent), twin);
    }

    /// Any other length than 65 bytes, the 64 of EIP-2098 included.
    function testFuzz_grant__short_or_long_signature__is_refused(uint8 length) public {
        vm.assume(length != 65);
        Consent memory consent = _consent(alice, hospital);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(alice.key, _idOf(consent));
        bytes memory signature = abi.encodePacked(r, uint256(s) | uint256(v - 27) << 255, new bytes(192));
        assembly ("memory-safe") {
            mstore(signature, length)
        }

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(consent.head, _scopeHash(consent), signature);
    }

    /// A signature that recovers to nobody must not act for the zero address.
    function test_grant__holder_zero__is_refused() public {
        Actor memory nobody;
        Consent memory consent = _consent(nobody, hospital);

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(consent.head, _scopeHash(consent), new bytes(65));
        vm.prank(address(0));
        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(consent.head, _scopeHash(consent), "");
    }

    /// Precompiles answer any call; none of them answers as an ERC-1271 wallet that agrees.
    function testFuzz_grant__precompile_as_holder__is_refused(uint8 number, bytes memory signature) public {
        vm.assume(number != 0 && number < 32 && signature.length != 0);
        Actor memory holder = Actor("Precompile", address(uint160(number)), 1);
        Consent memory consent = _consent(holder, hospital);

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(consent.head, _scopeHash(consent), signature);
    }

    function _expectRefusal(bytes32 accessId, uint8 refusal) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayRefused.selector, accessId, refusal));
    }
}
