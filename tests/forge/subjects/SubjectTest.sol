// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {ISubjectRegistry, PendingChange, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";
import {Forgeries} from "../base/Forgeries.sol";
import {Recorded} from "../base/Recorded.sol";

/// @notice A claimed subject, and how each of its verbs is held to its events, log entries, signatures, nonce and deadline.
/// @dev Chains are computed here after docs/protocol.md, section 6, apart from the contracts' own library.
abstract contract SubjectTest is Base, Forgeries, Recorded {
    string internal constant NAME = "Salus SubjectRegistry";

    /// Alice at the hospital.
    bytes32 internal ref;
    /// Words of chains as they should be.
    mapping(bytes32 key => uint256) private _chains;
    uint256 private _globalChain;
    bytes32[] private _watched;

    function setUp() public virtual override {
        super.setUp();
        ref = _bind(hospital, "alice", alice);
    }

    /* EVENTS AND ENTRIES */

    /// @dev Starts to record, and notes where the chains of these subjects stand.
    function _watch(bytes32 one, bytes32 other) internal {
        delete _watched;
        _watched.push(one);
        if (other != one) _watched.push(other);
        for (uint256 i = 0; i < _watched.length; ++i) {
            (uint208 head, uint48 count) = log.chainOf(_watched[i]);
            _chains[_watched[i]] = uint256(head) << 48 | count;
        }
        (uint208 globalHead, uint48 globalCount) = log.globalChain();
        _globalChain = uint256(globalHead) << 48 | globalCount;
        vm.recordLogs();
    }

    function _watch(bytes32 one) internal {
        _watch(one, one);
    }

    /// @dev Expects one more entry, as `_assertTold` and `_assertChains` will find it.
    function _entry(bytes32 key, uint8 kind, uint16 code, bytes32 referenceId) internal {
        uint64 time = _time();
        bytes32 entry = keccak256(
            abi.encode(
                keccak256("salus.entry.v1"), vm.getChainId(), address(subjects), key, kind, code, referenceId, time
            )
        );
        uint256 global = _extended(_globalChain, entry);
        uint256 own = _extended(_chains[key], entry);
        (_globalChain, _chains[key]) = (global, own);

        emit IAuditLog.Appended(key, kind, code, referenceId, address(subjects), uint48(global), uint48(own), time);
    }

    function _assertChains() internal view {
        for (uint256 i = 0; i < _watched.length; ++i) {
            (uint208 head, uint48 count) = log.chainOf(_watched[i]);
            vm.assertEq(uint256(head) << 48 | count, _chains[_watched[i]], "chain");
        }
        (uint208 globalHead, uint48 globalCount) = log.globalChain();
        vm.assertEq(uint256(globalHead) << 48 | globalCount, _globalChain, "global chain");
    }

    function _emitterOf(bytes32 signature) internal view override returns (address) {
        return signature == IAuditLog.Appended.selector ? address(log) : address(subjects);
    }

    function _extended(uint256 chain, bytes32 entry) private pure returns (uint256) {
        uint256 head = uint256(keccak256(abi.encode(keccak256("salus.head.v1"), chain >> 48, entry)));
        return head << 48 | uint48(chain) + 1;
    }

    /* STATE */

    function _assertSubject(bytes32 which, Subject memory expected) internal view {
        vm.assertEq(keccak256(abi.encode(subjects.subject(which))), keccak256(abi.encode(expected)), "subject");
    }

    /// @dev A change that the source, or the Council, has started.
    function _assertPending(bytes32 which, address account, uint64 readyAt, bool isGuardian, bool byCouncil)
        internal
        view
    {
        PendingChange memory pending = subjects.pendingChange(which);
        vm.assertEq(pending.account, account, "pending account");
        vm.assertEq(pending.readyAt, readyAt, "ready at");
        vm.assertEq(pending.isGuardian ? 1 : 0, isGuardian ? 1 : 0, "guardian or controller");
        vm.assertEq(pending.byCouncil ? 1 : 0, byCouncil ? 1 : 0, "by source or Council");
    }

    function _assertNothingPending(bytes32 which) internal view {
        _assertPending(which, address(0), 0, false, false);
    }

    function _nonce(bytes32 which) internal view returns (uint64) {
        return subjects.subject(which).nonce;
    }

    /// @dev A reference of the hospital that is known but not claimed.
    function _registered(string memory label) internal returns (bytes32 made) {
        made = _refOf(hospital, label);
        vm.prank(hospital.principal.account);
        subjects.register(made, hospital.id, _seedOf(label));
    }

    function _word(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    /* REFUSALS */

    function _expectInvalidSignature(bytes32 which, address signer) internal {
        vm.expectRevert(
            abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryInvalidSignature.selector, which, signer)
        );
    }

    function _expectUnchanged(bytes32 which) internal {
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryUnchanged.selector, which));
    }

    function _expectNotSource(bytes32 sourceId, address caller) internal {
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryNotSource.selector, sourceId, caller));
    }

    function _expectUnknown(bytes32 which) internal {
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryUnknown.selector, which));
    }

    function _expectNonce(bytes32 which, uint64 found, uint64 expected) internal {
        vm.expectRevert(
            abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryWrongNonce.selector, which, found, expected)
        );
    }

    function _expectDeadline(uint64 deadline, uint64 time) internal {
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryDeadlinePassed.selector, deadline, time));
    }

    function _expectWrongSeed(bytes32 found, bytes32 expected) internal {
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryWrongSeed.selector, found, expected));
    }

    function _expectPending(bytes32 which, uint64 readyAt) internal {
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryChangePending.selector, which, readyAt));
    }

    function _expectNothingPending(bytes32 which) internal {
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryNothingPending.selector, which));
    }

    function _forgeries(Actor memory signer, bytes32 structHash) internal returns (bytes[] memory) {
        return _forgeries(signer, address(subjects), NAME, structHash);
    }

    /// @dev Signature of a struct hash that the test computed itself.
    function _signed(Actor memory signer, bytes32 structHash) internal view returns (bytes memory) {
        return sign(signer, _typed(address(subjects), NAME, structHash));
    }
}

