// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Outcome codes that are younger than the contracts
/// @notice Custodians' codes given since the contracts were deployed: the rest of the table in Codes.sol, so that no
/// number is given twice. No contract imports this file, because bytecode ends in a digest of every source it is made of: a
/// line more in Codes.sol would make every deployed gateway look compiled from other sources. With the next change of
/// contracts they move there.
library LaterCodes {
    uint16 internal constant RECORD_RETENTION_OVER = 154;
}
