// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Calendar} from "../../../contracts/libraries/Calendar.sol";
import {vm} from "../Vm.sol";

/// @notice Laws of the civil calendar, for every day that 32 bits can name.
contract CalendarTest {
    /// A day and its date name each other.
    function testFuzz_civil__and_back__is_the_same_day(uint32 day) public pure {
        (uint256 year, uint256 month, uint256 dayOfMonth) = Calendar.civil(day);

        vm.assertTrue(month >= 1 && month <= 12 && dayOfMonth >= 1);
        vm.assertTrue(dayOfMonth <= Calendar.daysInMonth(year, month));
        vm.assertEq(Calendar.dayOf(year, month, dayOfMonth), day);
    }

    /// Each day is followed by the next date.
    function testFuzz_civil__next_day__is_next_date(uint32 day) public pure {
        vm.assume(day != type(uint32).max);
        (uint256 year, uint256 month, uint256 dayOfMonth) = Calendar.civil(day);
        (uint256 nextYear, uint256 nextMonth, uint256 nextDayOfMonth) = Calendar.civil(day + 1);

        if (dayOfMonth < Calendar.daysInMonth(year, month)) {
            vm.assertEq(nextDayOfMonth, dayOfMonth + 1);
            vm.assertEq(nextMonth, month);
        } else {
            vm.assertEq(nextDayOfMonth, 1);
            vm.assertEq(nextYear * 12 + nextMonth, year * 12 + month + 1);
        }
    }

    /// The result is in the right month, on the same day of the month or at its end, or 0 before 1970.
    function testFuzz_monthsBefore__lands_in_the_month(uint32 day, uint8 months) public pure {
        (uint256 year, uint256 month, uint256 dayOfMonth) = Calendar.civil(day);
        uint32 earlier = Calendar.monthsBefore(day, months);
        uint256 index = year * 12 + month - 1 - months;
        if (index < 1970 * 12) {
            vm.assertEq(earlier, 0);
            return;
        }

        (uint256 foundYear, uint256 foundMonth, uint256 foundDay) = Calendar.civil(earlier);
        vm.assertEq(foundYear * 12 + foundMonth - 1, index);
        uint256 last = Calendar.daysInMonth(foundYear, foundMonth);
        vm.assertEq(foundDay, dayOfMonth < last ? dayOfMonth : last);
    }

    /// A longer window contains a shorter one.
    function testFuzz_monthsBefore__more_months__are_earlier(uint32 day, uint8 months) public pure {
        vm.assume(months != type(uint8).max);
        vm.assertTrue(Calendar.monthsBefore(day, uint256(months) + 1) <= Calendar.monthsBefore(day, months));
    }

    function test_monthsBefore__end_of_may__is_clamped_to_february() public pure {
        vm.assertEq(Calendar.monthsBefore(Calendar.dayOf(2026, 5, 31), 3), Calendar.dayOf(2026, 2, 28));
        vm.assertEq(Calendar.monthsBefore(Calendar.dayOf(2028, 5, 31), 3), Calendar.dayOf(2028, 2, 29));
    }

    function test_dayAt__midnight_in_shanghai__is_16_utc() public pure {
        vm.assertEq(Calendar.dayAt(16 hours - 1), 0);
        vm.assertEq(Calendar.dayAt(16 hours), 1);
    }
}
