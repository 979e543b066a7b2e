// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Policy} from "../../../contracts/libraries/Policy.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentScope} from "../../../contracts/types/Consent.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {Standing} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";

/// @notice Laws of the decision for all inputs at once. Checked by `make symbolic` (halmos); forge runs none of them.
/// @dev Structs are taken apart into arguments, because halmos makes each argument a symbol of its own.
contract PolicySymbolic {
    /// A consent narrowed in any dimension, its window in fixed days, never allows what the wider one does not.
    function check_narrowing__never_allows_more(
        Standing memory standing,
        uint256 slot,
        uint64 epoch,
        ConsentScope memory wide,
        ConsentScope memory narrow,
        Access memory access,
        uint64 time
    ) public pure {
        vm.assume(narrow.windowMonths == 0 && wide.windowMonths == 0);
        vm.assume(narrow.fromDay >= wide.fromDay && narrow.toDay <= wide.toDay);
        _assumeNarrower(wide, narrow);

        if (Policy.decide(standing, slot, epoch, narrow, access, time) == Codes.GRANTED) {
            assert(Policy.decide(standing, slot, epoch, wide, access, time) == Codes.GRANTED);
        }
    }

    /// The same for rolling windows, on any day asked for, at the end of a leap February: fewer months never allow more.
    function check_narrowing__of_rolling_months__never_allows_more(
        Standing memory standing,
        uint256 slot,
        uint64 epoch,
        ConsentScope memory wide,
        ConsentScope memory narrow,
        Access memory access
    ) public pure {
        uint64 time = 1_835_452_800; // 2028-02-29, 16:00 UTC: the first second of March in Shanghai
        vm.assume(narrow.windowMonths != 0 && narrow.windowMonths <= wide.windowMonths && wide.windowMonths <= 12);
        vm.assume(narrow.fromDay == 0 && narrow.toDay == 0 && wide.fromDay == 0 && wide.toDay == 0);
        _assumeNarrower(wide, narrow);

        if (Policy.decide(standing, slot, epoch, narrow, access, time) == Codes.GRANTED) {
            assert(Policy.decide(standing, slot, epoch, wide, access, time) == Codes.GRANTED);
        }
    }

    /// A consent with an empty mask or without a level allows nothing, and so does one that is zero altogether.
    function check_zero__allows_nothing(
        Standing memory standing,
        uint256 slot,
        uint64 epoch,
        ConsentScope memory consent,
        Access memory access,
        uint64 time
    ) public pure {
        vm.assume(consent.windowMonths == 0);
        vm.assume(consent.purposes == 0 || consent.categories == 0 || consent.actions == 0 || consent.maxLevel == 0);
        vm.assume(access.purpose != 0);

        assert(Policy.decide(standing, slot, epoch, consent, access, time) != Codes.GRANTED);
    }

    /// A bit no ruleset defines, in any mask of consent or request, denies.
    function check_undefined_bits__deny(
        Standing memory standing,
        uint256 slot,
        uint64 epoch,
        ConsentScope memory consent,
        Access memory access,
        uint64 time
    ) public pure {
        vm.assume(consent.windowMonths == 0);
        vm.assume(
            consent.purposes >> 29 != 0 || consent.categories >> 37 != 0 || consent.actions >> 11 != 0
                || consent.obligations >> 19 != 0 || consent.flags >> 16 != 0 || access.purpose >> 29 != 0
                || access.categories >> 37 != 0 || access.actions >> 11 != 0
        );

        assert(Policy.decide(standing, slot, epoch, consent, access, time) != Codes.GRANTED);
    }

    /// What is granted lies inside the consent in every dimension, and rests on a state that is neither revoked nor replaced.
    function check_granted__is_inside(
        Standing memory standing,
        uint256 slot,
        uint64 epoch,
        ConsentScope memory consent,
        Access memory access,
        uint64 time
    ) public pure {
        vm.assume(consent.windowMonths == 0);
        if (Policy.decide(standing, slot, epoch, consent, access, time) != Codes.GRANTED) return;

        assert(uint8(slot) != 2 && uint8(slot) != 3 && uint64(slot >> 40) == epoch && uint32(slot >> 8) != 0);
        assert(consent.granteeId == access.participantId && consent.ruleset == Labels.RULESET);
        assert(access.purpose & ~consent.purposes == 0);
        assert(access.categories & ~consent.categories == 0 && access.categories != 0);
        assert(access.actions & ~consent.actions == 0 && access.actions != 0);
        assert(access.level >= 1 && access.level <= consent.maxLevel && consent.maxLevel <= 5);
        assert(access.confidentiality <= consent.maxConfidentiality && access.form >= consent.minForm);
        assert(time >= consent.validFrom && time < consent.validUntil && time < standing.accreditedUntil);
        assert(access.fromDay >= consent.fromDay && access.fromDay <= access.toDay && access.toDay <= consent.toDay);
        assert(consent.flags & Labels.FLAGS_UNSUPPORTED == 0);
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
        vm.assume(narrow.granteeId == wide.granteeId && narrow.ruleset == wide.ruleset && narrow.flags == wide.flags);
        vm.assume(narrow.purposes & ~wide.purposes == 0 && narrow.categories & ~wide.categories == 0);
        vm.assume(narrow.actions & ~wide.actions == 0 && wide.obligations & ~narrow.obligations == 0);
        vm.assume(narrow.maxLevel <= wide.maxLevel && narrow.maxConfidentiality <= wide.maxConfidentiality);
        vm.assume(narrow.minForm >= wide.minForm);
        vm.assume(narrow.validFrom >= wide.validFrom && narrow.validUntil <= wide.validUntil);
        // A wider consent that is malformed allows nothing, so there is nothing to compare.
        vm.assume(Policy.isWellFormed(wide) && !Policy.hasUndefinedBits(wide));
    }
}
