// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Civil days in Asia/Shanghai
/// @notice Days are counted from 1970-01-01; day 0 means undated. China has had no daylight saving since 1991, so the
/// offset is constant. Conversions follow H. Hinnant, "chrono-compatible low-level date algorithms".
library Calendar {
    uint256 private constant SHANGHAI_OFFSET = 8 hours;
    /// Days from 0000-03-01 to 1970-01-01.
    uint256 private constant EPOCH_SHIFT = 719468;
    uint256 private constant DAYS_PER_ERA = 146097;

    /// @notice Civil day of a Unix time in seconds.
    function dayAt(uint256 seconds_) internal pure returns (uint32) {
        // Safe for any block time: the day number passes 32 bits in the year 11,761,191.
        return uint32((seconds_ + SHANGHAI_OFFSET) / 1 days);
    }

    /// @notice The day `months` calendar months earlier, clamped to the month's end; 0 when that is before 1970.
    function monthsBefore(uint32 day, uint256 months) internal pure returns (uint32) {
        (uint256 year, uint256 month, uint256 dayOfMonth) = civil(day);
        // Safe: month is at least 1, and the subtraction follows its comparison.
        unchecked {
            uint256 index = year * 12 + month - 1;
            if (index < months) return 0;
            index -= months;
            year = index / 12;
            if (year < 1970) return 0;
            month = index - year * 12 + 1;
        }

        uint256 last = daysInMonth(year, month);
        return dayOf(year, month, dayOfMonth < last ? dayOfMonth : last);
    }

    /// @notice Year, month (1 to 12) and day of month (1 to 31) of a day number.
    function civil(uint32 day) internal pure returns (uint256 year, uint256 month, uint256 dayOfMonth) {
        // Safe: a 32-bit day bounds every product far below 256 bits, and each difference is of a whole and its parts.
        unchecked {
            uint256 shifted = uint256(day) + EPOCH_SHIFT;
            uint256 era = shifted / DAYS_PER_ERA;
            uint256 dayOfEra = shifted % DAYS_PER_ERA;
            uint256 yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
            uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
            uint256 shiftedMonth = (5 * dayOfYear + 2) / 153;

            dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1;
            month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
            year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
        }
    }

    /// @notice Day number of a civil date from 1970 on.
    function dayOf(uint256 year, uint256 month, uint256 dayOfMonth) internal pure returns (uint32) {
        // Safe, and the cast too: the date comes from a 32-bit day number or lies between it and 1970.
        unchecked {
            if (month <= 2) year -= 1;
            uint256 era = year / 400;
            uint256 yearOfEra = year % 400;
            uint256 dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + dayOfMonth - 1;
            uint256 dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
            return uint32(era * DAYS_PER_ERA + dayOfEra - EPOCH_SHIFT);
        }
    }

    /// @notice Length of a month.
    function daysInMonth(uint256 year, uint256 month) internal pure returns (uint256) {
        if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        // Odd months up to July and even ones from August on have 31 days.
        return 30 + ((month + month / 8) % 2);
    }
}
