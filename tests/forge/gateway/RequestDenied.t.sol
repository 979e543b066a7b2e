// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Calendar} from "../../../contracts/libraries/Calendar.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";
import {Institution} from "../base/Actors.sol";
import {Consent} from "../base/Words.sol";
import {GatewayTest} from "./GatewayTest.sol";

/// @notice Every code that can deny a request under a consent, each with the last value that is still granted.
contract RequestDeniedTest is GatewayTest {
    /* 10–12: THE PARTICIPANT */

    function test_request__suspended__is_denied_10() public {
        Consent memory consent = _granted(alice, hospital);
        _suspend(hospital);
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.PARTICIPANT_INACTIVE);
        _vote(address(participants), abi.encodeCall(IParticipantRegistry.reinstate, (hospital.id)));
        _assertGranted(consent, _access(hospital, _idOf(consent)));
    }

    function test_request__expelled__is_denied_10() public {
        Consent memory consent = _granted(alice, hospital);
        _vote(address(participants), abi.encodeCall(IParticipantRegistry.expel, (hospital.id)));
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.PARTICIPANT_INACTIVE);
    }

    function test_request__accreditation_over__is_denied_11() public {
        Consent memory consent = _granted(alice, hospital);
        _setTerms(hospital, hospital.roles, NOW + 1 days, QUOTA);
        vm.warp(NOW + 1 days - 1);
        _assertGranted(consent, _access(hospital, _idOf(consent)));
        vm.warp(NOW + 1 days);
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.ACCREDITATION_EXPIRED);
    }

    function test_request__without_the_role__is_denied_12() public {
        Consent memory consent = _granted(alice, institute);
        _assertDenied(consent, _access(institute, _idOf(consent)), institute, Codes.NOT_QUALIFIED);
    }

    /// A custodian is denied whatever roles it has beside.
    function test_request__by_a_custodian__is_denied_12() public {
        Consent memory consent = _granted(alice, hospital);
        _setTerms(hospital, hospital.roles | ParticipantRole.CUSTODY, ACCREDITED_UNTIL, QUOTA);
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.NOT_QUALIFIED);
    }

    /// An emergency purpose needs the emergency path, even if a consent allows it.
    function test_request__for_an_emergency_purpose__is_denied_12() public {
        uint32[2] memory purposes = [Labels.BTG, Labels.ETREAT];
        for (uint256 i = 0; i < purposes.length; ++i) {
            Consent memory consent = _consent(alice, hospital);
            consent.scope.purposes = purposes[i];
            _grant(alice, consent);
            Access memory access = _access(hospital, _idOf(consent));
            access.purpose = purposes[i];
            _assertDenied(consent, access, Codes.NOT_QUALIFIED);
        }
    }

    /* 20–26: THE CONSENT'S STATE */

    function test_request__revoked__is_denied_20() public {
        Consent memory consent = _granted(alice, hospital);
        _revoke(alice, _idOf(consent));
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.CONSENT_REVOKED);
    }

    /// A consent revoked before it was ever granted is known, and its trial is on the holder's chain.
    function test_request__revoked_unseen__is_denied_20() public {
        Consent memory consent = _consent(alice, hospital);
        _revoke(alice, _idOf(consent));
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.CONSENT_REVOKED);
    }

    function test_request__replaced__is_denied_21() public {
        Consent memory consent = _granted(alice, hospital);
        Consent memory successor = _consent(alice, hospital);
        successor.head.replaces = _idOf(consent);
        _replace(alice, successor);
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.CONSENT_REPLACED);
        _assertGranted(successor, _access(hospital, _idOf(successor)));
    }

    function test_request__after_revokeAll__is_denied_22() public {
        Consent memory consent = _granted(alice, hospital);
        _revokeAll(alice);
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.CONSENT_VOID);
    }

    function test_request__before_the_first_second__is_denied_23() public {
        Consent memory consent = _consent(alice, hospital);
        consent.scope.validFrom = NOW + 100;
        _grant(alice, consent);
        vm.warp(NOW + 99);
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.CONSENT_NOT_YET_VALID);
        vm.warp(NOW + 100);
        _assertGranted(consent, _access(hospital, _idOf(consent)));
    }

    function test_request__after_the_last_second__is_denied_24() public {
        Consent memory consent = _granted(alice, hospital);
        vm.warp(NOW + 30 days - 1);
        _assertGranted(consent, _access(hospital, _idOf(consent)));
        vm.warp(NOW + 30 days);
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.CONSENT_EXPIRED);
    }

    function test_request__used_up__is_denied_25() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = 2;
        _grant(alice, consent);
        _assertGranted(consent, _access(hospital, _idOf(consent)));
        _assertGranted(consent, _access(hospital, _idOf(consent)));
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.CONSENT_USED_UP);
        _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.CONSENT_USED_UP);
    }

    function test_request__by_another_participant__is_denied_26() public {
        Consent memory consent = _granted(alice, hospital);
        _assertDenied(consent, _access(clinic, _idOf(consent)), clinic, Codes.GRANTEE_MISMATCH);
    }

    /* 30–36: WHAT IS ASKED FOR */

    function test_request__for_another_purpose__is_denied_30() public {
        Consent memory consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));
        access.purpose = Labels.COC;
        _assertDenied(consent, access, Codes.PURPOSE_NOT_ALLOWED);
    }

    function test_request__for_another_or_no_action__is_denied_31() public {
        Consent memory consent = _granted(alice, hospital);
        uint16[3] memory actions = [0, USE | 1, 1];
        for (uint256 i = 0; i < actions.length; ++i) {
            Access memory access = _access(hospital, _idOf(consent));
            access.actions = actions[i];
            _assertDenied(consent, access, Codes.ACTION_NOT_ALLOWED);
        }
    }

    function test_request__for_another_or_no_category__is_denied_32() public {
        Consent memory consent = _granted(alice, hospital);
        uint64[3] memory categories = [0, LAB | 1, 1];
        for (uint256 i = 0; i < categories.length; ++i) {
            Access memory access = _access(hospital, _idOf(consent));
            access.categories = categories[i];
            _assertDenied(consent, access, Codes.CATEGORY_NOT_ALLOWED);
        }
        Access memory both = _access(hospital, _idOf(consent));
        both.categories = LAB | VITAL;
        _assertGranted(consent, both);
    }

    function test_request__for_a_higher_or_no_level__is_denied_33() public {
        Consent memory consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));
        access.level = 5;
        _assertDenied(consent, access, Codes.LEVEL_TOO_HIGH);
        access.level = 0;
        _assertDenied(consent, access, Codes.LEVEL_TOO_HIGH);
        access.level = 4;
        _assertGranted(consent, access);
        access.level = 1;
        _assertGranted(consent, access);
    }

    function test_request__for_higher_confidentiality__is_denied_34() public {
        Consent memory consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));
        access.confidentiality = 4;
        _assertDenied(consent, access, Codes.CONFIDENTIALITY_TOO_HIGH);
        access.confidentiality = 3;
        _assertGranted(consent, access);
        access.confidentiality = 0;
        _assertGranted(consent, access);
    }

    function test_request__for_a_more_identified_form__is_denied_35() public {
        Consent memory consent = _consent(alice, hospital);
        consent.scope.minForm = 3;
        _grant(alice, consent);
        Access memory access = _access(hospital, _idOf(consent));
        access.form = 2;
        _assertDenied(consent, access, Codes.FORM_TOO_IDENTIFIED);
        access.form = 3;
        _assertGranted(consent, access);
        access.form = 4;
        _assertGranted(consent, access);
    }

    function test_request__outside_fixed_days__is_denied_36() public {
        Consent memory consent = _consent(alice, hospital);
        (consent.scope.windowMonths, consent.scope.fromDay, consent.scope.toDay) = (0, 100, 200);
        _grant(alice, consent);
        _assertDays(consent, 100, 200, Codes.GRANTED);
        _assertDays(consent, 150, 150, Codes.GRANTED);
        _assertDays(consent, 99, 200, Codes.OUTSIDE_WINDOW);
        _assertDays(consent, 100, 201, Codes.OUTSIDE_WINDOW);
        _assertDays(consent, 151, 150, Codes.OUTSIDE_WINDOW);
        _assertDays(consent, 0, 150, Codes.OUTSIDE_WINDOW);
    }

    /// Two zeros are no window at all, and day 0 is in none.
    function test_request__without_a_window__is_denied_36() public {
        Consent memory consent = _consent(alice, hospital);
        consent.scope.windowMonths = 0;
        _grant(alice, consent);
        _assertDays(consent, 0, 0, Codes.OUTSIDE_WINDOW);
        _assertDays(consent, 1, 1, Codes.OUTSIDE_WINDOW);
        _assertDays(consent, _today(), _today(), Codes.OUTSIDE_WINDOW);
    }

    /// Three months back from the day of the request in Shanghai, which begins at 16:00 UTC.
    function test_request__outside_a_rolling_window__is_denied_36() public {
        Consent memory consent = _consent(alice, hospital);
        consent.scope.validUntil = NOW + 1000 days;
        _grant(alice, consent);
        // 31 May 2027, whose window begins at the end of February; 29 May 2028, in a leap year.
        _assertWindow(consent, Calendar.dayOf(2027, 5, 31), Calendar.dayOf(2027, 2, 28));
        _assertWindow(consent, Calendar.dayOf(2028, 5, 29), Calendar.dayOf(2028, 2, 29));
        _assertWindow(consent, Calendar.dayOf(2028, 5, 31), Calendar.dayOf(2028, 2, 29));
        _assertWindow(consent, Calendar.dayOf(2028, 6, 1), Calendar.dayOf(2028, 3, 1));
        _assertWindow(consent, Calendar.dayOf(2029, 1, 31), Calendar.dayOf(2028, 10, 31));
    }

    /* 37–40: WHAT A CONSENT MUST NOT SAY */

    function test_request__with_a_flag_of_no_effect_yet__is_denied_37() public {
        uint32[3] memory flags =
            [Labels.FLAG_CROSS_BORDER, Labels.FLAG_DELEGABLE, Labels.FLAG_CROSS_BORDER | Labels.FLAG_DELEGABLE];
        for (uint256 i = 0; i < flags.length; ++i) {
            Consent memory consent = _consent(alice, hospital);
            consent.scope.flags = flags[i];
            _grant(alice, consent);
            _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.FLAG_NOT_SUPPORTED);
        }
        Consent memory others = _consent(alice, hospital);
        others.scope.flags = Labels.FLAGS & ~Labels.FLAGS_UNSUPPORTED;
        others.scope.obligations = Labels.OBLIGATIONS;
        _grant(alice, others);
        _assertGranted(others, _access(hospital, _idOf(others)));
    }

    function test_request__undefined_bit_in_the_consent__is_denied_38() public {
        for (uint256 field = 0; field < 4; ++field) {
            Consent memory consent = _consent(alice, hospital);
            if (field == 0) consent.scope.purposes |= 1 << 29;
            if (field == 1) consent.scope.categories |= 1 << 37;
            if (field == 2) consent.scope.actions |= 1 << 11;
            if (field == 3) (consent.scope.obligations, consent.scope.flags) = (1 << 19, 0);
            _grant(alice, consent);
            _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.UNDEFINED_BITS);
        }
    }

    function test_request__undefined_label_in_the_request__is_denied_38() public {
        Consent memory consent = _granted(alice, hospital);
        for (uint256 field = 0; field < 5; ++field) {
            Access memory access = _access(hospital, _idOf(consent));
            if (field == 0) access.categories |= 1 << 37;
            if (field == 1) access.actions |= 1 << 11;
            if (field == 2) access.level = 6;
            if (field == 3) access.confidentiality = 6;
            if (field == 4) access.form = 5;
            _assertDenied(consent, access, Codes.UNDEFINED_BITS);
        }
    }

    function test_request__of_another_ruleset__is_denied_39() public {
        uint16[3] memory rulesets = [0, 2, type(uint16).max];
        for (uint256 i = 0; i < rulesets.length; ++i) {
            Consent memory consent = _consent(alice, hospital);
            consent.scope.ruleset = rulesets[i];
            _grant(alice, consent);
            _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.RULESET_UNKNOWN);
        }
    }

    function test_request__not_well_formed__is_denied_40() public {
        for (uint256 field = 0; field < 6; ++field) {
            Consent memory consent = _consent(alice, hospital);
            if (field == 0) consent.scope.maxLevel = 6;
            if (field == 1) consent.scope.maxConfidentiality = 6;
            if (field == 2) consent.scope.minForm = 5;
            if (field == 3) consent.scope.validUntil = consent.scope.validFrom;
            if (field == 4) (consent.scope.windowMonths, consent.scope.fromDay, consent.scope.toDay) = (0, 201, 200);
            if (field == 5) consent.scope.toDay = 1;
            _grant(alice, consent);
            _assertDenied(consent, _access(hospital, _idOf(consent)), Codes.MALFORMED_CONSENT);
        }
    }

    /* USES */

    /// A denial spends no use, whether the participant or the request is the reason.
    function test_request__denied__spends_no_use() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = 2;
        _grant(alice, consent);
        Access memory access = _access(hospital, _idOf(consent));
        access.level = 5;
        _assertDenied(consent, access, Codes.LEVEL_TOO_HIGH);
        _suspend(hospital);
        _assertDenied(consent, access, Codes.PARTICIPANT_INACTIVE);
        access.level = 4;
        _assertDenied(consent, access, Codes.PARTICIPANT_INACTIVE);
    }

    /* INTERNAL */

    function _assertGranted(Consent memory consent, Access memory access) private {
        access.salt = _fresh();
        (, uint16 code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.GRANTED);
    }

    function _assertDenied(Consent memory consent, Access memory access, uint16 code) private {
        _assertDenied(consent, access, hospital, code);
    }

    /// @dev Denied with this code: exact event and entry, a word without expiry, one request charged, no use spent.
    function _assertDenied(Consent memory consent, Access memory access, Institution memory by, uint16 code) private {
        access.salt = _fresh();
        uint256 word = consents.slotOf(alice.account, access.referenceId);
        uint256 used = _used(by);
        _expectOutcome(access, _keyOf(alice), by.principal.account, code, 0);
        _listen();
        (bytes32 accessId, uint16 found) = _request(consent, access, by);

        _assertHeard();
        vm.assertEq(accessId, _idOf(access));
        vm.assertEq(found, code);
        _assertRecorded(access, _keyOf(alice), code, 0);
        vm.assertEq(consents.slotOf(alice.account, access.referenceId), word, "use");
        vm.assertEq(_used(by), used + 1, "quota");
    }

    function _assertDays(Consent memory consent, uint32 fromDay, uint32 toDay, uint16 expected) private {
        Access memory access = _access(hospital, _idOf(consent));
        (access.fromDay, access.toDay) = (fromDay, toDay);
        if (expected == Codes.GRANTED) _assertGranted(consent, access);
        else _assertDenied(consent, access, expected);
    }

    /// @dev On a day of the request the window reaches from `first` to it, in the day's first and last second.
    function _assertWindow(Consent memory consent, uint32 day, uint32 first) private {
        uint256[2] memory times = [uint256(day) * 1 days - 8 hours, uint256(day) * 1 days + 16 hours - 1];
        for (uint256 i = 0; i < times.length; ++i) {
            vm.warp(times[i]);
            _assertDays(consent, first, day, Codes.GRANTED);
            _assertDays(consent, first - 1, day, Codes.OUTSIDE_WINDOW);
            _assertDays(consent, first, day + 1, Codes.OUTSIDE_WINDOW);
        }
    }
}
