// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessGateway} from "../../../contracts/AccessGateway.sol";
import {AccessState, IAccessGateway, SignedRequest} from "../../../contracts/interfaces/IAccessGateway.sol";
import {ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution, seal} from "../base/Actors.sol";
import {Consent, Words} from "../base/Words.sol";
import {AccessModel} from "./AccessModel.sol";

/// @notice Plays patients, institutions, reviewers, supervisors, the Council and a stranger, and tells the model what it does.
/// @dev Calls that may fail are made low-level: what the model expects is compared with what happened.
contract AccessHandler is AccessModel {
    /* PATIENTS */

    /// @dev Signs a consent and keeps it back; `grant` may deliver it any time later.
    function draft(uint256 seed) external {
        _draft(seed, 0);
    }

    function grant(uint256 seed) external replayed {
        if (_drafts.length == 0 || _roll(seed, "new", 3) > 0) _draft(seed, 0);
        bytes32 id = _drafts[_roll(seed, "draft", _drafts.length)];
        Known storage known = _known[id];
        Consent memory consent = known.consent;
        if (consent.head.replaces != 0) return;
        bool expected = _mayBeGranted(id);
        (bool done,) = address(consents)
            .call(abi.encodeCall(consents.grant, (consent.head, _scopeHash(consent), _signature(consent))));
        _check(done == expected, "grant");
        if (done) _granted(id);
    }

    function replace(uint256 seed) external replayed {
        if (_drafts.length == 0) return;
        bytes32 old = _drafts[_roll(seed, "old", _drafts.length)];
        bytes32 id = _draft(seed, old);
        Consent memory consent = _known[id].consent;
        bool expected = _mayBeGranted(id) && _known[old].granted && !_known[old].ended
            && _known[old].consent.head.holder == consent.head.holder;
        (bool done,) = address(consents)
            .call(abi.encodeCall(consents.replace, (consent.head, _scopeHash(consent), _signature(consent))));
        _check(done == expected, "replace");
        if (done) {
            _granted(id);
            _known[old].ended = true;
        }
    }

    function revoke(uint256 seed) external replayed {
        if (_drafts.length == 0) return;
        bytes32 id = _drafts[_roll(seed, "draft", _drafts.length)];
        address holder = _known[id].consent.head.holder;
        bool expected = !_known[id].ended;
        vm.prank(holder);
        (bool done,) = address(consents).call(abi.encodeCall(consents.revoke, (holder, id, "")));
        _check(done == expected, "revoke");
        if (done) _known[id].ended = true;
    }

    function revokeAll(uint256 seed) external replayed {
        Actor memory holder = _patient(seed);
        if (_roll(seed, "rarely", 3) > 0) return;
        vm.prank(holder.account);
        consents.revokeAll(holder.account, epochs[holder.account], "");
        uint64 epoch = consents.epochOf(holder.account);
        _check(epoch > epochs[holder.account], "an epoch went back");
        epochs[holder.account] = epoch;
    }

    function freezeSubject(uint256 seed) external replayed {
        (bytes32 ref, Actor memory controller) = _subject(seed);
        _freeze(ref, controller, !frozen[ref]);
        frozen[ref] = !frozen[ref];
    }

    function denySubject(uint256 seed) external replayed {
        (bytes32 ref, Actor memory controller) = _subject(seed);
        Institution memory whom = _institution(seed);
        uint8 strength = uint8((denials[ref][whom.id] + 1 + _roll(seed, "denial", 2)) % 3);
        _deny(ref, controller, whom, strength);
        denials[ref][whom.id] = strength;
    }

    /* REQUESTS */

    function request(uint256 seed) external replayed {
        if (_drafts.length == 0) return;
        (Consent memory consent, Access memory access, Institution memory by) = _ask(seed);
        bool expected = _mayBeRecorded(access);
        bool covered = expected && _isCovered(consent, access);
        vm.prank(_roll(seed, "operator", 2) == 0 ? by.principal.account : by.second.account);
        (bool done, bytes memory answer) =
            address(gateway).call(abi.encodeCall(gateway.request, (Words.pack(consent), Words.pack(access))));
        _check(done == expected, "request");
        if (!done) return;
        (bytes32 accessId, uint16 code) = abi.decode(answer, (bytes32, uint16));
        _check(accessId == _idOf(access), "id of an access");
        _check((code == 1) == covered, covered ? "a covered request was denied" : "granted without a consent");
        _recorded(access, covered, _sessionEnd(consent));
    }

    function requestMany(uint256 seed) external replayed {
        if (_drafts.length == 0) return;
        uint256 count = 1 + _roll(seed, "count", 4);
        SignedRequest[] memory requests = new SignedRequest[](count);
        uint256 expected;
        for (uint256 i = 0; i < count; ++i) {
            (Consent memory consent, Access memory access, Institution memory by) =
                _ask(uint256(keccak256(abi.encode(seed, i))));
            requests[i] = SignedRequest(
                Words.pack(consent),
                Words.pack(access),
                seal(_roll(seed, "operator", 2 + i) == 0 ? by.principal : by.second, _idOf(access))
            );
            if (!_mayBeRecorded(access)) continue;
            ++expected;
            _recorded(access, _isCovered(consent, access), _sessionEnd(consent));
        }
        _check(gateway.requestMany(requests) == expected, "number recorded of a batch");
    }

    function requestOwn(uint256 seed) external replayed {
        (bytes32 ref, Actor memory controller) = _subject(seed);
        Access memory access = _ownAccess(ref);
        bool isControllers = _roll(seed, "signer", 4) > 0;
        Actor memory signer = isControllers ? controller : stranger;
        vm.prank(signer.account);
        (bool done,) = address(gateway).call(abi.encodeCall(gateway.requestOwn, (Words.pack(access), "")));
        _check(done == isControllers, "own request");
        if (done) _recorded(access, !frozen[ref], _time() + 1 hours);
    }

    function requestEmergency(uint256 seed) external replayed {
        (bytes32 ref,) = _subject(seed);
        Institution memory by = _institution(seed);
        Access memory access = _emergencyAccess(by, ref);
        bool covered = _mayBreakGlass(by.id, ref);
        // A used-up quota stops only what would be denied.
        bool expected = covered || _hasQuota(by.id);
        bytes32 id = _idOf(access);
        (bool done,) = address(gateway)
            .call(
                abi.encodeCall(
                    gateway.requestEmergency, (Words.pack(access), seal(by.principal, id), seal(by.second, id))
                )
            );
        _check(done == expected, "emergency request");
        if (!done) return;
        _recorded(access, covered, _time() + 4 hours);
        if (covered) _waiting[by.id].push(id);
    }

    /* SUPERVISION */

    function review(uint256 seed) external replayed {
        Institution memory of_ = _institution(seed);
        bytes32[] storage waiting = _waiting[of_.id];
        if (waiting.length == 0) return;
        uint256 index = _roll(seed, "which", waiting.length);
        Institution memory by = _roll(seed, "self", 4) == 0 ? of_ : regulator;
        vm.prank(by.principal.account);
        (bool done,) =
            address(gateway).call(abi.encodeCall(gateway.review, (waiting[index], accesses[waiting[index]].key, 1)));
        _check(done == (by.id == regulator.id), "review");
        if (!done) return;
        accesses[waiting[index]].reviewed = true;
        for (; index + 1 < waiting.length; ++index) {
            waiting[index] = waiting[index + 1];
        }
        waiting.pop();
    }

    function freezeAccess(uint256 seed) external replayed {
        if (accessIds.length == 0) return;
        bytes32 id = accessIds[_roll(seed, "which", accessIds.length)];
        Outcome storage outcome = accesses[id];
        bool unfreezes = outcome.frozen && _roll(seed, "way", 4) > 0;
        bool expected = outcome.granted && outcome.frozen == unfreezes && outcome.at_ == address(gateway);
        bytes memory call_ = unfreezes
            ? abi.encodeCall(IAccessGateway.unfreeze, (id, outcome.key))
            : abi.encodeCall(IAccessGateway.freeze, (id, outcome.key));
        vm.prank(regulator.principal.account);
        (bool done,) = outcome.at_.call(call_);
        _check(done == expected, "freeze of an access");
        if (done) outcome.frozen = !unfreezes;
        else _dropEvents();
    }

    /* COUNCIL */

    /// @dev Suspends or reinstates; the vote itself is other suites' matter.
    function suspend(uint256 seed) external replayed {
        Institution memory member = _institution(seed);
        vm.prank(address(council));
        if (standings[member.id].active) participants.suspend(member.id);
        else participants.reinstate(member.id);
        standings[member.id].active = !standings[member.id].active;
    }

    function renew(uint256 seed) external replayed {
        Institution memory member = _institution(seed);
        Standing_ storage standing = standings[member.id];
        standing.accreditedUntil = _time() + 1 hours + uint64(_roll(seed, "until", 30 days));
        standing.quota = uint32(_roll(seed, "quota", 6));
        if (_roll(seed, "custody", 8) == 0) standing.roles ^= ParticipantRole.CUSTODY;
        vm.prank(address(council));
        participants.renew(
            member.id, _termsOf(standing.roles, standing.accreditedUntil, standing.quota), "", _keys(member.name)
        );
    }

    /// @dev A new gateway takes over. What waits for review at the old one is left behind with it.
    function switchGateway(uint256 seed) external replayed {
        if (_roll(seed, "rarely", 4) > 0) return;
        retired.push(address(gateway));
        gateway = new AccessGateway(council);
        vm.prank(address(council));
        ICouncil(council).install(Directory.ACCESS_GATEWAY, address(gateway));
        delete _waiting[hospital.id];
        delete _waiting[clinic.id];
        delete _waiting[institute.id];
    }

    /// @dev A retired gateway is asked by everybody it once served, and tries by itself.
    function askRetired(uint256 seed) external replayed {
        if (retired.length == 0 || _drafts.length == 0) return;
        AccessGateway present = gateway;
        address old = retired[_roll(seed, "which", retired.length)];
        (Consent memory consent, Access memory access, Institution memory by) = _ask(seed);
        (bytes32 ref, Actor memory controller) = _subject(seed);
        vm.prank(by.principal.account);
        (bool done,) = old.call(abi.encodeCall(present.request, (Words.pack(consent), Words.pack(access))));
        _check(!done, "a retired gateway recorded a request");
        vm.prank(controller.account);
        (done,) = old.call(abi.encodeCall(present.requestOwn, (Words.pack(_ownAccess(ref)), "")));
        _check(!done, "a retired gateway recorded an own request");
        vm.prank(old);
        (done,) = address(log).call(abi.encodeCall(log.append, (ref, 1, 1, "reference")));
        _check(!done, "a retired gateway appended");
        vm.prank(old);
        (done,) = address(consents).call(abi.encodeCall(consents.consume, (consent.head.holder, _idOf(consent), true)));
        _check(!done, "a retired gateway consumed");
        vm.prank(old);
        (done,) = address(participants).call(abi.encodeCall(participants.charge, (by.id, 1)));
        _check(!done, "a retired gateway charged");
        _dropEvents();
    }

    /* OTHERS */

    function pass(uint256 seed) external {
        uint32[5] memory spans = [uint32(1), 20 minutes, 1 hours, 1 days, 73 hours];
        _skip(spans[_roll(seed, "span", 5)]);
    }

    /// @dev A stranger tries every verb in the name of others.
    function intrude(uint256 seed) external replayed {
        if (_drafts.length == 0) return;
        (Consent memory consent, Access memory access,) = _ask(seed);
        bytes32 id = _idOf(consent);
        bytes[6] memory calls = [
            abi.encodeCall(consents.grant, (consent.head, _scopeHash(consent), "")),
            abi.encodeCall(consents.revoke, (consent.head.holder, id, "")),
            abi.encodeCall(consents.revokeAll, (consent.head.holder, epochs[consent.head.holder], "")),
            abi.encodeCall(consents.consume, (consent.head.holder, id, true)),
            abi.encodeCall(consents.admitGateway, (stranger.account)),
            abi.encodeCall(gateway.request, (Words.pack(consent), Words.pack(access)))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(stranger.account);
            (bool done,) = (i == 5 ? address(gateway) : address(consents)).call(calls[i]);
            _check(!done, "a stranger did something");
        }
    }
}
