// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {AnchorTag, Attestation, Destruction, RecordStatus} from "../../../contracts/types/Record.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution, sign} from "../base/Actors.sol";
import {Replay} from "../log/Replay.sol";

/// @notice Plays sources, patients, custodians, supervisors, the Council and a stranger, and keeps what records should be.
contract RecordHandler is Replay {
    struct Order {
        bytes32 recordId;
        bytes32 subjectRef;
        bytes32 sourceId;
        uint32 set;
        uint64 erasableFrom;
        uint256 seats;
        uint256 attested;
    }

    struct Anchored {
        bytes32 participantId;
        bytes32 root;
        uint256 word;
    }

    struct Invalid {
        bytes32 sourceId;
        bytes32 leaf;
        uint8 reason;
    }

    Anchored[] private _anchors;
    Invalid[] private _invalid;
    Order[] private _orders;
    mapping(bytes32 name => bool) private _known;
    mapping(bytes32 subjectRef => bool) public held;
    mapping(bytes32 participantId => bool) public suspended;
    bytes32[3] private _refs;
    uint256 private _names;

    function setUp() public override {
        super.setUp();
        vm.recordLogs();
        _formSet(3);
        _refs[0] = _bind(hospital, "alice", alice);
        _refs[1] = _bind(clinic, "bob", bob);
        _refs[2] = _refOf(hospital, "unclaimed");
        vm.prank(hospital.principal.account);
        subjects.register(_refs[2], hospital.id, _seedOf("unclaimed"));
        _replay();
    }

    /* VERBS */

    function anchor(uint256 seed) external replayed {
        Institution memory by = _anybody(seed);
        bool isLog = _roll(seed, "tag", 3) == 0;
        uint32 set = isLog ? 0 : uint32(_roll(seed, "set", 4));
        bytes32 root = bytes32(1 + _roll(seed, "root", 12));
        bytes32 name = keccak256(abi.encode(by.id, root));
        bool expected =
            _isActive(by) && by.roles & (isLog ? 2 : 1) != 0 && !_known[name] && (isLog || (set != 0 && set < 3));
        vm.prank(by.second.account);
        (bool done,) = address(records)
            .call(abi.encodeCall(records.anchor, (root, 7, set, isLog ? AnchorTag.LOG : AnchorTag.BATCH)));
        _check(done == expected, "anchor");
        if (!done) return;
        _known[name] = true;
        uint256 word = _time() + 7 * 2 ** 64 + uint256(set) * 2 ** 96 + uint256(isLog ? 2 : 1) * 2 ** 128;
        _anchors.push(Anchored(by.id, root, word));
    }

    function invalidate(uint256 seed) external replayed {
        (bytes32 ref, Institution memory source,) = _subject(seed);
        Institution memory by = _roll(seed, "by", 3) == 0 ? _anybody(seed) : source;
        bytes32 leaf = bytes32(100 + _roll(seed, "leaf", 12));
        // Sometimes the id of an order poses as a leaf.
        if (_orders.length != 0 && _roll(seed, "order", 3) == 0) {
            Order storage order_ = _orders[_roll(seed, "which", _orders.length)];
            leaf = _orderId(order_.recordId, order_.subjectRef);
        }
        bytes32 name = keccak256(abi.encode("leaf", by.id, leaf));
        bool expected = _isActive(by) && by.id == source.id && !_known[name] && !_isOrdered(by.id, leaf);
        vm.prank(by.principal.account);
        (bool done,) = address(records)
            .call(abi.encodeCall(records.invalidate, (leaf, ref, uint8(1 + _roll(seed, "reason", 255)))));
        _check(done == expected, "invalidate");
        if (!done) return;
        _known[name] = true;
        _invalid.push(Invalid(by.id, leaf, uint8(1 + _roll(seed, "reason", 255))));
    }

    function order(uint256 seed) external replayed {
        (bytes32 ref, Institution memory source, Actor memory controller) = _subject(seed);
        uint32 set = uint32(_roll(seed, "set", 4));
        bytes32 recordId = bytes32(200 + _roll(seed, "record", 4));
        bool byCouncil = _roll(seed, "council", 3) == 0;
        Actor memory signer = _roll(seed, "signer", 5) == 0 ? carol : controller;
        Destruction memory destruction = _destruction(source, recordId, ref);
        destruction.custodianSet = set;
        bytes memory signature = byCouncil ? bytes("") : sign(signer, _digestOf(destruction));
        bool isSigned = signer.account == controller.account && ref != _refs[2];
        bool expected = !held[ref] && set != 0 && set < 3 && !_isOrdered(source.id, _orderId(recordId, ref))
            && (byCouncil || (isSigned && _isActive(source)));
        vm.prank(byCouncil ? address(council) : source.principal.account);
        (bool done,) = address(records).call(abi.encodeCall(records.order, (destruction, signature)));
        _check(done == expected, "order");
        if (!done) return;
        _orders.push(Order(recordId, ref, source.id, set, _time() + COOLING_OFF, set == 1 ? 2 : 1, 0));
    }

    function attest(uint256 seed) external replayed {
        if (_orders.length == 0) return;
        Order storage order_ = _orders[_roll(seed, "which", _orders.length)];
        Institution memory by = _anybody(seed);
        uint256 seat = by.id == east.id ? 1 : by.id == west.id ? 2 : by.id == north.id ? 4 : 0;
        Attestation memory attestation =
            Attestation(order_.sourceId, order_.recordId, order_.subjectRef, by.id, uint32(_roll(seed, "erased", 9)));
        Actor memory signer = _roll(seed, "signer", 5) == 0 ? stranger : by.principal;
        bool expected =
            _mayErase(order_) && seat != 0 && order_.attested & seat == 0 && signer.account != stranger.account;
        bytes memory signature = sign(signer, _digestOf(attestation));
        (bool done,) = address(records).call(abi.encodeCall(records.attest, (attestation, signature)));
        _check(done == expected, "attest");
        if (done) order_.attested |= seat;
    }

    function hold(uint256 seed) external replayed {
        (bytes32 ref,,) = _subject(seed);
        vm.prank(regulator.principal.account);
        subjects.hold(ref, !held[ref]);
        held[ref] = !held[ref];
    }

    function suspend(uint256 seed) external replayed {
        Institution memory member = _anybody(seed);
        if (member.id == regulator.id) return;
        vm.prank(address(council));
        if (suspended[member.id]) participants.reinstate(member.id);
        else participants.suspend(member.id);
        suspended[member.id] = !suspended[member.id];
    }

    function pass(uint256 seed) external {
        uint32[4] memory spans = [uint32(1), 1 days, uint32(COOLING_OFF) - 1, uint32(COOLING_OFF)];
        _skip(spans[_roll(seed, "span", 4)]);
    }

    /* WHAT THE INVARIANTS ASK */

    /// @notice Anchors are as they were written.
    function assertAnchors() external view {
        for (uint256 i = 0; i < _anchors.length; ++i) {
            vm.assertEq(records.anchorOf(_anchors[i].participantId, _anchors[i].root), _anchors[i].word, "anchor");
        }
    }

    /// @notice What was declared invalid is not valid, and keeps its reason unless an order took the word over.
    function assertInvalid() external view {
        for (uint256 i = 0; i < _invalid.length; ++i) {
            uint256 word = records.stateOf(_invalid[i].sourceId, _invalid[i].leaf);
            vm.assertTrue(uint8(word) != RecordStatus.VALID, "an invalid version is valid again");
            if (!_isOrdered(_invalid[i].sourceId, _invalid[i].leaf)) {
                vm.assertEq(word, 1 + uint256(_invalid[i].reason) * 2 ** 8, "an invalid version changed");
            }
        }
    }

    /// @notice Orders keep their set and times; attestations are those that were made, and enough of them destroy.
    function assertOrders() external view {
        for (uint256 i = 0; i < _orders.length; ++i) {
            Order memory order_ = _orders[i];
            uint256 word = records.stateOf(order_.sourceId, _orderId(order_.recordId, order_.subjectRef));
            uint256 count = (order_.attested & 1) + (order_.attested >> 1 & 1) + (order_.attested >> 2);
            vm.assertEq(uint8(word), count >= order_.seats ? RecordStatus.DESTROYED : RecordStatus.ORDERED, "status");
            vm.assertEq(uint64(word >> 16), order_.erasableFrom - COOLING_OFF, "ordered at");
            vm.assertEq(uint64(word >> 80), order_.erasableFrom, "erasable from");
            vm.assertEq(uint32(word >> 144), order_.set, "set");
            vm.assertEq(uint64(word >> 176), order_.attested, "attestations");
        }
    }

    /* INTERNAL */

    function _isOrdered(bytes32 sourceId, bytes32 id) private view returns (bool) {
        for (uint256 i = 0; i < _orders.length; ++i) {
            if (_orders[i].sourceId == sourceId && _orderId(_orders[i].recordId, _orders[i].subjectRef) == id) {
                return true;
            }
        }
        return false;
    }

    function _mayErase(Order storage order_) private view returns (bool) {
        return _time() >= order_.erasableFrom && !held[order_.subjectRef];
    }

    function _isActive(Institution memory member) private view returns (bool) {
        return !suspended[member.id];
    }

    function _subject(uint256 seed) private view returns (bytes32 ref, Institution memory source, Actor memory who) {
        uint256 choice = _roll(seed, "subject", 4);
        if (choice < 2) return (_refs[0], hospital, alice);
        return choice == 2 ? (_refs[1], clinic, bob) : (_refs[2], hospital, alice);
    }

    function _anybody(uint256 seed) private view returns (Institution memory) {
        uint256 choice = _roll(seed, "anybody", 9);
        if (choice < 2) return hospital;
        if (choice == 2) return clinic;
        if (choice < 5) return east;
        if (choice < 7) return west;
        return choice == 7 ? north : regulator;
    }

    function _orderId(bytes32 recordId, bytes32 subjectRef) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("salus.order.v1"), recordId, subjectRef));
    }

    function _roll(uint256 seed, string memory what, uint256 sides) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, what))) % sides;
    }
}
