"""A mail that says that a mail did not arrive, read: as RFC 3464 has it, or in the free words of a provider. Pure.

Standard reports say who, what and why in lines of their own. QQ, 163 and others write a letter to a person: it counts
as a report when a mail system sent it, and what it says is read from the sentences they use.
"""

import email
import re
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from typing import NamedTuple

# What is read of a mail at most: reports carry the whole mail they are about.
MOST = 200_000
PACKED = ("base64", "quoted-printable")

_SYSTEM = re.compile(
    r"^(mailer-?daemon|mail-?daemon|postmaster|postmasters|mdaemon|mailerdaemon|bounces?|mail-?delivery|smtp-?daemon)"
    r"([+._-].*)?@",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"退信|投递失败|投遞失敗|无法投递|無法投遞|无法送达|無法送達|未送达|未能送达|邮件被退回|發送失敗|发送失败|延迟投递|投递延迟"
    r"|undeliver|delivery status|delivery (has )?fail|fail(ed|ure)? (to )?deliver|mail delivery|returned (mail|to sender)"
    r"|failure notice|non.?delivery|delayed|could not send|rejected",
    re.IGNORECASE,
)
_ID = re.compile(r"<[^<>\s@]{1,180}@[^<>\s@]{1,180}>")
_ID_LINE = re.compile(r"^[>\s]*message-id:\s*(<?[^<>\s@]+@[^<>\s@]+>?)", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_FIELD = re.compile(
    r"^[>\s]*(final-recipient|original-recipient|action|status|diagnostic-code):\s*(.+)$", re.IGNORECASE | re.MULTILINE
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.:/-])([45]\d\d)(?![\d.:/-])")
_LATE = re.compile(
    r"delayed|will (be )?(retr|keep|continue)|no action is required|not yet been delivered|still trying"
    r"|继续(尝试|投递|重试)|繼續(嘗試|投遞|重試)|暂时(无法|未能|不能)|稍后(会|将)?(再|重)|延迟|延遲",
    re.IGNORECASE,
)
_GIVEN_UP = re.compile(
    r"permanent|giv(en|ing) up|could not be delivered|fail(ed|ure)|returned to sender|被退回|退信原因|投递失败|投遞失敗"
    r"|无法送达|無法送達|不再(尝试|重试)",
    re.IGNORECASE,
)
# What providers write, and the status that RFC 3463 has for it. The first that is found says it.
_SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(words, re.IGNORECASE), status)
    for words, status in (
        (
            r"(邮箱|郵箱|信箱|账号|帐号|帳號|用户|用戶|收件人)[^。\n]{0,12}(不存在|已注销|已註銷|已停用|被停用|被禁用|被冻结|未开通)"
            r"|(无此|無此|找不到|没有此|不存在的)(用户|用戶|收件人|邮箱|郵箱|账号|帐号)|地址(有误|錯誤|错误|无效)"
            r"|(no such|unknown|invalid|non-?existent) (user|recipient|mailbox|account|address|local)"
            r"|(user|recipient|mailbox|account|address)[^.\n]{0,40}(not found|unknown|not exist|doesn'?t exist|disabled"
            r"|inactive|suspended|no longer|does not exist|not available)|mailbox unavailable(?! or access denied)",
            "5.1.1",
        ),
        (
            r"(空间|空間|容量|邮箱|郵箱|信箱)[^。\n]{0,8}(不足|已满|已滿|超限|满了)"
            r"|(mailbox|inbox|quota|storage)[^.\n]{0,30}(full|exceed|over|insufficient)|over ?quota",
            "5.2.2",
        ),
        (r"(邮件|郵件|附件)[^。\n]{0,6}(过大|過大|超过)|(message|mail)[^.\n]{0,20}(too large|size exceed)", "5.3.4"),
        (
            r"(域名|主机|收件方服务器|domain|host)[^。.\n]{0,40}(不存在|无法解析|找不到|not found|unknown|no mx|nxdomain|lookup)",
            "5.1.2",
        ),
        (
            r"垃圾|广告邮件|拒收|拒绝|拦截|攔截|黑名单|黑名單|频率|頻率|频繁|发信.{0,4}限制|疑似"
            r"|spam|blocked|blacklist|policy|reputation|access denied|rejected|too (many|frequent)|frequency|dmarc|spf|dkim",
            "5.7.1",
        ),
        (r"(连接|連接)[^。\n]{0,8}(超时|超時|失败|失敗)|timed? ?out|connection (refused|lost)|unreachable", "4.4.1"),
    )
)


class Bounce(NamedTuple):
    """`action`: failed, delayed or delivered. `ids` are the Message-IDs it names, in brackets; `recipients` addresses.

    `code` is a status of RFC 3463 (5.1.1), or what a server answered (550), empty where nothing is said.
    """

    action: str
    code: str
    ids: tuple[str, ...]
    recipients: tuple[str, ...]


