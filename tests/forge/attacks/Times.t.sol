// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessGateway, Refusal} from "../../../contracts/interfaces/IAccessGateway.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {Calendar} from "../../../contracts/libraries/Calendar.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {vm} from "../Vm.sol";
import {sign} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";
import {Consent} from "../base/Words.sol";

/// @notice First and last seconds, leap days, ends of months, and the largest numbers.
contract TimeAttacks is Base {
    function test_request__first_and_last_second_of_the_consent__is_granted() public {
        Consent memory consent = _consent(alice, hospital);
        (consent.scope.validFrom, consent.scope.validUntil) = (_time() + 10, _time() + 100);
        _grant(alice, consent);

        _skip(9);
        vm.assertEq(_code(consent, hospital), Codes.CONSENT_NOT_YET_VALID);
        _skip(1);
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
        _skip(89);
        (bytes32 accessId, uint16 code) = _request(consent, hospital);
        vm.assertEq(code, Codes.GRANTED);
        vm.assertEq(gateway.accessOf(accessId).expiry, consent.scope.validUntil);
        _skip(1);
        vm.assertEq(_code(consent, hospital), Codes.CONSENT_EXPIRED);
    }

    function test_request__last_second_of_the_accreditation__is_granted() public {
        vm.warp(ACCREDITED_UNTIL - 1);
        Consent memory consent = _granted(alice, hospital);
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
        _skip(1);
        vm.assertEq(_code(consent, hospital), Codes.ACCREDITATION_EXPIRED);
    }

    function test_request__last_second_of_its_deadline__is_recorded() public {
        Consent memory consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));
        vm.warp(access.deadline + 1);
        bytes32 id = _idOf(access);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessGateway.AccessGatewayRefused.selector, id, Refusal.DEADLINE_PASSED)
        );
        _request(consent, access, hospital);
        vm.warp(access.deadline);
        (, uint16 code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.GRANTED);
    }

    function test_grant__deadline_from_now_to_seven_days__is_granted() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.deadline = _time();
        _grant(alice, consent);
        consent.head.deadline = _time() + 7 days;
        _grant(alice, consent);

        uint64[3] memory wrong = [_time() - 1, _time() + 7 days + 1, type(uint64).max];
        for (uint256 i = 0; i < wrong.length; ++i) {
            consent.head.deadline = wrong[i];
            bytes memory signature = sign(alice, _idOf(consent));
            vm.expectPartialRevert(
                i == 0
                    ? IConsentRegistry.ConsentRegistryDeadlinePassed.selector
                    : IConsentRegistry.ConsentRegistryDeadlineTooFar.selector
            );
            consents.grant(consent.head, _scopeHash(consent), signature);
        }
    }

    /// Valid for ever, in every field that can say so: the session still ends.
    function test_request__largest_numbers__session_still_ends() public {
        Consent memory consent = _consent(alice, hospital);
        (consent.scope.validFrom, consent.scope.validUntil) = (0, type(uint64).max);
        (consent.scope.sessionMinutes, consent.scope.windowMonths) = (type(uint32).max, 0);
        (consent.scope.fromDay, consent.scope.toDay) = (0, type(uint32).max);
        _grant(alice, consent);
        Access memory access = _access(hospital, _idOf(consent));
        (access.fromDay, access.toDay, access.deadline) = (1, type(uint32).max, type(uint64).max);

        (bytes32 accessId, uint16 code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.GRANTED);
        vm.assertEq(gateway.accessOf(accessId).expiry, _time() + 24 hours);
    }

    /// Undated is in no window, however wide.
    function test_request__day_zero__is_outside() public {
        Consent memory consent = _consent(alice, hospital);
        (consent.scope.windowMonths, consent.scope.toDay) = (0, type(uint32).max);
        _grant(alice, consent);
        Access memory access = _access(hospital, _idOf(consent));
        access.fromDay = 0;
        (, uint16 code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.OUTSIDE_WINDOW);
    }

    /// A new day begins at midnight in Shanghai, 16:00 UTC, to the second.
    function test_request__midnight_in_shanghai__opens_the_new_day() public {
        vm.warp(NOW + 16 hours - 1);
        Consent memory consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));
        access.toDay = _today() + 1;
        (, uint16 code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.OUTSIDE_WINDOW);

        _skip(1);
        access.salt = _fresh();
        (, code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.GRANTED);
    }

    /// Rolling windows at the ends of months, counted back from a day that the other month does not have.
    function test_request__window_over_leap_day_and_month_ends__is_clamped() public {
        _expectWindow([uint32(2028), 2, 29], 12, [uint32(2027), 2, 28]);
        _expectWindow([uint32(2028), 5, 31], 3, [uint32(2028), 2, 29]);
        _expectWindow([uint32(2027), 5, 31], 3, [uint32(2027), 2, 28]);
        _expectWindow([uint32(2027), 12, 31], 1, [uint32(2027), 11, 30]);
        _expectWindow([uint32(2028), 1, 1], 1, [uint32(2027), 12, 1]);
        _expectWindow([uint32(2028), 3, 1], 1, [uint32(2028), 2, 1]);
    }

    function _expectWindow(uint32[3] memory on, uint8 months, uint32[3] memory first) private {
        // The first second of the day in Shanghai.
        vm.warp(uint256(Calendar.dayOf(on[0], on[1], on[2])) * 1 days - 8 hours);
        Consent memory consent = _consent(alice, hospital);
        consent.scope.windowMonths = months;
        _grant(alice, consent);
        Access memory access = _access(hospital, _idOf(consent));
        access.fromDay = Calendar.dayOf(first[0], first[1], first[2]);
        (, uint16 code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.GRANTED);

        access.fromDay -= 1;
        access.salt = _fresh();
        (, code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.OUTSIDE_WINDOW);
    }
}
