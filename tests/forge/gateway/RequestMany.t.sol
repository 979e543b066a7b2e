// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessGateway, Refusal, SignedRequest} from "../../../contracts/interfaces/IAccessGateway.sol";
import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Access, AccessKind} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentSlot} from "../../../contracts/types/Consent.sol";
import {vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Consent} from "../base/Words.sol";
import {GatewayTest} from "./GatewayTest.sol";

contract RequestManyTest is GatewayTest {
    /* WHAT IT DOES */

    function test_requestMany__of_nothing__does_nothing() public {
        _listen();
        vm.assertEq(gateway.requestMany(new SignedRequest[](0)), 0);
        _assertHeard();
    }

    /// Two holders, two participants, a denial and a bad item between them: each has its own outcome on its own chain.
    function test_requestMany__mixed_items__each_has_its_own_outcome() public {
        Consent memory ofAlice = _granted(alice, hospital);
        Consent memory ofBob = _consent(bob, clinic);
        ofBob.scope.sessionMinutes = 5;
        _grant(bob, ofBob);
        Access[4] memory accesses = [
            _access(hospital, _idOf(ofAlice)),
            _access(hospital, _idOf(ofBob)),
            _access(hospital, "unknown"),
            _access(clinic, _idOf(ofBob))
        ];
        SignedRequest[] memory requests = new SignedRequest[](4);
        requests[0] = _signed(ofAlice, accesses[0], hospital.second);
        requests[1] = _signed(ofBob, accesses[1], hospital.second);
        requests[2] = _signed(ofBob, accesses[2], hospital.second);
        requests[3] = _signed(ofBob, accesses[3], clinic.principal);
        address second = hospital.second.account;
        _expectOutcome(accesses[0], _keyOf(alice), second, Codes.GRANTED, NOW + 30 minutes);
        _expectOutcome(accesses[1], _keyOf(bob), second, Codes.GRANTEE_MISMATCH, 0);
        _expectSkipped(2, accesses[2], Refusal.OTHER_CONSENT);
        _expectOutcome(accesses[3], _keyOf(bob), clinic.principal.account, Codes.GRANTED, NOW + 5 minutes);
        _listen();
        vm.prank(relayer.account);
        uint256 recorded = gateway.requestMany(requests);

        _assertHeard();
        vm.assertEq(recorded, 3);
        _assertRecorded(accesses[0], _keyOf(alice), Codes.GRANTED, NOW + 30 minutes);
        _assertRecorded(accesses[1], _keyOf(bob), Codes.GRANTEE_MISMATCH, 0);
        vm.assertEq(_wordOf(_idOf(accesses[2])), 0);
        _assertRecorded(accesses[3], _keyOf(bob), Codes.GRANTED, NOW + 5 minutes);
        vm.assertEq(_used(hospital), 2);
        vm.assertEq(_used(clinic), 1);
    }

    /// An empty signature stands for the sender; half of one is a signature, and a wrong one.
    function test_requestMany__unsigned__is_the_senders() public {
        (Consent memory consent, SignedRequest[] memory requests) = _batch(3);
        (requests[0].operator.r, requests[0].operator.vs) = (0, 0);
        requests[1].operator.r = 0;
        requests[2].operator.vs = 0;
        _expectSkipped(1, _accessOf(requests[1]), Refusal.NOT_OPERATOR);
        _expectSkipped(2, _accessOf(requests[2]), Refusal.NOT_OPERATOR);
        vm.prank(hospital.second.account);
        vm.assertEq(gateway.requestMany(requests), 1);

        vm.prank(stranger.account);
        vm.assertEq(gateway.requestMany(requests), 0);
        vm.assertEq(ConsentSlot.status(consents.slotOf(alice.account, _idOf(consent))), 1);
    }

    /// Uses are counted inside a batch too.
    function test_requestMany__with_two_uses__grants_two() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = 2;
        _grant(alice, consent);
        SignedRequest[] memory requests = _batch(consent, 3);

        vm.assertEq(gateway.requestMany(requests), 3);
        vm.assertEq(_codeOf(requests[0]), Codes.GRANTED);
        vm.assertEq(_codeOf(requests[1]), Codes.GRANTED);
        vm.assertEq(_codeOf(requests[2]), Codes.CONSENT_USED_UP);
    }

    /// A batch decides as single requests do, whatever came before in the same memory.
    /// forge-config: default.fuzz.runs = 48
    /// forge-config: deep.fuzz.runs = 10000
    function testFuzz_requestMany__reused_memory__decides_like_single_requests(uint64[6] memory choices) public {
        SignedRequest[] memory requests = new SignedRequest[](choices.length);
        Consent[] memory shown = new Consent[](choices.length);
        for (uint256 i = 0; i < choices.length; ++i) {
            uint64 choice = choices[i];
            shown[i] = _consent(choice & 1 == 0 ? alice : bob, hospital);
            if (choice & 2 != 0) shown[i].scope.maxLevel = 2;
            if (choice & 4 != 0) (shown[i].scope.windowMonths, shown[i].scope.toDay) = (0, _today());
            if (choice & 8 != 0) shown[i].scope.sessionMinutes = uint32(choice >> 32);
            _grant(choice & 1 == 0 ? alice : bob, shown[i]);
            Access memory access = _access(hospital, _idOf(shown[i]));
            if (choice & 16 != 0) access.categories = uint64(1) << (uint8(choice >> 8) % 64);
            if (choice & 32 != 0) access.form = uint8(choice >> 16) % 6;
            if (choice & 64 != 0) access.purpose = uint32(1) << (uint8(choice >> 24) % 32);
            requests[i] = _signed(shown[i], access, hospital.principal);
        }
        uint256 before = vm.snapshotState();
        uint256[] memory alone = new uint256[](choices.length);
        for (uint256 i = 0; i < choices.length; ++i) {
            vm.prank(hospital.principal.account);
            (bytes32 accessId,) = gateway.request(requests[i].consent, requests[i].access);
            alone[i] = gateway.slotOf(accessId);
        }
        vm.revertToState(before);

        vm.assertEq(gateway.requestMany(requests), choices.length);
        for (uint256 i = 0; i < choices.length; ++i) {
            vm.assertEq(gateway.slotOf(gateway.idOf(requests[i].access)), alone[i]);
        }
    }

    /* QUOTA */

    /// A run of one operator is charged once.
    function test_requestMany__run_of_one_operator__is_charged_once() public {
        (, SignedRequest[] memory requests) = _batch(3);
        _expectCharge(3, 1);
        gateway.requestMany(requests);
        vm.assertEq(_used(hospital), 3);
    }

    /// Operators that take turns are charged at each turn, and never less in all.
    function test_requestMany__turns_of_two_operators__are_charged_each() public {
        (Consent memory consent, SignedRequest[] memory requests) = _batch(4);
        requests[1] = _signed(consent, _accessOf(requests[1]), hospital.second);
        requests[2] = _signed(consent, _accessOf(requests[2]), hospital.second);
        _expectCharge(1, 2);
        _expectCharge(2, 1);
        vm.assertEq(gateway.requestMany(requests), 4);
        vm.assertEq(_used(hospital), 4);
    }

    function test_requestMany__nothing_recorded__charges_nothing() public {
        (, SignedRequest[] memory requests) = _batch(2);
        gateway.requestMany(requests);
        _expectCharge(0, 0);
        _expectCharge(1, 0);
        vm.assertEq(gateway.requestMany(requests), 0);
        vm.assertEq(_used(hospital), 2);
    }

    function test_requestMany__beyond_the_quota__skips_the_rest() public {
        _setQuota(hospital, 2);
        (, SignedRequest[] memory requests) = _batch(4);
        _expectSkipped(2, _accessOf(requests[2]), Refusal.QUOTA_USED_UP);
        _expectSkipped(3, _accessOf(requests[3]), Refusal.QUOTA_USED_UP);
        vm.assertEq(gateway.requestMany(requests), 2);
        vm.assertEq(_used(hospital), 2);
    }

    /// What was skipped for the quota can be delivered in the next hour, while its deadline lasts.
    function test_requestMany__in_the_next_hour__delivers_what_was_skipped() public {
        vm.warp(NOW + 1 hours - 1);
        _setQuota(hospital, 2);
        (, SignedRequest[] memory requests) = _batch(3);
        vm.assertEq(gateway.requestMany(requests), 2);
        _skip(1);
        vm.assertEq(gateway.requestMany(requests), 1);
        vm.assertEq(_codeOf(requests[2]), Codes.GRANTED);
        vm.assertEq(_used(hospital), 1);
    }

    /// A refused item counts for nothing between two good ones.
    function test_requestMany__bad_item_between__costs_no_quota() public {
        _setQuota(hospital, 2);
        (, SignedRequest[] memory requests) = _batch(3);
        requests[1].consent.holder |= 1 << 160;
        vm.assertEq(gateway.requestMany(requests), 2);
        vm.assertEq(_codeOf(requests[2]), Codes.GRANTED);
    }

    /* SKIPPED */

    function test_requestMany__every_refusal__is_told_with_its_index() public {
        _setQuota(clinic, 0);
        Consent memory consent = _granted(alice, hospital);
        bytes32 id = _idOf(consent);
        SignedRequest[] memory requests = new SignedRequest[](9);
        uint8[9] memory refusals = [
            Refusal.NOT_OPERATOR,
            Refusal.MALFORMED,
            Refusal.DEADLINE_PASSED,
            Refusal.OTHER_PARTICIPANT,
            Refusal.NONE,
            Refusal.ACCESS_KNOWN,
            Refusal.OTHER_CONSENT,
            Refusal.CONSENT_UNKNOWN,
            Refusal.QUOTA_USED_UP
        ];
        Consent memory unknown = _consent(alice, hospital);
        Access[9] memory accesses;
        for (uint256 i = 0; i < 9; ++i) {
            Access memory access = _access(i == 8 ? clinic : hospital, id);
            if (i == 1) access.kind = AccessKind.OWN;
            if (i == 2) access.deadline = NOW - 1;
            if (i == 3) access.participantId = clinic.id;
            if (i == 5) access = accesses[4];
            if (i == 6) access.referenceId = "another";
            if (i == 7) access.referenceId = _idOf(unknown);
            accesses[i] = access;
            Actor memory operator = i == 0 ? stranger : i == 8 ? clinic.principal : hospital.principal;
            requests[i] = _signed(i == 7 ? unknown : consent, access, operator);
            if (refusals[i] != Refusal.NONE) _expectSkipped(i, access, refusals[i]);
            else _expectOutcome(access, _keyOf(alice), operator.account, Codes.GRANTED, NOW + 30 minutes);
        }
        _listen();
        vm.assertEq(gateway.requestMany(requests), 1);

        _assertHeard();
        vm.assertEq(_used(hospital), 1);
    }

    /// A wrong signature first in the batch must not pass for the empty caller it starts with.
    function test_requestMany__badly_signed__is_skipped() public {
        (Consent memory consent, SignedRequest[] memory requests) = _batch(4);
        requests[0].operator.vs ^= bytes32(uint256(1) << 255);
        requests[1].operator.r ^= bytes32(uint256(1));
        requests[2] = _signed(consent, _accessOf(requests[2]), stranger);
        requests[3].access.salt = "other than signed";
        vm.prank(hospital.principal.account);
        vm.assertEq(gateway.requestMany(requests), 0);
        vm.assertEq(_used(hospital), 0);
    }

    /// The twin of a signature with high s is none.
    function test_requestMany__with_high_s__is_skipped() public {
        (, SignedRequest[] memory requests) = _batch(1);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        uint256 s = uint256(requests[0].operator.vs) & (2 ** 255 - 1);
        uint256 parity = uint256(requests[0].operator.vs) >> 255;
        // The twin fits the compact form only when it is below 2^255.
        vm.assertTrue(order - s > order / 2);
        if (order - s >> 255 == 0) requests[0].operator.vs = bytes32(order - s | (1 - parity) << 255);
        else requests[0].operator.vs = bytes32(order - s);
        _expectSkipped(0, _accessOf(requests[0]), Refusal.NOT_OPERATOR);
        vm.assertEq(gateway.requestMany(requests), 0);
    }

    /* INTERNAL */

    Access[] private _accesses;

    function _batch(uint256 count) private returns (Consent memory consent, SignedRequest[] memory requests) {
        consent = _granted(alice, hospital);
        requests = _batch(consent, count);
    }

    function _batch(Consent memory consent, uint256 count) private returns (SignedRequest[] memory requests) {
        delete _accesses;
        requests = new SignedRequest[](count);
        for (uint256 i = 0; i < count; ++i) {
            _accesses.push(_access(hospital, _idOf(consent)));
            requests[i] = _signed(consent, _accesses[i], hospital.principal);
        }
    }

    /// @dev The struct behind an item of the last batch.
    function _accessOf(SignedRequest memory item) private view returns (Access memory) {
        for (uint256 i = 0; i < _accesses.length; ++i) {
            if (_accesses[i].salt == item.access.salt) return _accesses[i];
        }
        revert("no such item");
    }

    function _codeOf(SignedRequest memory item) private view returns (uint16) {
        return gateway.accessOf(gateway.idOf(item.access)).code;
    }

    function _expectSkipped(uint256 index, Access memory access, uint8 refusal) private {
        _expect(address(gateway));
        emit IAccessGateway.RequestSkipped(index, _idOf(access), refusal);
    }

    function _expectCharge(uint32 count, uint64 times) private {
        vm.expectCall(address(participants), abi.encodeCall(IParticipantRegistry.charge, (hospital.id, count)), times);
    }
}