/// @notice What every verb with a nonce and a deadline refuses: another nonce, a passed deadline, an unknown subject.
/// @dev A verb's test gives `_send`: build the verb's struct with these three and a valid signature, and send it as who may.
/// No call to a contract but the verb itself may happen after `_expect`.
abstract contract NonceTest is SubjectTest {
    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal virtual;

    bytes32 private _which;
    uint64 private _found;

    function test_nonce__one_ahead_or_behind__is_refused() public {
        _found = _nonce(ref) + 1;
        _send(ref, _found, NOW + 1 hours, _expectAhead);
        _retain(ref, alice, 2);
        _found = _nonce(ref) - 1;
        _send(ref, _found, NOW + 1 hours, _expectBehind);
    }

    function test_nonce__used__is_refused_again() public {
        _found = _nonce(ref);
        _send(ref, _found, NOW + 1 hours, _expectNothing);
        vm.assertEq(_nonce(ref), _found + 1);
        _send(ref, _found, NOW + 1 hours, _expectBehind);
    }

    function test_deadline__last_second__is_good() public {
        _skip(1 hours);
        _send(ref, _nonce(ref), NOW + 1 hours, _expectNothing);
    }

    function test_deadline__second_after__is_refused() public {
        _skip(1 hours + 1);
        _send(ref, _nonce(ref), NOW + 1 hours, _expectLate);
    }

    function test_subject__unknown__is_refused() public virtual {
        _which = _refOf(hospital, "unknown");
        _send(_which, 0, NOW + 1 hours, _expectNobody);
    }

    function _expectAhead() private {
        _expectNonce(ref, _found, _found - 1);
    }

    function _expectBehind() private {
        _expectNonce(ref, _found, _found + 1);
    }

    function _expectLate() private {
        _expectDeadline(NOW + 1 hours, NOW + 1 hours + 1);
    }

    function _expectNobody() private {
        _expectUnknown(_which);
    }

    function _expectNothing() private pure {}
}
