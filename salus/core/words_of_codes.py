"""Every outcome code as a Chinese sentence; the English ones are `salus.core.codes.EXPLANATIONS`."""

from __future__ import annotations

from collections.abc import Mapping

from salus.core.codes import EXPLANATIONS, Code
from salus.core.words_of_labels import Language

_ZH: Mapping[Code, str] = {
    Code.GRANTED: "请求在有效授权范围内，保管方可以放行。",
    Code.PARTICIPANT_INACTIVE: "请求机构未获准入、已被暂停或除名，请联系理事会。",
    Code.ACCREDITATION_EXPIRED: "请求机构的资质已到期，请向理事会申请续期。",
    Code.NOT_QUALIFIED: "此类机构不得以该用途提出请求，无论患者是否同意。",
    Code.CONSENT_REVOKED: "患者已撤回该授权，请向患者申请新的授权。",
    Code.CONSENT_REPLACED: "患者已用新的授权替换该授权，请使用新的授权。",
    Code.CONSENT_VOID: "患者已撤回此前签署的全部授权，请申请新的授权。",
    Code.CONSENT_NOT_YET_VALID: "授权尚未生效，请在生效后再请求。",
    Code.CONSENT_EXPIRED: "授权已到期，请向患者申请新的授权。",
    Code.CONSENT_USED_UP: "授权的使用次数已用完。",
    Code.GRANTEE_MISMATCH: "该授权是给另一家机构的。",
    Code.PURPOSE_NOT_ALLOWED: "授权不包括该用途。",
    Code.ACTION_NOT_ALLOWED: "授权不包括所请求的全部操作。",
    Code.CATEGORY_NOT_ALLOWED: "授权不包括所请求的全部记录类别。",
    Code.LEVEL_TOO_HIGH: "请求的敏感级别高于授权允许的级别。",
    Code.CONFIDENTIALITY_TOO_HIGH: "请求的保密程度高于授权允许的程度。",
    Code.FORM_TOO_IDENTIFIED: "授权只允许使用识别程度更低的记录形式。",
    Code.OUTSIDE_WINDOW: "请求的日期超出授权的时间窗，或授权没有时间窗。",
    Code.FLAG_NOT_SUPPORTED: "授权设置了本规则集中必须为零的标志（出境、转授权）。",
    Code.UNDEFINED_BITS: "授权或请求的掩码含有本规则集未定义的位。",
    Code.RULESET_UNKNOWN: "授权所依据的规则集不被本网关识别。",
    Code.MALFORMED_CONSENT: "授权自相矛盾（例如结束早于开始、级别高于五级）。",
    Code.SUBJECT_FROZEN: "患者已冻结全部访问。",
    Code.SUBJECT_DENIES: "患者已拒绝该机构访问。",
    Code.NOT_CONTROLLER: "签名者既不是患者本人的账户，也不是监护人。",
    Code.EMERGENCY_BLOCKED: "该机构此前的紧急查阅未在72小时内完成复核。",
    Code.ACCESS_UNKNOWN: "链上没有该访问记录。",
    Code.ACCESS_NOT_FINAL: "访问记录尚未最终确认，请在后续区块后重试。",
    Code.ACCESS_DENIED: "链上的访问记录为拒绝。",
    Code.ACCESS_EXPIRED: "访问会话已结束，请重新请求。",
    Code.ACCESS_FROZEN: "访问已被监管方冻结。",
    Code.ACCESS_MISMATCH: "所示请求不属于调用者，或不适用于此类调用。",
    Code.NOT_OPERATOR: "签名者不是其所代表机构的操作员。",
    Code.SESSION_KEY_MISMATCH: "会话密钥与访问记录中的不一致。",
    Code.CALL_REPLAYED: "该签名调用已被使用过。",
    Code.CALL_STALE: "调用签署于一分钟以前或未来时间，请检查时钟。",
    Code.SIGNATURE_INVALID: "签名与签名者、接收方或内容不符。",
    Code.RECORDS_ROOT_MISMATCH: "记录清单与链上的根不符。",
    Code.RECORD_COUNT_MISMATCH: "记录清单的条数与链上不符。",
    Code.RECORDS_NOT_DISTINCT: "记录清单中有重复的记录。",
    Code.TOO_MANY_RECORDS: "一份清单只能有1至1024条记录。",
    Code.LINK_MISSING: "授权包缺少给该保管方的关联。",
    Code.LINK_INVALID: "关联不是由患者当前的账户为该授权签署的。",
    Code.TERMS_INVALID: "所公开的条款不属于该授权，或必需的条款未公开。",
    Code.RECORD_UNKNOWN: "该保管方没有此记录版本。",
    Code.RECORD_UNANCHORED: "该记录版本已存入，但从未上链锚定。",
    Code.RECORD_OTHER_SUBJECT: "该记录属于另一位患者。",
    Code.RECORD_OTHER_SOURCE: "该记录不是由患者的来源机构锚定的。",
    Code.RECORD_OUTSIDE_CATEGORIES: "该记录的类别超出本次访问的范围。",
    Code.RECORD_OUTSIDE_DAYS: "该记录没有日期，或日期超出本次访问的范围。",
    Code.RECORD_ABOVE_LEVEL: "该记录的敏感级别高于本次访问允许的级别。",
    Code.RECORD_ABOVE_CONFIDENTIALITY: "该记录的保密程度高于本次访问允许的程度。",
    Code.RECORD_TOO_IDENTIFIED: "该记录的识别程度高于本次访问允许的程度。",
    Code.RECORD_TOPIC_NOT_ALLOWED: "该记录涉及授权未开放的敏感主题。",
    Code.RECORD_INVALID: "来源机构已声明该记录版本无效。",
    Code.RECORD_SUPERSEDED: "该记录已有更新的版本，请请求新版本或请求历史版本。",
    Code.RECORD_DESTROYED: "该记录已被责令销毁。",
    Code.RECORD_EXCLUDED: "授权点名排除了该记录。",
    Code.RECORD_RETENTION_OVER: "该副本的保存年限已满；患者可以延长保存，最长五年。",
    Code.NODE_STALE: "保管方自己的节点落后，追上之前不放行任何内容。",
    Code.CHAIN_SHORTENED: "保管方所见的链丢失了已见过的区块，须由操作员检查。",
    Code.CUSTODIAN_INACTIVE: "该保管方已被暂停或除名。",
    Code.DEPOSIT_FORGED: "存入内容不是由其所称来源机构的操作员签署的。",
    Code.DEPOSIT_MISMATCH: "存入的条目与其根不符，或与已存内容不同。",
    Code.DEPOSIT_NOT_MEMBER: "该保管方不是所指保管组的成员。",
    Code.DEPOSIT_NOT_SOURCE: "存入机构不是有效的来源机构。",
}


def code_words(code: int, language: Language) -> str:
    """One sentence for an outcome code; an unknown one is told by its number."""
    try:
        known = Code(code)
        return _ZH[known] if language is Language.ZH else EXPLANATIONS[known]
    except (ValueError, KeyError):
        return f"未知代码{code}。" if language is Language.ZH else f"Code {code}, which this version does not know."
