// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Calendar} from "../../../contracts/libraries/Calendar.sol";
import {vm} from "../Vm.sol";

/// @notice Dates that are known from elsewhere, so that the laws of Calendar.t.sol don't hold of another calendar.
contract CalendarDatesTest {
    function test_dayOf__known_dates__are_their_days() public pure {
        _assertDate(1970, 1, 1, 0);
        _assertDate(1970, 2, 28, 58);
        _assertDate(1970, 3, 1, 59);
        _assertDate(1970, 12, 31, 364);
        _assertDate(1972, 2, 29, 789);
        _assertDate(1999, 12, 31, 10956);
        _assertDate(2000, 2, 29, 11016);
        _assertDate(2000, 3, 1, 11017);
        _assertDate(2026, 11, 1, 20758);
        _assertDate(2028, 2, 29, 21243);
        _assertDate(2038, 1, 19, 24855);
        _assertDate(2100, 2, 28, 47540);
        _assertDate(2100, 3, 1, 47541);
        _assertDate(2400, 2, 29, 157113);
        _assertDate(2400, 12, 31, 157419);
    }

    /// Twelve months of common, leap and century years.
    function test_daysInMonth__each_month__as_on_any_wall() public pure {
        uint8[12] memory days_ = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        uint16[8] memory years_ = [1970, 2024, 2026, 2000, 2100, 2200, 2300, 2400];
        bool[8] memory leap = [false, true, false, true, false, false, false, true];
        for (uint256 i = 0; i < years_.length; ++i) {
            for (uint256 month = 1; month <= 12; ++month) {
                uint256 expected = month == 2 && leap[i] ? 29 : days_[month - 1];
                vm.assertEq(Calendar.daysInMonth(years_[i], month), expected);
            }
        }
    }

    /// Every day of 60 years, one date after the other.
    function test_civil__every_day_of_sixty_years__follows_the_one_before() public pure {
        (uint256 year, uint256 month, uint256 dayOfMonth) = (1970, 1, 1);
        uint8[12] memory days_ = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (uint32 day = 0; day < 21915; ++day) {
            (uint256 y, uint256 m, uint256 d) = Calendar.civil(day);
            if (y != year || m != month || d != dayOfMonth) revert("another date");
            if (Calendar.dayOf(y, m, d) != day) revert("another day");
            uint256 last = month == 2 && year % 4 == 0 ? 29 : days_[month - 1];
            if (++dayOfMonth > last) (dayOfMonth, month) = (1, month + 1);
            if (month > 12) (month, year) = (1, year + 1);
        }
        vm.assertEq(year, 2030);
    }

    function test_monthsBefore__known_dates__are_clamped() public pure {
        _assertBefore(2026, 3, 31, 1, Calendar.dayOf(2026, 2, 28));
        _assertBefore(2028, 3, 31, 1, Calendar.dayOf(2028, 2, 29));
        _assertBefore(2028, 3, 29, 1, Calendar.dayOf(2028, 2, 29));
        _assertBefore(2028, 3, 28, 1, Calendar.dayOf(2028, 2, 28));
        _assertBefore(2026, 1, 31, 1, Calendar.dayOf(2025, 12, 31));
        _assertBefore(2026, 1, 15, 12, Calendar.dayOf(2025, 1, 15));
        _assertBefore(2026, 1, 15, 13, Calendar.dayOf(2024, 12, 15));
        _assertBefore(2028, 2, 29, 12, Calendar.dayOf(2027, 2, 28));
        _assertBefore(2028, 2, 29, 48, Calendar.dayOf(2024, 2, 29));
        _assertBefore(2026, 12, 31, 1, Calendar.dayOf(2026, 11, 30));
        _assertBefore(2026, 12, 31, 0, Calendar.dayOf(2026, 12, 31));
        _assertBefore(2026, 12, 31, 255, Calendar.dayOf(2005, 9, 30));
    }

    /// Before 1970 there are no days: the window then begins with day 0, which is in none.
    function test_monthsBefore__reaching_before_1970__is_zero() public pure {
        _assertBefore(1970, 2, 1, 1, 0);
        _assertBefore(1970, 2, 2, 1, 1);
        _assertBefore(1970, 1, 31, 1, 0);
        _assertBefore(1971, 1, 31, 12, 30);
        _assertBefore(1971, 1, 31, 13, 0);
        _assertBefore(1970, 12, 31, 11, 30);
        // More months than there are since the year 0, to the month.
        _assertBefore(1970, 1, 1, 1970 * 12, 0);
        _assertBefore(1970, 1, 1, 1970 * 12 + 1, 0);
        _assertBefore(1970, 1, 1, type(uint256).max, 0);
    }

    function test_dayAt__edges__are_midnights_in_shanghai() public pure {
        vm.assertEq(Calendar.dayAt(0), 0);
        vm.assertEq(Calendar.dayAt(57599), 0);
        vm.assertEq(Calendar.dayAt(57600), 1);
        vm.assertEq(Calendar.dayAt(57600 + 86399), 1);
        vm.assertEq(Calendar.dayAt(57600 + 86400), 2);
        vm.assertEq(Calendar.dayAt(1_793_491_200), 20758);
    }

    function _assertDate(uint256 year, uint256 month, uint256 dayOfMonth, uint32 day) private pure {
        vm.assertEq(Calendar.dayOf(year, month, dayOfMonth), day);
        (uint256 y, uint256 m, uint256 d) = Calendar.civil(day);
        vm.assertTrue(y == year && m == month && d == dayOfMonth);
    }

    function _assertBefore(uint256 year, uint256 month, uint256 dayOfMonth, uint256 months, uint32 expected)
        private
        pure
    {
        vm.assertEq(Calendar.monthsBefore(Calendar.dayOf(year, month, dayOfMonth), months), expected);
    }
}
