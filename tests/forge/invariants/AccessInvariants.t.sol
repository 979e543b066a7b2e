// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessGateway} from "../../../contracts/interfaces/IAccessGateway.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {vm} from "../Vm.sol";
import {AccessHandler} from "./AccessHandler.sol";

/// @notice What holds of consents, accesses and the log, whatever patients, institutions, the Council and strangers do in
/// whatever order.
/// forge-config: default.invariant.runs = 20
/// forge-config: deep.invariant.runs = 256
/// forge-config: deep.invariant.depth = 256
contract AccessInvariants {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    AccessHandler private _handler;

    function setUp() public {
        _handler = new AccessHandler();
        _handler.setUp();
        // Invariants of the first calls would hold of nothing: begin with something to play with.
        for (uint256 seed = 0; seed < 6; ++seed) {
            _handler.grant(seed);
            _handler.requestEmergency(seed);
        }
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @dev Requests come up more often than their number among the verbs.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[26] memory verbs = [
            AccessHandler.draft.selector,
            AccessHandler.grant.selector,
            AccessHandler.grant.selector,
            AccessHandler.replace.selector,
            AccessHandler.revoke.selector,
            AccessHandler.revokeAll.selector,
            AccessHandler.freezeSubject.selector,
            AccessHandler.denySubject.selector,
            AccessHandler.request.selector,
            AccessHandler.request.selector,
            AccessHandler.request.selector,
            AccessHandler.requestMany.selector,
            AccessHandler.requestMany.selector,
            AccessHandler.requestOwn.selector,
            AccessHandler.requestEmergency.selector,
            AccessHandler.requestEmergency.selector,
            AccessHandler.review.selector,
            AccessHandler.review.selector,
            AccessHandler.review.selector,
            AccessHandler.freezeAccess.selector,
            AccessHandler.suspend.selector,
            AccessHandler.renew.selector,
            AccessHandler.switchGateway.selector,
            AccessHandler.askRetired.selector,
            AccessHandler.pass.selector,
            AccessHandler.intrude.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0].addr = address(_handler);
        targets[0].selectors = new bytes4[](verbs.length);
        for (uint256 i = 0; i < verbs.length; ++i) {
            targets[0].selectors[i] = verbs[i];
        }
    }

    /// An access is open only if a live consent of the holder's epoch, a subject's controller or an unblocked emergency covered
    /// it at its block; and it ends when the shorter of consent and session ends.
    function invariant_access__open__was_covered_at_its_block() public view {
        _handler.assertAccesses();
    }

    /// Entries are never changed or skipped: the global chain and those of holders and subjects recompute from events.
    function invariant_log__chains__recompute_from_events() public view {
        _handler.assertChains();
    }

    /// The counts of all chains are the number of entries there were, and each change has its event and its entry.
    function invariant_log__counters__equal_events() public view {
        _handler.assertCounts();
        _assertPair(Entries.ACCESS_GRANTED, IAccessGateway.AccessGranted.selector);
        _assertPair(Entries.ACCESS_DENIED, IAccessGateway.AccessDenied.selector);
        _assertPair(Entries.ACCESS_REVIEWED, IAccessGateway.AccessReviewed.selector);
        _assertPair(Entries.ACCESS_FROZEN, IAccessGateway.AccessFrozen.selector);
        _assertPair(Entries.ACCESS_UNFROZEN, IAccessGateway.AccessUnfrozen.selector);
        _assertPair(Entries.CONSENT_GRANTED, IConsentRegistry.ConsentGranted.selector);
        _assertPair(Entries.CONSENT_REPLACED, IConsentRegistry.ConsentReplaced.selector);
        _assertPair(Entries.CONSENT_REVOKED, IConsentRegistry.ConsentRevoked.selector);
        _assertPair(Entries.CONSENTS_REVOKED, IConsentRegistry.ConsentsRevoked.selector);
    }

    /// Uses left never grow: each is the number signed for less the accesses granted, and an ended consent stays ended.
    function invariant_consent__uses__never_grow() public view {
        _handler.assertUses();
    }

    /// A consent id is granted at most once.
    function invariant_consent__id__is_granted_at_most_once() public view {
        _handler.assertGrants();
    }

    /// revokeAll voids grants in flight: epochs count revocations, and no grant and no access got past one.
    function invariant_consent__epochs__count_revocations() public view {
        _handler.assertEpochs();
    }

    /// An emergency overdue for review blocks exactly its participant, and the oldest that waits is known.
    function invariant_emergency__overdue__blocks_exactly_its_participant() public view {
        _handler.assertEmergencies();
    }

    /// What is recorded is charged, granted or denied, and nothing beyond the quota of the hour is recorded.
    function invariant_quota__recorded__is_charged() public view {
        _handler.assertQuota();
    }

    /// A retired gateway neither appends nor consumes, a stranger changes nothing, and every verb succeeds exactly when it may.
    function invariant_verbs__succeed__exactly_when_they_may() public view {
        vm.assertTrue(bytes(_handler.broken()).length == 0, _handler.broken());
    }

    function _assertPair(uint8 kind, bytes32 topic) private view {
        vm.assertEq(_handler.entriesOf(kind), _handler.eventsOf(topic));
    }
}
