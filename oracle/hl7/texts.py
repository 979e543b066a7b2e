"""Texts of ERR in the language of the sender's staff. Codes are the same in both.

ERR-3.2 is the text of table 0357; ERR-8 says what this receiver found. A text without a Chinese wording falls back on
its condition's: place and code still tell what is wrong.
"""

from __future__ import annotations

from enum import StrEnum

from oracle.hl7.errors import CONDITION_TEXT, Condition


class Language(StrEnum):
    """Language of the texts in ERR."""

    CHINESE = "zh"
    ENGLISH = "en"


_CONDITION_ZH = {
    Condition.ACCEPTED: "消息已接收",
    Condition.SEGMENT_SEQUENCE: "消息段顺序错误或缺少必需的消息段",
    Condition.REQUIRED_FIELD_MISSING: "缺少必填字段",
    Condition.DATA_TYPE: "数据类型错误",
    Condition.TABLE_VALUE_NOT_FOUND: "取值不在代码表中",
    Condition.VALUE_TOO_LONG: "超出长度限制",
    Condition.UNSUPPORTED_MESSAGE_TYPE: "不支持的消息类型",
    Condition.UNSUPPORTED_EVENT_CODE: "不支持的触发事件",
    Condition.UNSUPPORTED_PROCESSING_ID: "不支持的处理标识",
    Condition.UNSUPPORTED_VERSION_ID: "不支持的版本号",
    Condition.UNKNOWN_KEY: "未知的关键标识",
    Condition.DUPLICATE_KEY: "重复的关键标识",
    Condition.RECORD_LOCKED: "应用记录被锁定",
    Condition.INTERNAL: "接收方内部错误",
}
_FOUND_ZH = {
    "MSH-18 names an unknown character set and the bytes are not UTF-8": "MSH-18 的字符集未知，且内容不是 UTF-8",
    "the bytes are neither UTF-8 nor GB18030 nor what MSH-18 says": "内容不是 UTF-8、GB18030 或 MSH-18 所述字符集",
    "the character set configured for this source is unknown": "为该来源配置的字符集未知",
    "encoding characters must be two to five different signs": "编码字符须为二至五个互不相同的符号",
    "this character can't separate fields": "该字符不能用作字段分隔符",
    "the frame is empty": "帧内没有消息",
    "too many characters": "消息字符数过多",
    "too many fields": "字段数过多",
    "too many repetitions": "字段重复次数过多",
    "too many segments": "消息段数过多",
    "a batch must be sent as single messages": "批次须拆成单条消息发送",
    "more than one MSH segment": "消息中有多个 MSH 段",
    "the message does not begin with an MSH segment": "消息不以 MSH 段开头",
    "the message type is missing": "缺少消息类型",
    "this message type is not taken here": "此处不接收该消息类型",
    "this trigger event is not taken here": "此处不接收该触发事件",
    "this source may not send such messages": "该来源不得发送此类消息",
    "a segment this source must send is missing": "缺少该来源必须发送的消息段",
    "the message control id is missing": "缺少消息控制标识",
    "the processing id must be P, T or D": "处理标识须为 P、T 或 D",
    "only version 2 messages are taken": "只接收第 2 版消息",
    "the message is longer than this source may send": "消息超过该来源允许的长度",
    "the message could not be stored": "消息暂未能存储，请重发",
    "the message is stored but not processed yet: send it again": "消息已存储，尚未处理完毕，请重发以获知结果",
    "no record could be made of this message; it is kept for a person to look at": "未能生成记录，消息已留存待人工处理",
}


def condition_text(condition: Condition, language: Language) -> str:
    """ERR-3.2."""
    return _CONDITION_ZH[condition] if language is Language.CHINESE else CONDITION_TEXT[condition]


def found_text(text: str, condition: Condition, language: Language) -> str:
    """ERR-8 for a text in English."""
    if language is Language.ENGLISH:
        return text
    return _FOUND_ZH.get(text) or _CONDITION_ZH[condition]
