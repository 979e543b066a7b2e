// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Refusal} from "../../../contracts/interfaces/IAccessGateway.sol";
import {Access, AccessKind, AccessWords} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {Binding} from "../../../contracts/types/Subject.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Words} from "../base/Words.sol";
import {Wallet} from "../consents/Wallet.sol";
import {GatewayTest} from "./GatewayTest.sol";

contract RequestOwnTest is GatewayTest {
    bytes32 private _ref;

    function setUp() public override {
        super.setUp();
        _ref = _bind(hospital, "alice", alice);
    }

    /* WHAT IT DOES */

    function test_requestOwn__signed_by_the_controller__is_granted_for_an_hour() public {
        Access memory access = _ownAccess(_ref);
        _expectOutcome(access, _ref, alice.account, Codes.GRANTED, NOW + 1 hours);
        _listen();
        (bytes32 accessId, uint16 code) = _requestOwn(alice, access);

        _assertHeard();
        vm.assertEq(accessId, _idOf(access));
        vm.assertEq(code, Codes.GRANTED);
        _assertRecorded(access, _ref, Codes.GRANTED, NOW + 1 hours);
    }

    function test_requestOwn__sent_by_the_controller_without_signature__is_granted() public {
        Access memory access = _ownAccess(_ref);
        _expectOutcome(access, _ref, alice.account, Codes.GRANTED, NOW + 1 hours);
        _listen();
        vm.prank(alice.account);
        gateway.requestOwn(Words.pack(access), "");

        _assertHeard();
    }

    function test_requestOwn__signed_by_the_guardian__is_granted_and_names_the_guardian() public {
        _appoint(_ref, alice, guardian.account);
        Access memory access = _ownAccess(_ref);
        _expectOutcome(access, _ref, guardian.account, Codes.GRANTED, NOW + 1 hours);
        _listen();
        _requestOwn(guardian, access);

        _assertHeard();
        _assertRecorded(access, _ref, Codes.GRANTED, NOW + 1 hours);
    }

    function test_requestOwn__sent_by_the_guardian_without_signature__is_granted() public {
        _appoint(_ref, alice, guardian.account);
        Access memory access = _ownAccess(_ref);
        _expectOutcome(access, _ref, guardian.account, Codes.GRANTED, NOW + 1 hours);
        _listen();
        vm.prank(guardian.account);
        gateway.requestOwn(Words.pack(access), "");

        _assertHeard();
    }

    function test_requestOwn__controller_is_a_wallet__is_granted() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(bob.account)), bob.key);
        bytes32 ref = _refOf(hospital, "bob");
        Binding memory binding = Binding(ref, hospital.id, wallet.account, NOW + 1 hours);
        bytes memory signature = sign(bob, _digestOf(binding));
        vm.prank(hospital.principal.account);
        subjects.bind(binding, _seedOf("bob"), signature);
        Access memory access = _ownAccess(ref);
        _expectOutcome(access, ref, wallet.account, Codes.GRANTED, NOW + 1 hours);
        _listen();
        _requestOwn(bob, access);

        _assertHeard();
    }

    /// A patient may ask for all there is, and for days long past.
    function test_requestOwn__for_everything__is_granted() public {
        Access memory access = _ownAccess(_ref);
        (access.categories, access.actions) = (Labels.CATEGORIES, Labels.ACTIONS);
        (access.level, access.confidentiality, access.form) = (5, 5, 4);
        (access.fromDay, access.toDay) = (0, type(uint32).max);
        (, uint16 code) = _requestOwn(alice, access);

        vm.assertEq(code, Codes.GRANTED);
    }

    /// After a rotation the new controller asks, and the old one no more.
    function test_requestOwn__after_a_rotation__is_the_new_controllers() public {
        _rotate(_ref, alice, bob);
        Access memory access = _ownAccess(_ref);
        _expectRefusal(access, Refusal.NOT_CONTROLLER);
        _requestOwn(alice, access);
        (, uint16 code) = _requestOwn(bob, access);

        vm.assertEq(code, Codes.GRANTED);
    }

    /* DENIALS */

    function test_requestOwn__undefined_label__is_denied_38() public {
        for (uint256 field = 0; field < 5; ++field) {
            Access memory access = _ownAccess(_ref);
            if (field == 0) access.categories |= 1 << 37;
            if (field == 1) access.actions |= 1 << 11;
            if (field == 2) access.level = 6;
            if (field == 3) access.confidentiality = 6;
            if (field == 4) access.form = 5;
            _assertDenied(access, Codes.UNDEFINED_BITS);
        }
    }

    function test_requestOwn__frozen__is_denied_50() public {
        _freeze(_ref, alice, true);
        _assertDenied(_ownAccess(_ref), Codes.SUBJECT_FROZEN);
        _freeze(_ref, alice, false);
        (, uint16 code) = _requestOwn(alice, _ownAccess(_ref));
        vm.assertEq(code, Codes.GRANTED);
    }

    function test_requestOwn__linked_reference_frozen__is_denied_50() public {
        bytes32 other = _bind(hospital, "alice again", alice);
        _link(hospital, other, _ref, alice, alice);
        _freeze(other, alice, true);
        _assertDenied(_ownAccess(_ref), Codes.SUBJECT_FROZEN);
    }

    /* REFUSALS */

    function test_requestOwn__of_another_kind__is_refused() public {
        uint8[4] memory kinds = [0, AccessKind.CONSENT, AccessKind.EMERGENCY, 4];
        for (uint256 i = 0; i < kinds.length; ++i) {
            Access memory access = _ownAccess(_ref);
            access.kind = kinds[i];
            _assertRefused(access, Refusal.MALFORMED);
        }
    }

    function testFuzz_requestOwn__for_another_purpose__is_refused(uint8 bit) public {
        vm.assume(bit % 32 != 16);
        Access memory access = _ownAccess(_ref);
        access.purpose = uint32(1) << (bit % 32);
        _assertRefused(access, Refusal.MALFORMED);
        access.purpose |= Labels.PATRQT;
        _assertRefused(access, Refusal.MALFORMED);
        access.purpose = 0;
        _assertRefused(access, Refusal.MALFORMED);
    }

    function test_requestOwn__that_names_a_participant__is_refused() public {
        Access memory access = _ownAccess(_ref);
        access.participantId = hospital.id;
        _assertRefused(access, Refusal.MALFORMED);
    }

    function test_requestOwn__without_records_root_key_or_count__is_refused() public {
        for (uint256 field = 0; field < 4; ++field) {
            Access memory access = _ownAccess(_ref);
            if (field == 0) access.recordsRoot = 0;
            if (field == 1) access.sessionKey = 0;
            if (field == 2) access.recordCount = 0;
            if (field == 3) access.recordCount = 1025;
            _assertRefused(access, Refusal.MALFORMED);
        }
    }

    function test_requestOwn__with_a_dirty_bit__is_refused() public {
        AccessWords memory words = Words.pack(_ownAccess(_ref));
        words.scope |= 1 << 240;
        bytes memory signature = sign(alice, gateway.idOf(words));
        _expectRefusal(gateway.idOf(words), Refusal.MALFORMED);
        gateway.requestOwn(words, signature);
    }

    function test_requestOwn__last_second_of_its_deadline__is_granted_and_then_refused() public {
        Access memory access = _ownAccess(_ref);
        vm.warp(access.deadline);
        uint256 lastSecond = vm.snapshotState();
        (, uint16 code) = _requestOwn(alice, access);
        vm.assertEq(code, Codes.GRANTED);

        vm.revertToState(lastSecond);
        _skip(1);
        _assertRefused(access, Refusal.DEADLINE_PASSED);
    }

    function test_requestOwn__recorded_before__is_refused() public {
        Access memory access = _ownAccess(_ref);
        _requestOwn(alice, access);
        _expectRefusal(access, Refusal.ACCESS_KNOWN);
        _requestOwn(alice, access);
    }

    function test_requestOwn__of_an_unknown_subject__is_refused() public {
        _assertRefused(_ownAccess("nobody"), Refusal.SUBJECT_UNKNOWN);
    }

    function test_requestOwn__of_an_unclaimed_subject__is_refused() public {
        bytes32 ref = _refOf(hospital, "unclaimed");
        vm.prank(hospital.principal.account);
        subjects.register(ref, hospital.id, _seedOf("unclaimed"));
        _assertRefused(_ownAccess(ref), Refusal.SUBJECT_UNKNOWN);
    }

    function test_requestOwn__by_anybody_else__is_refused() public {
        Access memory access = _ownAccess(_ref);
        Actor[4] memory others = [bob, stranger, hospital.principal, guardian];
        for (uint256 i = 0; i < others.length; ++i) {
            _expectRefusal(access, Refusal.NOT_CONTROLLER);
            _requestOwn(others[i], access);
            vm.prank(others[i].account);
            _expectRefusal(access, Refusal.NOT_CONTROLLER);
            gateway.requestOwn(Words.pack(access), "");
        }
    }

    /// Without a guardian the zero address guards nobody.
    function test_requestOwn__badly_signed__is_refused() public {
        Access memory access = _ownAccess(_ref);
        bytes32 id = _idOf(access);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(alice.key, id);
        bytes[4] memory bad = [
            new bytes(65),
            abi.encodePacked(r, s),
            abi.encodePacked(r, s, v == 27 ? uint8(28) : uint8(27)),
            sign(alice, _typed(address(consents), "Salus AccessGateway", "struct"))
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            _expectRefusal(access, Refusal.NOT_CONTROLLER);
            gateway.requestOwn(Words.pack(access), bad[i]);
        }
    }

    /* INTERNAL */

    function _assertDenied(Access memory access, uint16 code) private {
        _expectOutcome(access, _ref, alice.account, code, 0);
        _listen();
        (, uint16 found) = _requestOwn(alice, access);

        _assertHeard();
        vm.assertEq(found, code);
        _assertRecorded(access, _ref, code, 0);
    }

    function _assertRefused(Access memory access, uint8 refusal) private {
        _expectRefusal(access, refusal);
        _requestOwn(alice, access);
        vm.assertEq(_wordOf(_idOf(access)), 0);
    }
}
