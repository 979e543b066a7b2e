// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SubjectRegistry} from "../../../contracts/SubjectRegistry.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {PendingChange, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {
    Appointment,
    Binding,
    Denial,
    Retention,
    Rotation,
    SubjectFreeze,
    SubjectLib,
    SubjectLink,
    SubjectUnlink,
    Veto
} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor, Institution, actor, sign} from "../base/Actors.sol";

/// @notice Plays patients, guardians, sources, the regulator, the Council and forgers, and keeps its own book of what each
/// subject may have become.
/// @dev Chains are recomputed here from the events alone, after docs/protocol.md, section 6.
contract SubjectHandler {
    /// @dev A subject before a verb, a digest of all its state and the length of its chain.
    struct Before {
        Subject subject;
        bytes32 digest;
        uint48 length;
    }

    uint256 public constant REFERENCES = 4;
    /// The first references are the hospital's, the rest the clinic's.
    uint256 private constant HOSPITALS = 3;
    uint256 private constant PEOPLE = 4;
    bytes32 private constant APPENDED =
        keccak256("Appended(bytes32,uint8,uint16,bytes32,address,uint48,uint48,uint64)");

    SubjectRegistry private immutable _subjects;
    IAuditLog private immutable _log;
    address private immutable _council;
    bytes32 private immutable _separator;
    Institution private _regulator;
    Institution[2] private _sources;
    Actor[PEOPLE] private _people;
    bytes32[] public refs;

    /* BOOK */

    /// Controllers, guardians and holds as the verbs that succeeded left them.
    mapping(bytes32 ref => address) public controllerOf;
    mapping(bytes32 ref => uint64) public epochOf;
    mapping(bytes32 ref => bool) public frozenOf;
    mapping(bytes32 ref => bool) public heldOf;
    mapping(bytes32 ref => mapping(bytes32 participantId => uint8)) public denialOf;
    /// When the pending change of a subject began, and to whom it goes; 0 if none.
    mapping(bytes32 ref => uint256) private _pendingSince;
    mapping(bytes32 ref => address) private _pendingTo;
    mapping(bytes32 ref => bool) private _pendingGuardian;
    /// Chains as the events make them.
    mapping(bytes32 key => uint256) public chainOf;
    uint256 public globalChain;

    uint256 public forgeriesThatPassed;
    uint256 public fallenCounters;
    uint256 public unexplainedControllers;
    uint256 public untracedChanges;
    uint256 public earlyCompletions;
    uint256 public leftGuardians;
    uint256 public entries;
    mapping(bytes4 verb => uint256) public successes;

    constructor(
        SubjectRegistry subjects,
        IAuditLog log,
        address council,
        Institution memory hospital,
        Institution memory clinic,
        Institution memory regulator
    ) {
        (_subjects, _log, _council) = (subjects, log, council);
        _separator = subjects.domainSeparator();
        _sources[0] = hospital;
        _sources[1] = clinic;
        _regulator = regulator;
        string[PEOPLE] memory names = ["Alice", "Bob", "Carol", "Dora"];
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _people[i] = actor(names[i]);
        }
        for (uint256 i = 0; i < REFERENCES; ++i) {
            refs.push(subjects.idOf(i < HOSPITALS ? hospital.id : clinic.id, bytes32(i)));
        }
    }

    /// @dev Compares every subject before and after a verb.
    modifier judged(bytes4 verb) {
        Before[] memory before = _before();
        vm.recordLogs();
        _;
        for (uint256 i = 0; i < REFERENCES; ++i) {
            _judge(verb, refs[i], before[i]);
        }
    }

    /* VERBS OF PATIENTS */

    function rotate(uint256 which, uint256 to, uint256 seed) external judged(SubjectRegistry.rotate.selector) {
        bytes32 ref = _ref(which);
        Actor memory next = _person(to);
        Rotation memory rotation = Rotation(ref, next.account, _nonce(ref), _deadline(seed));
        bytes32 hash = keccak256(abi.encode(SubjectLib.ROTATION_TYPEHASH, rotation));
        bytes[2] memory signatures = [_signed(_signerFor(ref, seed), hash), _signed(next, hash)];
        try _subjects.rotate(rotation, signatures) {
            _succeeded(SubjectRegistry.rotate.selector, _isForged(ref, seed));
            controllerOf[ref] = next.account;
            ++epochOf[ref];
            _pendingSince[ref] = 0;
        } catch {}
    }

    function appoint(uint256 which, uint256 to, uint256 seed) external judged(SubjectRegistry.appoint.selector) {
        bytes32 ref = _ref(which);
        address next = seed % 5 == 4 ? address(0) : _person(to).account;
        Appointment memory appointment = Appointment(ref, next, _nonce(ref), _deadline(seed));
        bytes memory signature =
            _signed(_signerFor(ref, seed), keccak256(abi.encode(SubjectLib.APPOINTMENT_TYPEHASH, appointment)));
        try _subjects.appoint(appointment, signature) {
            _succeeded(SubjectRegistry.appoint.selector, _isForged(ref, seed));
            if (_pendingGuardian[ref]) _pendingSince[ref] = 0;
        } catch {}
    }

    function veto(uint256 which, uint256 seed) external judged(SubjectRegistry.veto.selector) {
        bytes32 ref = seed % 2 == 0 ? _ref(which) : _pendingRef(which);
        Veto memory message = Veto(ref, _nonce(ref), _deadline(seed));
        bytes memory signature =
            _signed(_signerFor(ref, seed), keccak256(abi.encode(SubjectLib.VETO_TYPEHASH, message)));
        try _subjects.veto(message, signature) {
            _succeeded(SubjectRegistry.veto.selector, _isForged(ref, seed));
            _pendingSince[ref] = 0;
        } catch {}
    }

    function freeze(uint256 which, uint256 seed) external judged(SubjectRegistry.freeze.selector) {
        bytes32 ref = _ref(which);
        Actor memory signer = _signerFor(ref, seed);
        bool isGuardian = signer.account == _subjects.subject(ref).guardian;
        // A guardian who is the controller too speaks as the controller.
        uint64 nonce = isGuardian && signer.account != controllerOf[ref] ? _subjects.guardianNonceOf(ref) : _nonce(ref);
        SubjectFreeze memory message = SubjectFreeze(ref, signer.account, !frozenOf[ref], nonce, _deadline(seed));
        bytes memory signature = _signed(signer, keccak256(abi.encode(SubjectLib.FREEZE_TYPEHASH, message)));
        try _subjects.freeze(message, signature) {
            _succeeded(SubjectRegistry.freeze.selector, _isForged(ref, seed) && !isGuardian);
            frozenOf[ref] = message.frozen;
        } catch {}
    }

    function deny(uint256 which, uint256 whom, uint8 strength, uint256 seed)
        external
        judged(SubjectRegistry.deny.selector)
    {
        bytes32 ref = _ref(which);
        Denial memory message = Denial(ref, _sources[whom % 2].id, strength % 4, _nonce(ref), _deadline(seed));
        bytes memory signature =
            _signed(_signerFor(ref, seed), keccak256(abi.encode(SubjectLib.DENIAL_TYPEHASH, message)));
        try _subjects.deny(message, signature) {
            _succeeded(SubjectRegistry.deny.selector, _isForged(ref, seed));
            denialOf[ref][message.participantId] = message.denial;
        } catch {}
    }

    function retain(uint256 which, uint8 years_, uint256 seed) external judged(SubjectRegistry.retain.selector) {
        bytes32 ref = _ref(which);
        Retention memory message = Retention(ref, years_ % 7, _nonce(ref), _deadline(seed));
        bytes memory signature =
            _signed(_signerFor(ref, seed), keccak256(abi.encode(SubjectLib.RETENTION_TYPEHASH, message)));
        try _subjects.retain(message, signature) {
            _succeeded(SubjectRegistry.retain.selector, _isForged(ref, seed));
        } catch {}
    }

    /* VERBS OF SOURCES, THE COUNCIL AND THE LAW */

    function register(uint256 which, uint256 by) external judged(SubjectRegistry.register.selector) {
        uint256 index = which % REFERENCES;
        vm.prank(_sources[by % 2].principal.account);
        try _subjects.register(refs[index], _sourceIdOf(index), bytes32(index)) {
            _succeeded(SubjectRegistry.register.selector, _sources[by % 2].id != _sourceIdOf(index));
        } catch {}
    }

    function bind(uint256 which, uint256 to, uint256 seed) external judged(SubjectRegistry.bind.selector) {
        uint256 index = which % REFERENCES;
        bytes32 ref = refs[index];
        Actor memory next = _person(to);
        Binding memory binding = Binding(ref, _sourceIdOf(index), next.account, _deadline(seed));
        bool forged = seed % 4 == 0 || binding.deadline < vm.getBlockTimestamp();
        Actor memory signer = seed % 4 == 0 ? _person(to % PEOPLE + 1) : next;
        bytes memory signature = _signed(signer, keccak256(abi.encode(SubjectLib.BINDING_TYPEHASH, binding)));
        vm.prank(_sources[_sourceOf(index)].second.account);
        try _subjects.bind(binding, bytes32(index), signature) {
            _succeeded(SubjectRegistry.bind.selector, forged);
            if (controllerOf[ref] != address(0)) ++unexplainedControllers;
            controllerOf[ref] = next.account;
        } catch {}
    }

    function recover(uint256 which, uint256 to, uint256 by) external judged(SubjectRegistry.recover.selector) {
        bytes32 ref = _ref(which);
        Actor memory next = _person(to);
        Rotation memory rotation = Rotation(ref, next.account, _nonce(ref), _deadline(1));
        bytes memory signature = _signed(next, keccak256(abi.encode(SubjectLib.ROTATION_TYPEHASH, rotation)));
        (address sender, bool allowed) = _starter(which, by);
        vm.prank(sender);
        try _subjects.recover(rotation, signature) {
            _succeeded(SubjectRegistry.recover.selector, !allowed);
            _start(ref, next.account, false);
        } catch {}
    }

    function appointLate(uint256 which, uint256 to, uint256 by) external judged(SubjectRegistry.appoint.selector) {
        bytes32 ref = _ref(which);
        Appointment memory appointment = Appointment(ref, _person(to).account, _nonce(ref), _deadline(1));
        (address sender, bool allowed) = _starter(which, by);
        vm.prank(sender);
        try _subjects.appoint(appointment, "") {
            _succeeded(SubjectRegistry.appoint.selector, !allowed);
            _start(ref, appointment.guardian, true);
        } catch {}
    }

    /// @dev Now, in the first second in which it may pass, or in the last in which it must not.
    function complete(uint256 which, uint256 when) external judged(SubjectRegistry.complete.selector) {
        bytes32 ref = _pendingRef(which);
        uint256 readyAt = _subjects.pendingChange(ref).readyAt;
        if (when % 3 != 0 && readyAt > vm.getBlockTimestamp()) vm.warp(when % 3 == 1 ? readyAt : readyAt - 1);
        try _subjects.complete(ref) {
            _succeeded(SubjectRegistry.complete.selector, _pendingSince[ref] == 0);
            if (vm.getBlockTimestamp() < _pendingSince[ref] + _subjects.recoveryDelaySeconds()) ++earlyCompletions;
            if (!_pendingGuardian[ref]) {
                controllerOf[ref] = _pendingTo[ref];
                ++epochOf[ref];
                if (_subjects.subject(ref).guardian != address(0)) ++leftGuardians;
            }
            _pendingSince[ref] = 0;
        } catch {}
    }

    function link(uint256 which, uint256 survivor, uint256 seed) external judged(SubjectRegistry.link.selector) {
        (uint256 one, uint256 other) = (which % REFERENCES, survivor % REFERENCES);
        SubjectLink memory message = SubjectLink(refs[one], refs[other], _nonce(refs[one]), _deadline(seed));
        bytes32 hash = keccak256(abi.encode(SubjectLib.LINK_TYPEHASH, message));
        bytes[2] memory signatures;
        if (controllerOf[refs[one]] != address(0)) signatures[0] = _signed(_signerFor(refs[one], seed), hash);
        if (controllerOf[refs[other]] != address(0)) signatures[1] = _signed(_controller(refs[other]), hash);
        vm.prank(_sources[_sourceOf(one)].principal.account);
        try _subjects.link(message, [bytes32(one), bytes32(other)], signatures) {
            _succeeded(
                SubjectRegistry.link.selector, controllerOf[refs[one]] != address(0) && _isForged(refs[one], seed)
            );
        } catch {}
    }

    function unlink(uint256 which, uint256 seed) external judged(SubjectRegistry.unlink.selector) {
        uint256 index = _mergedIndex(which);
        bytes32 ref = refs[index];
        bytes32 survivor = _subjects.survivorOf(ref);
        bytes32 by = seed % 2 == 0 ? survivor : ref;
        SubjectUnlink memory message = SubjectUnlink(ref, survivor, by, _nonce(by), _deadline(seed));
        Actor memory signer = _signerFor(by, seed);
        bytes memory signature = _signed(signer, keccak256(abi.encode(SubjectLib.UNLINK_TYPEHASH, message)));
        // A reference that nobody has claimed is parted by its source; a survivor never is.
        bool agreed = controllerOf[by] == address(0) ? by == ref : signer.account == controllerOf[by];
        bool mustNot = !agreed || _subjects.isHeld(ref) || message.deadline < vm.getBlockTimestamp();
        vm.prank(_sources[_sourceOf(index)].principal.account);
        try _subjects.unlink(message, signature) {
            _succeeded(SubjectRegistry.unlink.selector, mustNot);
        } catch {}
    }

    function hold(uint256 which, uint256 by) external judged(SubjectRegistry.hold.selector) {
        bytes32 ref = _ref(which);
        bool held = !heldOf[ref];
        address[3] memory senders = [_regulator.second.account, _council, _sources[0].principal.account];
        vm.prank(senders[by % 3]);
        try _subjects.hold(ref, held) {
            _succeeded(SubjectRegistry.hold.selector, by % 3 == 2);
            heldOf[ref] = held;
        } catch {}
    }

    function wait(uint256 seconds_) external {
        vm.warp(vm.getBlockTimestamp() + seconds_ % 4 days);
    }

    /* READS */

    function participantIds() external view returns (bytes32[2] memory) {
        return [_sources[0].id, _sources[1].id];
    }

    /* PRIVATE */

    function _succeeded(bytes4 verb, bool mustNot) private {
        ++successes[verb];
        _read();
        if (mustNot) ++forgeriesThatPassed;
    }

    function _start(bytes32 ref, address to, bool isGuardian) private {
        (_pendingSince[ref], _pendingTo[ref], _pendingGuardian[ref]) = (vm.getBlockTimestamp(), to, isGuardian);
    }

    function _before() private view returns (Before[] memory before) {
        before = new Before[](REFERENCES);
        for (uint256 i = 0; i < REFERENCES; ++i) {
            (, uint48 length) = _log.chainOf(refs[i]);
            before[i] = Before(_subjects.subject(refs[i]), _digestOf(refs[i]), length);
        }
    }

    /// @dev Every change of a subject is explained by the verb, counted by nonce and epoch, and on its chain.
    function _judge(bytes4 verb, bytes32 ref, Before memory then_) private {
        Subject memory before = then_.subject;
        Subject memory now_ = _subjects.subject(ref);
        (, uint48 length) = _log.chainOf(ref);
        if ((_digestOf(ref) != then_.digest) != (length > then_.length)) ++untracedChanges;
        if (now_.nonce < before.nonce || now_.epoch < before.epoch) ++fallenCounters;
        if (now_.controller == before.controller) {
            if (now_.epoch != before.epoch) ++unexplainedControllers;
            return;
        }
        bool binds = verb == SubjectRegistry.bind.selector && before.controller == address(0);
        bool hands = verb == SubjectRegistry.rotate.selector || verb == SubjectRegistry.complete.selector;
        if (!binds && !hands) ++unexplainedControllers;
        if (now_.epoch != before.epoch + (hands ? 1 : 0)) ++unexplainedControllers;
    }

    /// @dev Only after a success: forge also records what a call emitted that reverted in the end.
    function _read() private {
        Vm.Log[] memory told = vm.getRecordedLogs();
        for (uint256 i = 0; i < told.length; ++i) {
            if (told[i].topics[0] != APPENDED || told[i].emitter != address(_log)) continue;
            (uint16 code, address emitter,,, uint64 time) =
                abi.decode(told[i].data, (uint16, address, uint48, uint48, uint64));
            bytes32 key = told[i].topics[1];
            bytes32 entry = keccak256(
                abi.encode(
                    keccak256("salus.entry.v1"),
                    vm.getChainId(),
                    emitter,
                    key,
                    told[i].topics[2],
                    code,
                    told[i].topics[3],
                    time
                )
            );
            chainOf[key] = _extended(chainOf[key], entry);
            globalChain = _extended(globalChain, entry);
            ++entries;
        }
    }

    function _extended(uint256 chain, bytes32 entry) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(keccak256("salus.head.v1"), chain >> 48, entry))) << 48 | uint48(chain) + 1;
    }

    /// @dev All state of a subject, denials and what is pending included.
    function _digestOf(bytes32 ref) private view returns (bytes32) {
        PendingChange memory pending = _subjects.pendingChange(ref);
        bytes32[] memory merged = _subjects.mergedInto(ref);
        bytes32 own = keccak256(abi.encode(_subjects.subject(ref), _subjects.guardianNonceOf(ref), pending, merged));
        return keccak256(abi.encode(own, denialOf[ref][_sources[0].id], denialOf[ref][_sources[1].id]));
    }

    function _ref(uint256 which) private view returns (bytes32) {
        return refs[which % REFERENCES];
    }

    function _sourceOf(uint256 index) private pure returns (uint256) {
        return index < HOSPITALS ? 0 : 1;
    }

    /// @dev A reference with a pending change, if there is one: most would have none.
    function _pendingRef(uint256 which) private view returns (bytes32) {
        for (uint256 i = 0; i < REFERENCES; ++i) {
            bytes32 ref = _ref(which % REFERENCES + i);
            if (_pendingSince[ref] != 0) return ref;
        }
        return _ref(which);
    }

    /// @dev The same for a reference that is merged.
    function _mergedIndex(uint256 which) private view returns (uint256) {
        for (uint256 i = 0; i < REFERENCES; ++i) {
            uint256 index = (which % REFERENCES + i) % REFERENCES;
            if (_subjects.subject(refs[index]).survivor != 0) return index;
        }
        return which % REFERENCES;
    }

    function _sourceIdOf(uint256 index) private view returns (bytes32) {
        return _sources[_sourceOf(index)].id;
    }

    function _person(uint256 which) private view returns (Actor memory) {
        return _people[which % PEOPLE];
    }

    function _controller(bytes32 ref) private view returns (Actor memory) {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            if (_people[i].account == controllerOf[ref]) return _people[i];
        }
        return _people[0];
    }

    /// @dev Mostly the controller, sometimes anybody.
    function _signerFor(bytes32 ref, uint256 seed) private view returns (Actor memory) {
        return seed % 4 == 0 ? _person(seed / 4) : _controller(ref);
    }

    function _isForged(bytes32 ref, uint256 seed) private view returns (bool) {
        return controllerOf[ref] == address(0) || _signerFor(ref, seed).account != controllerOf[ref]
            || _deadline(seed) < vm.getBlockTimestamp();
    }

    /// @dev The right source, the Council, or somebody who may not.
    function _starter(uint256 which, uint256 by) private view returns (address sender, bool allowed) {
        uint256 source = _sourceOf(which % REFERENCES);
        if (by % 4 == 0) return (_council, true);
        if (by % 4 == 1) return (_sources[1 - source].principal.account, false);
        return (_sources[source].second.account, true);
    }

    function _nonce(bytes32 ref) private view returns (uint64) {
        return _subjects.subject(ref).nonce;
    }

    function _deadline(uint256 seed) private view returns (uint64) {
        uint64 time = uint64(vm.getBlockTimestamp());
        return seed % 9 == 8 ? time - 1 : time;
    }

    function _signed(Actor memory signer, bytes32 structHash) private view returns (bytes memory) {
        return sign(signer, keccak256(abi.encodePacked("\x19\x01", _separator, structHash)));
    }
}
