"""Solidity computes what tests/vectors says: every digest, leaf, root, day, log head, code and decision."""

import json
import re
from pathlib import Path

import pytest
from brownie import VectorsMock, accounts

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"


def cases(file, *kinds):
    """Cases of a file; of some kinds if given. A missing file or kind is an error, never a pass."""
    chosen = list(json.loads((VECTORS / f"{file}.json").read_text()))
    if kinds:
        chosen = [case for case in chosen if case["input"].get("kind") in kinds]
    assert chosen, f"{file}.json has no case of {kinds}"
    return chosen


def word(value):
    return int(value, 16)


def consent_words(words):
    """Brownie wants integers where the struct has integers."""
    return [int(w, 16) if i in (0, 1, 4, 5) else w for i, w in enumerate(words)]


def access_words(words):
    return [int(w, 16) if i in (2, 6) else w for i, w in enumerate(words)]


def standing(value):
    return value["status"], value["roles"], value["accreditedUntil"]


@pytest.fixture(scope="module")
def mock(module_isolation):
    return VectorsMock.deploy({"from": accounts[0]})


def check(found, case):
    assert found == case["expected"], case["name"]


def test_leaves__every_tree__agree(mock):
    leaf_of = {
        "record": lambda i: mock.recordLeaf(i["chainId"], record(i["leaf"])),
        "request": lambda i: mock.requestLeaf(i["leaf"]),
        "term": lambda i: mock.termLeaf(i["field"], i["salt"], i["value"]),
        "log": lambda i: mock.logLeaf(i["index"], i["entry"]),
    }
    for kind, function in leaf_of.items():
        for case in cases("leaves", kind):
            check(str(function(case["input"])), case)


def record(leaf):
    names = "recordId version previousLeaf subjectRef envelopeDigest contentCommitment categories level confidentiality"
    names += " form firstDay lastDay topicsCommitment custodianSet"
    return [leaf[name] for name in names.split()]


def test_trees__every_proof__leads_to_root(mock):
    for case in cases("trees"):
        for leaf, proof in zip(case["input"]["leaves"], case["expected"]["proofs"], strict=True):
            assert str(mock.rootOf(leaf, proof)) == case["expected"]["root"], case["name"]


def test_terms__every_opening__leads_to_root(mock):
    for case in cases("terms"):
        for opening in case["expected"]["openings"]:
            leaf = mock.termLeaf(opening["field"], opening["salt"], opening["value"])
            assert str(mock.rootOf(leaf, opening["proof"])) == case["expected"]["root"], case["name"]


def test_digests__consent_and_access_words__agree(mock):
    seen = set()
    for case in cases("digests"):
        expected, given = case["expected"], case["input"]
        if given["type"] == "Consent":
            found = mock.consentDigest(expected["domainSeparator"], consent_words(given["words"]))
            names = ("headHash", "scopeHash", "structHash", "digest")
        elif given["type"] == "Access":
            found = mock.accessDigest(expected["domainSeparator"], access_words(given["words"]))
            names = ("structHash", "digest")
        else:
            continue
        seen.add(given["type"])
        assert [str(value) for value in found] == [expected[name] for name in names], case["name"]
    assert seen == {"Consent", "Access"}


def test_digests__patients_and_custodians_structs__agree(mock):
    wanted = {name[4:] for name in dir(mock) if name.startswith("hash")}
    seen = set()
    for case in cases("digests"):
        kind = case["input"]["type"]
        if kind not in wanted:
            continue
        seen.add(kind)
        members = case["input"]["types"][kind]
        value = [case["input"]["message"][member["name"]] for member in members]
        assert str(getattr(mock, f"hash{kind}")(value)) == case["expected"]["structHash"], case["name"]
    assert seen == wanted
    assert len(wanted) == 11


def test_words__bits_above_last_field__found(mock):
    for case in cases("words"):
        words = case["input"]["words"]
        if case["input"]["struct"] == "ConsentWords":
            check(mock.isCleanConsent(consent_words(words)), case)
        else:
            check(mock.isCleanAccess(access_words(words)), case)


def test_policy__under_consent__same_code_and_expiry(mock):
    for case in cases("policy", "consent"):
        given = case["input"]
        found = mock.decide(
            standing(given["standing"]),
            word(given["consentSlot"]),
            given["holderEpoch"],
            consent_words(given["consentWords"]),
            access_words(given["accessWords"]),
            given["now"],
        )
        check({"code": found[0], "expiry": found[1]}, case)


def test_policy__own__same_code_and_expiry(mock):
    for case in cases("policy", "own"):
        given = case["input"]
        found = mock.decideOwn(access_words(given["accessWords"]), given["frozen"], given["now"])
        check({"code": found[0], "expiry": found[1]}, case)


def test_policy__emergency__same_code_and_expiry(mock):
    for case in cases("policy", "emergency"):
        given = case["input"]
        found = mock.decideEmergency(
            standing(given["standing"]),
            access_words(given["accessWords"]),
            given["frozen"],
            given["denial"],
            given["overdue"],
            given["now"],
        )
        check({"code": found[0], "expiry": found[1]}, case)


def test_calendar__days_months_windows__agree(mock):
    for case in cases("calendar", "dayAt"):
        check(mock.dayAt(case["input"]["seconds"]), case)
    for case in cases("calendar", "monthsBefore"):
        check(mock.monthsBefore(case["input"]["day"], case["input"]["months"]), case)
    for case in cases("calendar", "window"):
        given = case["input"]
        found = mock.window(given["windowMonths"], given["fromDay"], given["toDay"], given["now"])
        check(list(found), case)


def test_log__entry_and_next_head__agree(mock):
    for case in cases("log"):
        given, expected = case["input"], case["expected"]
        names = ("chainId", "emitter", "key", "kind", "code", "referenceId", "at")
        entry = mock.entryOf(*(given[name] for name in names))
        assert str(entry) == expected["entry"], case["name"]
        assert mock.extended(word(given["slot"]), entry) == word(expected["slot"]), case["name"]


def test_ids__orders__agree(mock):
    for case in cases("ids", "order"):
        check(str(mock.orderId(case["input"]["recordId"], case["input"]["subjectRef"])), case)


def test_ids__participant_and_subject__agree(deployed):
    for case in cases("ids", "participant"):
        assert case["input"]["chainId"] == deployed.chain_id
        check(str(deployed.participants.idOf(case["input"]["applicant"], case["input"]["salt"])), case)
    for case in cases("ids", "subject"):
        check(str(deployed.subjects.idOf(case["input"]["sourceId"], case["input"]["seed"])), case)


def test_codes__solidity_table__is_the_shared_one():
    files = [ROOT / "contracts" / "types" / name for name in ("Codes.sol", "LaterCodes.sol")]
    found, later = (
        {name: int(value) for name, value in re.findall(r"constant ([A-Z_]+) = (\d+);", file.read_text())}
        for file in files
    )
    assert {**found, **later} == {case["name"]: case["expected"] for case in cases("codes")}
    assert not found.keys() & later.keys()
    # What is younger than the contracts is custodians' alone: no contract knows it.
    assert all(code >= 100 for code in later.values())
    imports = [file for file in (ROOT / "contracts").rglob("*.sol") if "LaterCodes.sol" in file.read_text()]
    assert imports == []
