// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {AdmissionTerms} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor, Institution, sign} from "../base/Actors.sol";
import {Consent} from "../base/Words.sol";
import {Replay} from "../log/Replay.sol";

/// @notice What the contracts should know, kept apart from them: consents, epochs, standings, freezes, emergencies, and for
/// every access whether something covered it. It decides by plain words, not by Policy.
abstract contract AccessModel is Replay {
    struct Known {
        Consent consent;
        bool granted;
        /// Revoked or replaced.
        bool ended;
        uint32 usesLeft;
        uint256 grants;
    }

    struct Outcome {
        bytes32 key;
        address at_;
        uint8 kind;
        bool granted;
        bool frozen;
        bool reviewed;
        uint64 recordedAt;
        uint64 expiry;
    }

    struct Standing_ {
        bool active;
        uint16 roles;
        uint64 accreditedUntil;
        uint32 quota;
    }

    uint32 private constant NO_LIMIT = type(uint32).max;

    mapping(bytes32 consentId => Known) internal _known;
    /// Every consent anybody has signed.
    bytes32[] internal _drafts;
    mapping(address holder => uint64) public epochs;
    mapping(bytes32 participantId => Standing_) public standings;
    mapping(bytes32 participantId => mapping(uint256 hour => uint32)) public used;
    mapping(bytes32 subjectRef => bool) public frozen;
    mapping(bytes32 subjectRef => mapping(bytes32 participantId => uint8)) public denials;
    mapping(bytes32 accessId => Outcome) public accesses;
    bytes32[] public accessIds;
    mapping(bytes32 participantId => bytes32[]) internal _waiting;
    address[] public retired;
    bytes32[3] internal _refs;

    function setUp() public override {
        super.setUp();
        vm.recordLogs();
        _refs[0] = _bind(hospital, "alice", alice);
        _refs[1] = _bind(hospital, "bob", bob);
        _refs[2] = _bind(clinic, "carol", carol);
        _replay();
        Institution[3] memory members_ = [hospital, clinic, institute];
        for (uint256 i = 0; i < 3; ++i) {
            standings[members_[i].id] = Standing_(true, members_[i].roles, ACCREDITED_UNTIL, QUOTA);
        }
    }

    /* WHAT THE INVARIANTS ASK */

    /// @notice Every access on chain is as the model decided at its block.
    function assertAccesses() external view {
        for (uint256 i = 0; i < accessIds.length; ++i) {
            Outcome memory outcome = accesses[accessIds[i]];
            uint256 word = uint256(vm.load(outcome.at_, keccak256(abi.encode(accessIds[i], uint256(0)))));
            vm.assertTrue((uint16(word) == 1) == outcome.granted, "open without cover");
            vm.assertTrue(uint16(word) != 0, "an access vanished");
            vm.assertEq(uint64(word >> 16), outcome.granted ? outcome.expiry : 0, "expiry");
            vm.assertEq(uint8(word >> 80), outcome.kind, "kind");
            vm.assertEq(uint64(word >> 96), outcome.recordedAt, "time of an access");
            vm.assertTrue((word >> 88 & 1 == 1) == outcome.frozen, "freeze");
            vm.assertTrue((word >> 89 & 1 == 1) == outcome.reviewed, "review");
        }
    }

    /// @notice Uses left are those of the model, which only ever takes away.
    function assertUses() external view {
        for (uint256 i = 0; i < _drafts.length; ++i) {
            Known storage known = _known[_drafts[i]];
            uint256 word = consents.slotOf(known.consent.head.holder, _drafts[i]);
            vm.assertEq(uint32(word >> 8), known.granted ? known.usesLeft : 0, "uses left");
            vm.assertEq(uint8(word), _statusOf(known), "status of a consent");
        }
    }

    function assertGrants() external view {
        for (uint256 i = 0; i < _drafts.length; ++i) {
            vm.assertEq(_known[_drafts[i]].grants, _known[_drafts[i]].granted ? 1 : 0, "grants of one id");
        }
    }

    function assertEpochs() external view {
        Actor[3] memory holders = [alice, bob, carol];
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(consents.epochOf(holders[i].account), epochs[holders[i].account], "epoch");
        }
    }

    function assertEmergencies() external view {
        Institution[3] memory members_ = [hospital, clinic, institute];
        for (uint256 i = 0; i < 3; ++i) {
            bytes32[] storage waiting = _waiting[members_[i].id];
            (bytes32 oldest, bool overdue) = gateway.openEmergencyOf(members_[i].id);
            vm.assertEq(oldest, waiting.length == 0 ? bytes32(0) : waiting[0], "oldest emergency");
            vm.assertTrue(overdue == _isBlocked(members_[i].id), "block");
        }
    }

    function assertQuota() external view {
        Institution[3] memory members_ = [hospital, clinic, institute];
        for (uint256 i = 0; i < 3; ++i) {
            (,, uint32 left) = participants.callerOf(members_[i].principal.account);
            uint32 quota = standings[members_[i].id].quota;
            uint32 spent = used[members_[i].id][_time() / 1 hours];
            vm.assertEq(left, spent < quota ? quota - spent : 0, "quota left");
        }
    }

    /* WHAT SHOULD HAPPEN */

    /// @dev Known, not over, and the signature's deadline and epoch are right.
    function _mayBeGranted(bytes32 id) internal view returns (bool) {
        Known storage known = _known[id];
        return !known.granted && !known.ended && known.consent.head.epoch == epochs[known.consent.head.holder]
            && _time() <= known.consent.head.deadline;
    }

    /// @dev Whether a request under a consent leaves a trace at all.
    function _mayBeRecorded(Access memory access) internal view returns (bool) {
        Known storage known = _known[access.referenceId];
        return _hasQuota(access.participantId) && (known.granted || known.ended);
    }

    function _hasQuota(bytes32 participantId) internal view returns (bool) {
        return used[participantId][_time() / 1 hours] < standings[participantId].quota;
    }

    /// @dev Whether a live consent covers the request now.
    function _isCovered(Consent memory consent, Access memory access) internal view returns (bool) {
        Known storage known = _known[access.referenceId];
        if (!known.granted || known.ended || known.usesLeft == 0) return false;
        if (consent.head.epoch != epochs[consent.head.holder]) return false;
        if (!_isFit(access.participantId, access.purpose == Labels.TREAT ? ParticipantRole.CARE : _research(access))) {
            return false;
        }
        if (consent.scope.granteeId != access.participantId || consent.scope.ruleset != 1) return false;
        if (consent.scope.flags != 0 || consent.scope.maxLevel > 5) return false;
        if (_time() < consent.scope.validFrom || _time() >= consent.scope.validUntil) return false;
        if (access.purpose & consent.scope.purposes == 0) return false;
        if (access.categories | consent.scope.categories != consent.scope.categories) return false;
        if (access.level > consent.scope.maxLevel || access.form < consent.scope.minForm) return false;
        // Three months are 89 to 92 days; requests reach back 0, 30, 80 or 100 of them.
        return consent.scope.windowMonths == 3
            ? access.fromDay + 80 >= _today() && access.toDay <= _today()
            : access.fromDay >= consent.scope.fromDay && access.toDay <= consent.scope.toDay;
    }

    /// @dev Whether an emergency request is granted.
    function _mayBreakGlass(bytes32 participantId, bytes32 ref) internal view returns (bool) {
        uint16 roles = standings[participantId].roles;
        return _isFit(participantId, ParticipantRole.CARE) && roles & ParticipantRole.EMERGENCY != 0 && !frozen[ref]
            && denials[ref][participantId] < 2 && !_isBlocked(participantId);
    }

    function _isBlocked(bytes32 participantId) internal view returns (bool blocked) {
        bytes32[] storage waiting = _waiting[participantId];
        for (uint256 i = 0; i < waiting.length; ++i) {
            if (_time() > accesses[waiting[i]].recordedAt + 72 hours) blocked = true;
        }
    }

    function _sessionEnd(Consent memory consent) internal view returns (uint64) {
        uint64 end = _time() + uint64(consent.scope.sessionMinutes) * 60;
        return end > consent.scope.validUntil ? consent.scope.validUntil : end;
    }

    /* WHAT HAPPENED */

    function _granted(bytes32 id) internal {
        _known[id].granted = true;
        uint32 uses = _known[id].consent.head.maxUses;
        _known[id].usesLeft = uses == 0 ? NO_LIMIT : uses;
    }

    function _recorded(Access memory access, bool covered, uint64 expiry) internal {
        bytes32 id = _idOf(access);
        Outcome storage outcome = accesses[id];
        (outcome.at_, outcome.kind, outcome.granted) = (address(gateway), access.kind, covered);
        (outcome.recordedAt, outcome.expiry) = (_time(), expiry);
        outcome.key = access.kind == 1
            ? bytes32(uint256(uint160(_known[access.referenceId].consent.head.holder)))
            : access.referenceId;
        accessIds.push(id);
        if (access.kind != 2 && _hasQuota(access.participantId)) ++used[access.participantId][_time() / 1 hours];
        Known storage known = _known[access.referenceId];
        if (access.kind == 1 && covered && known.usesLeft != NO_LIMIT) --known.usesLeft;
    }

    function _seen(Vm.Log memory entry) internal override {
        if (entry.topics[0] == IConsentRegistry.ConsentGranted.selector) ++_known[entry.topics[2]].grants;
    }

    /* CHANCE */

    function _roll(uint256 seed, string memory what, uint256 sides) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, what))) % sides;
    }

    function _patient(uint256 seed) internal view returns (Actor memory) {
        uint256 choice = _roll(seed, "patient", 3);
        return choice == 0 ? alice : choice == 1 ? bob : carol;
    }

    function _institution(uint256 seed) internal view returns (Institution memory) {
        uint256 choice = _roll(seed, "institution", 5);
        return choice < 2 ? hospital : choice < 4 ? clinic : institute;
    }

    function _subject(uint256 seed) internal view returns (bytes32 ref, Actor memory controller) {
        uint256 choice = _roll(seed, "subject", 3);
        return (_refs[choice], choice == 0 ? alice : choice == 1 ? bob : carol);
    }

    /// @dev Signs a consent that mostly allows what `_ask` asks for, and keeps it.
    function _draft(uint256 seed, bytes32 replaces) internal returns (bytes32 id) {
        Actor memory holder = _patient(seed);
        Consent memory consent = _consent(holder, _institution(seed));
        consent.head.replaces = replaces;
        consent.head.maxUses = uint32(_roll(seed, "uses", 4));
        consent.scope.purposes = _roll(seed, "purposes", 4) == 0 ? Labels.HRESCH : Labels.TREAT | Labels.HRESCH;
        consent.scope.maxLevel = uint8(2 + _roll(seed, "maxLevel", 5));
        consent.scope.minForm = uint8(_roll(seed, "minForm", 4) / 3);
        if (_roll(seed, "window", 3) == 0) {
            (consent.scope.windowMonths, consent.scope.fromDay) = (0, _today() - 50);
            consent.scope.toDay = _today() + 1;
        }
        if (_roll(seed, "from", 4) == 0) consent.scope.validFrom += 1 hours;
        consent.scope.validUntil = consent.scope.validFrom + uint64(1 + _roll(seed, "until", 3 days));
        consent.scope.sessionMinutes = uint32(1 + _roll(seed, "session", 1440));
        if (_roll(seed, "flags", 8) == 0) consent.scope.flags = Labels.FLAG_DELEGABLE;
        if (_roll(seed, "ruleset", 8) == 0) consent.scope.ruleset = 2;
        id = _idOf(consent);
        _known[id].consent = consent;
        _drafts.push(id);
    }

    /// @dev A request under one of the consents, mostly by its grantee and inside its scope.
    function _ask(uint256 seed) internal returns (Consent memory consent, Access memory access, Institution memory by) {
        bytes32 id = _drafts[_drafts.length - 1 - _roll(seed, "which", _drafts.length < 6 ? _drafts.length : 6)];
        consent = _known[id].consent;
        bytes32 grantee = consent.scope.granteeId;
        by = grantee == hospital.id ? hospital : grantee == clinic.id ? clinic : institute;
        if (_roll(seed, "other", 6) == 0) by = _institution(seed);
        access = _access(by, id);
        if (_roll(seed, "purpose", 3) == 0 || by.id == institute.id) access.purpose = Labels.HRESCH;
        access.level = uint8(1 + _roll(seed, "level", 4));
        access.form = uint8(_roll(seed, "form", 2));
        if (_roll(seed, "category", 5) == 0) access.categories |= 1;
        uint32[4] memory reach = [uint32(0), 30, 80, 100];
        access.fromDay = access.toDay - reach[_roll(seed, "reach", 4)];
        if (_roll(seed, "tomorrow", 6) == 0) ++access.toDay;
    }

    function _signature(Consent memory consent) internal view returns (bytes memory) {
        address holder = consent.head.holder;
        return sign(holder == alice.account ? alice : holder == bob.account ? bob : carol, _idOf(consent));
    }

    function _termsOf(uint16 roles, uint64 accreditedUntil, uint32 quota)
        internal
        pure
        returns (AdmissionTerms memory)
    {
        return AdmissionTerms({roles: roles, accreditedUntil: accreditedUntil, hourlyQuota: quota});
    }

    function _isFit(bytes32 participantId, uint16 role) private view returns (bool) {
        Standing_ storage standing = standings[participantId];
        return standing.active && _time() < standing.accreditedUntil && standing.roles & role != 0
            && standing.roles & ParticipantRole.CUSTODY == 0;
    }

    function _research(Access memory access) private pure returns (uint16) {
        return access.purpose == Labels.HRESCH ? ParticipantRole.RESEARCH : 0;
    }

    /// @dev 0 unknown, 1 live, 2 revoked, 3 replaced; the model does not tell the last two apart.
    function _statusOf(Known storage known) private view returns (uint8) {
        if (!known.ended) return known.granted ? 1 : 0;
        uint256 word = consents.slotOf(known.consent.head.holder, _idOf(known.consent));
        return uint8(word) == 3 ? 3 : 2;
    }
}
