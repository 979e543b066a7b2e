// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Policy} from "../../../contracts/libraries/Policy.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentScope} from "../../../contracts/types/Consent.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {vm} from "../Vm.sol";

/// @notice Laws of the decision for all inputs at once, checked by `make symbolic` (halmos); forge runs none of them.
/// @dev A decision joins three verdicts (check_combine), and only one of them reads the consent's scope, so the laws of
/// scopes are laws of decisions.
contract PolicySymbolic {
    /// A request is granted exactly if nothing is against it: standing, state, scope and uses.
    function check_combine__grants_only_what_nothing_is_against(
        uint16 standingCode,
        uint256 slot,
        uint64 epoch,
        uint16 scopeCode
    ) public pure {
        bool live =
            uint8(slot) != 2 && uint8(slot) != 3 && uint64(slot >> 40) == epoch && uint32(slot >> 8) != 0;
        bool granted = Policy.combine(standingCode, slot, epoch, scopeCode) == Codes.GRANTED;
        // A verdict is 0 or a reason; 1 is no reason.
        if (standingCode == Codes.GRANTED || scopeCode == Codes.GRANTED) return;

        assert(granted == (standingCode == 0 && scopeCode == 0 && live));
    }

    /// A consent narrowed in any dimension, its window in fixed days, never allows what the wider one does not.
    function check_narrowing__never_allows_more(
        ConsentScope memory wide,
        ConsentScope memory narrow,
        Access memory access,
        uint64 time
    ) public pure {
        vm.assume(narrow.windowMonths == 0 && wide.windowMonths == 0);
        vm.assume(narrow.fromDay >= wide.fromDay && narrow.toDay <= wide.toDay);
        _assumeNarrower(wide, narrow);

        if (Policy.checkScope(narrow, access, time) == 0) assert(Policy.checkScope(wide, access, time) == 0);
    }

    /// The same for rolling windows, on any day asked for, at the end of a leap February: fewer months never allow more.
    function check_rolling__fewer_months_never_allow_more(uint8 fewer, uint8 more, Access memory access) public pure {
        uint64 time = 1_835_452_800; // 2028-02-29, 16:00 UTC: the first second of March in Shanghai
        vm.assume(fewer != 0 && fewer <= more && more <= 24);
        ConsentScope memory narrow;
        ConsentScope memory wide;
        narrow.windowMonths = fewer;
        wide.windowMonths = more;

        if (Policy.isInWindow(narrow, access, time)) assert(Policy.isInWindow(wide, access, time));
    }

    /// A consent with an empty mask or without a level allows nothing, and so does one that is zero altogether.
    function check_zero__allows_nothing(ConsentScope memory consent, Access memory access, uint64 time) public pure {
        vm.assume(consent.windowMonths == 0 && access.purpose != 0);
        if (consent.purposes != 0 && consent.categories != 0 && consent.actions != 0 && consent.maxLevel != 0) return;

        assert(Policy.checkScope(consent, access, time) != 0);
    }

    /// A bit no ruleset defines, in any mask of consent or request, denies.
    function check_undefined_bits__deny(ConsentScope memory consent, Access memory access, uint64 time) public pure {
        vm.assume(consent.windowMonths == 0);
        uint256 undefined = (consent.purposes >> 29) | (consent.categories >> 37) | (consent.actions >> 11)
            | (consent.obligations >> 19) | (consent.flags >> 16) | (access.purpose >> 29) | (access.categories >> 37)
            | (access.actions >> 11);
        vm.assume(undefined != 0);

        assert(Policy.checkScope(consent, access, time) != 0);
    }

    /// What is allowed lies inside the consent in every dimension.
    function check_allowed__is_inside(ConsentScope memory consent, Access memory access, uint64 time) public pure {
        vm.assume(consent.windowMonths == 0);
        if (Policy.checkScope(consent, access, time) != 0) return;

        uint256 outside = (access.purpose & ~consent.purposes) | (access.categories & ~consent.categories)
            | (access.actions & ~consent.actions) | (consent.flags & Labels.FLAGS_UNSUPPORTED);
        assert(outside == 0 && consent.granteeId == access.participantId && consent.ruleset == Labels.RULESET);
        assert(access.categories != 0 && access.actions != 0 && access.level != 0 && consent.maxLevel <= 5);
        assert(access.level <= consent.maxLevel && access.confidentiality <= consent.maxConfidentiality);
        assert(access.form >= consent.minForm && time >= consent.validFrom && time < consent.validUntil);
        assert(access.fromDay >= consent.fromDay && access.fromDay <= access.toDay && access.toDay <= consent.toDay);
    }

    /// A custodian is never qualified, for whatever kind and purpose.
    function check_custodian__is_never_qualified(uint16 roles, uint8 kind, uint32 purpose) public pure {
        assert(!Policy.isQualified(roles | 2, kind, purpose));
    }

    /// No session outlives its consent or a day.
    function check_session__ends_with_the_consent_and_a_day(uint64 validUntil, uint32 sessionMinutes, uint64 time)
        public
        pure
    {
        vm.assume(time < type(uint64).max - 1 days);
        uint64 end = Policy.sessionEnd(validUntil, sessionMinutes, time);
        assert(end <= validUntil && end <= time + 1 days);
    }

    function _assumeNarrower(ConsentScope memory wide, ConsentScope memory narrow) private pure {
        uint256 wider = (narrow.purposes & ~wide.purposes) | (narrow.categories & ~wide.categories)
            | (narrow.actions & ~wide.actions) | (wide.obligations & ~narrow.obligations);
        vm.assume(wider == 0 && narrow.granteeId == wide.granteeId && narrow.ruleset == wide.ruleset);
        vm.assume(narrow.flags == wide.flags && narrow.maxLevel <= wide.maxLevel);
        vm.assume(narrow.maxConfidentiality <= wide.maxConfidentiality && narrow.minForm >= wide.minForm);
        vm.assume(narrow.validFrom >= wide.validFrom && narrow.validUntil <= wide.validUntil);
        // A wider consent that is malformed allows nothing, so there is nothing to compare.
        vm.assume(Policy.isWellFormed(wide) && !Policy.hasUndefinedBits(wide));
    }
}
