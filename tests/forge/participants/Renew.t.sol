// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AdmissionTerms,
    IParticipantRegistry,
    Participant,
    ParticipantKeys
} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantRole, ParticipantStatus} from "../../../contracts/types/Participant.sol";
import {Vm, vm} from "../Vm.sol";
import {ParticipantTest} from "./ParticipantTest.sol";

contract RenewTest is ParticipantTest {
    function test_renew__with_other_keys__changes_terms_papers_and_keys() public {
        Participant memory state = participants.participant(hospital.id);
        ParticipantKeys memory keys = ParticipantKeys("key", "x", "y", address(7));
        vm.recordLogs();
        _renewNow(AdmissionTerms(ParticipantRole.RESEARCH, NOW + 1, 17), "papers", keys);
        Vm.Log[] memory told = _told();

        emit IParticipantRegistry.ParticipantRenewed(hospital.id, ParticipantRole.RESEARCH, NOW + 1, 17, "papers");
        emit IParticipantRegistry.ParticipantKeysSet(hospital.id, "key", "x", "y", address(7));
        _assertTold(told);
        state.roles = ParticipantRole.RESEARCH;
        state.accreditedUntil = NOW + 1;
        state.hourlyQuota = 17;
        state.accreditation = "papers";
        state.keys = keys;
        _assertParticipant(hospital.id, state);
    }

    function test_renew__with_the_same_keys__tells_of_no_keys() public {
        vm.recordLogs();
        _renewNow(_terms(255), "papers", _keys("Hospital"));
        Vm.Log[] memory told = _told();

        emit IParticipantRegistry.ParticipantRenewed(hospital.id, 255, ACCREDITED_UNTIL, QUOTA, "papers");
        _assertTold(told);
    }

    function test_renew__any_single_key_changed__is_told() public {
        for (uint256 i = 0; i < 4; ++i) {
            ParticipantKeys memory keys = participants.participant(hospital.id).keys;
            if (i == 0) keys.encryptionKey = "other";
            if (i == 1) keys.nodeKeyX = "other";
            if (i == 2) keys.nodeKeyY = "other";
            if (i == 3) keys.validator = address(8);
            vm.recordLogs();
            _renewNow(_terms(255), "papers", keys);
            vm.assertEq(_told().length, 2);
        }
    }

    function test_renew__suspended__stays_suspended() public {
        _suspendNow(hospital);
        _renewNow(_terms(255), "papers", _keys("Hospital"));
        vm.assertEq(_statusOf(hospital), ParticipantStatus.SUSPENDED);
        vm.assertEq(participants.participant(hospital.id).roles, 255);
    }

    /// What was used of the quota in this hour is not forgotten.
    function test_renew__in_mid_hour__keeps_what_was_used() public {
        vm.prank(address(gateway));
        participants.charge(hospital.id, 30);
        _renewNow(AdmissionTerms(255, ACCREDITED_UNTIL, 50), "papers", _keys("Hospital"));
        (,, uint32 left) = participants.callerOf(hospital.second.account);
        vm.assertEq(left, 20);
        vm.assertEq(participants.participant(hospital.id).principal, hospital.principal.account);
    }

    /// A write that changes nothing reverts; one that changes any one thing does not.
    function test_renew__with_nothing_new__is_refused() public {
        Participant memory present = participants.participant(hospital.id);
        AdmissionTerms memory terms = _terms(present.roles);
        _asCouncil();
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryUnchanged.selector, hospital.id));
        participants.renew(hospital.id, terms, present.accreditation, present.keys);

        uint256 before = vm.snapshotState();
        for (uint256 i = 0; i < 4; ++i) {
            terms = _terms(present.roles);
            if (i == 0) terms.roles ^= ParticipantRole.RESEARCH;
            if (i == 1) ++terms.accreditedUntil;
            if (i == 2) ++terms.hourlyQuota;
            _renewNow(terms, i == 3 ? bytes32("papers") : present.accreditation, present.keys);
            vm.revertToState(before);
        }
        present.keys.validator = address(8);
        _renewNow(_terms(present.roles), present.accreditation, present.keys);
    }

    function test_renew__by_vote__takes_the_delay() public {
        _renew(hospital, _terms(255));
        vm.assertEq(participants.participant(hospital.id).roles, 255);
    }

    function test_renew__not_by_the_council__is_refused() public {
        address[3] memory callers = [stranger.account, members[0].account, hospital.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotCouncil(callers[i]);
            participants.renew(hospital.id, _terms(1), "papers", _keys("Hospital"));
        }
    }

    function test_renew__unknown_applied_or_expelled__is_refused() public {
        _expectRefused("unknown", ParticipantStatus.NONE);
        _expectRefused(applicant.id, ParticipantStatus.APPLIED);
        _expelNow(hospital);
        _expectRefused(hospital.id, ParticipantStatus.EXPELLED);
    }

    function test_renew__without_encryption_key__is_refused() public {
        ParticipantKeys memory keys = ParticipantKeys(0, "x", "y", address(7));
        _asCouncil();
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryInvalidKeys.selector));
        participants.renew(hospital.id, _terms(1), "papers", keys);
    }

    function test_renew__invalid_terms__is_refused() public {
        AdmissionTerms[3] memory terms = [
            AdmissionTerms(0, ACCREDITED_UNTIL, QUOTA),
            AdmissionTerms(256, ACCREDITED_UNTIL, QUOTA),
            AdmissionTerms(1, NOW, QUOTA)
        ];
        for (uint256 i = 0; i < terms.length; ++i) {
            _asCouncil();
            vm.expectRevert(
                abi.encodeWithSelector(
                    IParticipantRegistry.ParticipantRegistryInvalidTerms.selector,
                    terms[i].roles,
                    terms[i].accreditedUntil,
                    QUOTA
                )
            );
            participants.renew(hospital.id, terms[i], "papers", _keys("Hospital"));
        }
    }

    function _renewNow(AdmissionTerms memory terms, bytes32 papers, ParticipantKeys memory keys) private {
        _asCouncil();
        participants.renew(hospital.id, terms, papers, keys);
    }

    function _expectRefused(bytes32 id, uint8 found) private {
        _asCouncil();
        _expectWrongStatus(id, found, ParticipantStatus.ACTIVE);
        participants.renew(id, _terms(1), "papers", _keys("Hospital"));
    }
}