def read(text: str, *, sender: str = "", subject: str = "") -> Bounce | None:
    """What the mail says of another mail; None when it is no report, but somebody's words.

    `text` is the whole mail as it came, headers first, or what a gateway has kept of it, with sender and subject beside.
    """
    text = text[:MOST].replace("\r\n", "\n")
    mail = _parsed(text)
    if mail is not None:
        sender = next(iter(_addresses(_header(mail, "From"))), sender)
        subject = _header(mail, "Subject") or subject
        text = "\n".join(_parts(mail))
        if mail.get_content_type() == "multipart/report" and "delivery-status" in _header(mail, "Content-Type"):
            return _standard(text) or _free(text, sender)
    if not _SYSTEM.match(sender.strip()):
        return None
    if told := _standard(text):
        return told
    return _free(text, sender) if _SUBJECT.search(f"{subject}\n{text[:2000]}") else None


def is_about_the_address(code: str) -> bool:
    """Whether nothing arrives at the address for good. A full box, a size or a suspicion passes; what is not said does not.

    Knows the codes of mails (5.1.1, 550, smtp_550); of any other, a gateway's own word, it says yes.
    """
    bare = code.lower().removeprefix("smtp_")
    if bare.startswith(("5.1.", "5.0.")):
        return True
    return not re.match(r"4\.|4\d\d$|5\.[2-7]\.|552$|554$", bare) or bare == "5.2.1"


def _parsed(text: str) -> EmailMessage | None:
    """The mail, where the text begins with the headers of one."""
    if not re.match(r"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}\n", text):
        return None
    mail = email.message_from_bytes(text.encode("utf-8", "replace"), policy=policy.default)
    return mail if _header(mail, "Content-Type") or _header(mail, "From") else None


def _header(mail: EmailMessage, name: str) -> str:
    """What stands there; empty where it is so odd that the library gives up."""
    try:
        return str(mail.get(name, ""))
    except Exception:
        return ""


def _parts(mail: EmailMessage) -> Iterator[str]:
    """The words of each part, the fields of a report and the headers of the mail it is about."""
    for part in mail.walk():
        kind = part.get_content_type()
        if kind in ("message/delivery-status", "message/rfc822", "text/rfc822-headers"):
            yield _as_it_stands(part)
        elif kind.startswith("text/") and not part.is_multipart():
            words = _decoded(part)
            yield re.sub(r"<(?![^<>\s@]+@)[^<>]{0,500}>", " ", words) if kind == "text/html" else words


def _as_it_stands(part: EmailMessage) -> str:
    payload = part.get_payload()
    return "\n".join(map(str, payload)) if isinstance(payload, list) else str(payload)


def _decoded(part: EmailMessage) -> str:
    """Its words; in the alphabet that it should have been said to be in, where it is said wrongly.

    What is not packed may have been read into plain text by whoever handed it on, whatever it says of itself.
    """
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return str(part.get_payload())
    said, is_packed = part.get_content_charset() or "utf-8", _header(part, "Content-Transfer-Encoding").lower()
    for name in (said, "utf-8", "gb18030") if is_packed in PACKED else ("utf-8", said, "gb18030"):
        try:
            return content.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return content.decode("utf-8", "replace")


def _standard(text: str) -> Bounce | None:
    """What the lines of RFC 3464 say; None where there is no recipient or no action among them."""
    fields: dict[str, list[str]] = {}
    for name, value in _FIELD.findall(text):
        fields.setdefault(name.lower(), []).append(value.strip())
    recipients = [*fields.get("final-recipient", ()), *fields.get("original-recipient", ())]
    actions = [action.lower() for action in fields.get("action", ())]
    if not recipients or not actions:
        return None
    action = next((name for name in ("failed", "delayed", "delivered") if name in actions), "")
    said = "\n".join(fields.get("diagnostic-code", ()))
    status = next((found[1] for value in fields.get("status", ()) if (found := _STATUS.search(value))), "")
    if status.endswith(".0.0") or not status:
        status = _code(said) or status
    return Bounce(action, status, _ids(text), _addresses("\n".join(recipients)))


def _free(text: str, sender: str) -> Bounce:
    """What the sentences of a provider say, and every address in them but its own."""
    late = _LATE.search(text) is not None and _GIVEN_UP.search(text) is None
    own = sender.strip().lower()
    recipients = tuple(address for address in _addresses(text) if address != own)
    return Bounce("delayed" if late else "failed", _code(text), _ids(text), recipients)


def _code(text: str) -> str:
    """A status that says what is the matter; else what the sentences mean, the bare status, or the server's reply."""
    statuses = _STATUS.findall(text)
    telling = next((status for status in statuses if not status.endswith(".0.0") and status[0] != "2"), "")
    if telling:
        return telling
    meant = next((status for pattern, status in _SENTENCES if pattern.search(text)), "")
    reply = _REPLY.search(text)
    return meant or next(iter(statuses), "") or (reply[1] if reply else "")


def _ids(text: str) -> tuple[str, ...]:
    named = [f"<{name.strip('<>')}>" for name in _ID_LINE.findall(text)]
    return tuple(dict.fromkeys([*named, *_ID.findall(text)]))[:50]


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address.lower().rstrip(".'") for address in _ADDRESS.findall(text)))[:20]
