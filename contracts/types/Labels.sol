// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Label vocabulary of ruleset 1
/// @notice Which bits of each mask are defined and the highest value of each ordinal. Bit positions are those of
/// `salus.core.labels`; purposes are HL7 v3 ActReason codes and are matched exactly, never by the HL7 hierarchy.
library Labels {
    uint16 internal constant RULESET = 1;

    uint32 internal constant TREAT = 1 << 0;
    uint32 internal constant ETREAT = 1 << 1;
    uint32 internal constant BTG = 1 << 2;
    uint32 internal constant COC = 1 << 3;
    uint32 internal constant HPAYMT = 1 << 4;
    uint32 internal constant COVERAGE = 1 << 5;
    uint32 internal constant HOPERAT = 1 << 6;
    uint32 internal constant HQUALIMP = 1 << 7;
    uint32 internal constant PATSFTY = 1 << 8;
    uint32 internal constant PUBHLTH = 1 << 9;
    uint32 internal constant POPHLTH = 1 << 10;
    uint32 internal constant HRESCH = 1 << 11;
    uint32 internal constant CLINTRCH = 1 << 12;
    uint32 internal constant BIORCH = 1 << 13;
    uint32 internal constant DSRCH = 1 << 14;
    uint32 internal constant POARCH = 1 << 15;
    uint32 internal constant PATRQT = 1 << 16;
    uint32 internal constant HLEGAL = 1 << 19;
    uint32 internal constant GOV = 1 << 20;
    uint32 internal constant MLTRAINING = 1 << 22;
    uint32 internal constant X_CHECKUP_MGMT = 1 << 26;
    uint32 internal constant X_INSUW = 1 << 28;

    uint32 internal constant PURPOSES = (1 << 29) - 1;
    uint64 internal constant CATEGORIES = (1 << 37) - 1;
    uint16 internal constant ACTIONS = (1 << 11) - 1;
    uint32 internal constant OBLIGATIONS = (1 << 19) - 1;
    uint32 internal constant FLAGS = (1 << 16) - 1;

    uint32 internal constant FLAG_CROSS_BORDER = 1 << 4;
    uint32 internal constant FLAG_DELEGABLE = 1 << 8;
    /// Flags that must be zero in this ruleset.
    uint32 internal constant FLAGS_UNSUPPORTED = FLAG_CROSS_BORDER | FLAG_DELEGABLE;

    uint8 internal constant MAX_LEVEL = 5;
    uint8 internal constant MAX_CONFIDENTIALITY = 5;
    uint8 internal constant MAX_FORM = 4;
    uint16 internal constant MAX_RECORDS = 1024;
}
