"""What happened, as a patient or an auditor reads it: one plain sentence per log entry or access, English or Chinese.

    医院A的一名医生于2026年11月23日15:04为治疗目的获准打开您的3份体检记录。
    On 23 November 2026 at 15:04 a physician of Hospital A was allowed to open 3 of your check-up records, for …

Sentences never hold identifiers of people. Institutions are named by the caller's own list; days and times are those of
Asia/Shanghai.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from salus.core.access import AccessKind
from salus.core.audit import EntryKind
from salus.core.codes import Code
from salus.core.days import SHANGHAI_OFFSET
from salus.core.index_rows import AccessRow, EntryRow
from salus.core.labels import Category, Role
from salus.core.words_of_codes import code_words
from salus.core.words_of_labels import CATEGORIES, PURPOSES, ROLES, Language, Said, flag_words, item_words

__all__ = [
    "KINDS",
    "Language",
    "Names",
    "Said",
    "access_sentence",
    "categories_words",
    "code_words",
    "entry_sentence",
    "purpose_words",
    "role_words",
    "time_words",
]

Names = Callable[[bytes], str | None]
"""Name of an institution by its participantId, None if the caller does not know it."""
_EVERY_CATEGORY = int(sum(Category))
_SOMEBODY = Said("an institution", "某机构")

KINDS: Mapping[EntryKind, Said] = {
    EntryKind.ACCESS_GRANTED: Said("access to records was granted", "访问记录的请求获准"),
    EntryKind.ACCESS_DENIED: Said("access to records was denied", "访问记录的请求被拒绝"),
    EntryKind.ACCESS_REVIEWED: Said("an emergency access was reviewed", "一次紧急查阅已被复核"),
    EntryKind.ACCESS_FROZEN: Said("an access was stopped by a supervisor", "一次访问被监管方冻结"),
    EntryKind.ACCESS_UNFROZEN: Said("a stopped access was allowed to go on", "一次被冻结的访问获准继续"),
    EntryKind.CONSENT_GRANTED: Said("you gave a consent", "您签署了一项授权"),
    EntryKind.CONSENT_REPLACED: Said("you replaced a consent by a new one", "您用新的授权替换了一项授权"),
    EntryKind.CONSENT_REVOKED: Said("you took a consent back", "您撤回了一项授权"),
    EntryKind.CONSENTS_REVOKED: Said("you took all your consents back", "您撤回了全部授权"),
    EntryKind.SUBJECT_BOUND: Said("your account took control of your records", "您的账户接管了您的记录"),
    EntryKind.CONTROLLER_ROTATED: Said(
        "control of your records moved to your new account", "您的记录改由您的新账户控制"
    ),
    EntryKind.GUARDIAN_APPOINTED: Said("a guardian was appointed or released", "监护人被指定或解除"),
    EntryKind.RECOVERY_STARTED: Said(
        "a change of account or guardian began; you can veto it", "账户或监护人的变更已开始，您可以否决"
    ),
    EntryKind.CONTROLLER_RECOVERED: Said(
        "control of your records was recovered to a new account", "您的记录已恢复由新账户控制"
    ),
    EntryKind.RECOVERY_VETOED: Said("a change of account or guardian was vetoed", "账户或监护人的变更被否决"),
    EntryKind.SUBJECT_FROZEN: Said("all access to your records was stopped", "对您的记录的全部访问被冻结"),
    EntryKind.SUBJECT_UNFROZEN: Said("access to your records was allowed again", "对您的记录的访问已解除冻结"),
    EntryKind.DENIAL_SET: Said("your word about one institution changed", "您对某一机构的拒绝设置有变化"),
    EntryKind.SUBJECT_LINKED: Said("two of your patient numbers were joined", "您的两个就诊编号被合并"),
    EntryKind.SUBJECT_UNLINKED: Said("two joined patient numbers were separated", "合并的就诊编号被拆分"),
    EntryKind.RETENTION_SET: Said("the time your copies are kept was changed", "副本保存年限被更改"),
    EntryKind.HOLD_SET: Said("a legal hold was set or lifted", "法律保全被设置或解除"),
    EntryKind.SUBJECT_REGISTERED: Said(
        "your patient number was put on the chain before you claimed it", "您的就诊编号在您认领之前被登记上链"
    ),
    EntryKind.BATCH_ANCHORED: Said("a batch of records was anchored", "一批记录已上链锚定"),
    EntryKind.RECORD_INVALIDATED: Said("a record version was declared invalid", "一个记录版本被声明无效"),
    EntryKind.DESTRUCTION_ORDERED: Said("destruction of a record was ordered", "一份记录被责令销毁"),
    EntryKind.DESTRUCTION_ATTESTED: Said(
        "a custodian attested that it erased a record", "一家保管方证明已删除一份记录"
    ),
    EntryKind.LOG_ANCHORED: Said("a custodian anchored its log of a day", "一家保管方锚定了其当日日志"),
}
"""What every kind of entry says, without who and when."""


def purpose_words(purposes: int, language: Language) -> str:
    """Names of purposes, for instance "treatment and coordination of care"."""
    return flag_words(PURPOSES, purposes, language)


def categories_words(categories: int, language: Language) -> str:
    """Names of record categories, for instance "check-up, laboratory, vital sign and 2 more"."""
    return flag_words(CATEGORIES, categories, language)


def role_words(role: int, language: Language) -> str:
    """Who asked, as the institution asserts it: "a physician"."""
    return item_words(Role, ROLES, role, ROLES[Role.UNSPECIFIED], language)


def time_words(seconds: int, language: Language) -> str:
    """A Unix time as people in China read it: "23 November 2026 at 15:04"."""
    at = datetime.fromtimestamp(seconds + SHANGHAI_OFFSET, UTC)
    if language is Language.ZH:
        return f"{at.year}年{at.month}月{at.day}日{at:%H:%M}"
    return f"{at.day} {at:%B %Y} at {at:%H:%M}"


def access_sentence(access: AccessRow, names: Names, language: Language) -> str:
    """Who asked for what, why, when, and what came of it."""
    who = _name(access.participant, names, language)
    when, role = time_words(access.at, language), role_words(access.role, language)
    any_kind = access.categories & _EVERY_CATEGORY == _EVERY_CATEGORY  # of records that were named, whatever they are
    what = "" if any_kind else categories_words(access.categories, language)
    why = purpose_words(access.purpose, language)
    count = access.record_count
    granted = access.code == Code.GRANTED
    outcome = "" if granted else code_words(access.code, language)
    if language is Language.ZH:
        if access.kind == AccessKind.OWN:
            return f"您于{when}{'获准' if granted else '请求'}打开自己的{count}份{what}记录{_denied_zh(outcome)}"
        urgent = "在紧急情况下、未经您同意" if access.kind == AccessKind.EMERGENCY else ""
        verb = "获准打开" if granted else "请求打开"
        return f"{who}的{role}于{when}{urgent}为{why}目的{verb}您的{count}份{what}记录{_denied_zh(outcome)}"
    own = access.kind == AccessKind.OWN
    whose = "your own" if own else "your"
    several = int(access.categories).bit_count() > 1
    if any_kind:
        records = f"{count} of {whose} records"
    else:
        records = f"{count} of {whose} records ({what})" if several else f"{count} of {whose} {what} records"
    if own:
        said = f"On {when} you {'were allowed' if granted else 'asked'} to open {records}"
    else:
        verb = "was allowed to open" if granted else "asked to open"
        urgent = " in an emergency, without your consent," if access.kind == AccessKind.EMERGENCY else ""
        said = f"On {when} {role} of {who}{urgent} {verb} {records}, for {why}"
    return said + ("." if granted else f". It was denied: {outcome}")


def entry_sentence(entry: EntryRow, names: Names, language: Language, access: AccessRow | None = None) -> str:
    """What one log entry says; with the access it is about, the whole sentence of that access."""
    if access is not None and entry.kind in {EntryKind.ACCESS_GRANTED, EntryKind.ACCESS_DENIED}:
        return access_sentence(access, names, language)
    when = time_words(entry.at, language)
    detail = _detail(entry, names, language)
    try:
        what = KINDS[EntryKind(entry.kind)].to(language)
    except ValueError:
        what = Said("something this version has no words for happened", "发生了本版本无法说明的事项").to(language)
    if language is Language.ZH:
        return f"{when}，{what}{f'（{detail}）' if detail else ''}。"
    return f"On {when} {what}{f' ({detail})' if detail else ''}."


_DETAILS: Mapping[EntryKind, Mapping[int, Said]] = {
    EntryKind.ACCESS_REVIEWED: {1: Said("justified", "理由成立"), 2: Said("not justified", "理由不成立")},
    EntryKind.RECOVERY_STARTED: {0: Said("of account", "账户"), 1: Said("of guardian", "监护人")},
    EntryKind.DENIAL_SET: {
        0: Said("no longer denied", "不再拒绝"),
        1: Said("denied, except in an emergency", "拒绝，紧急情况除外"),
        2: Said("denied always", "一律拒绝"),
    },
    EntryKind.HOLD_SET: {0: Said("lifted", "解除"), 1: Said("set", "设置")},
    EntryKind.DESTRUCTION_ATTESTED: {
        2: Said("not the last one needed", "尚需其他保管方"),
        3: Said("no key can be joined any more", "密钥已无法恢复"),
    },
}


def _detail(entry: EntryRow, names: Names, language: Language) -> str:
    if entry.kind == EntryKind.ACCESS_DENIED:
        return code_words(entry.code, language).rstrip("。.")
    if entry.kind == EntryKind.RETENTION_SET:
        return f"{entry.code}年" if language is Language.ZH else f"{entry.code} years"
    said = _DETAILS.get(EntryKind(entry.kind), {}).get(entry.code) if entry.kind in set(EntryKind) else None
    parts = [] if said is None else [said.to(language)]
    if entry.participant is not None and any(entry.participant):
        parts.insert(0, _name(entry.participant, names, language))
    return ("：" if language is Language.ZH else ": ").join(parts)


def _name(participant: bytes, names: Names, language: Language) -> str:
    return names(participant) or _SOMEBODY.to(language)


def _denied_zh(outcome: str) -> str:
    return f"，被拒绝：{outcome}" if outcome else "。"
