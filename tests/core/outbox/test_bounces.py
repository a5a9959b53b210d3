"""Reports of mails that did not arrive, as standards have them and as providers write them."""

from email.mime.text import MIMEText

import pytest

from core.outbox import bounces
from core.outbox.bounces import Bounce

OURS = "<11111111-2222-3333-4444-555555555555@mall.example>"
TO = "lilei@example.com"


def standard(action: str = "failed", status: str = "5.1.1", said: str = "550 5.1.1 User unknown", **more: str) -> str:
    """As Postfix writes it."""
    return f"""Return-Path: <>
From: MAILER-DAEMON@mx.example (Mail Delivery System)
Subject: {more.get("subject", "Undelivered Mail Returned to Sender")}
To: care@mall.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="B0/mx"

--B0/mx
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

{more.get("words", "I'm sorry to have to inform you that your message could not be delivered.")}

--B0/mx
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
X-Postfix-Queue-ID: 4.3.2
Arrival-Date: Mon, 30 Nov 2026 10:00:00 +0800 (CST)

Final-Recipient: rfc822; {TO}
Original-Recipient: rfc822;{TO}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--B0/mx
Content-Type: {more.get("kind", "message/rfc822")}

Return-Path: <care@mall.example>
From: care@mall.example
Message-ID: {OURS}
Subject: Tea

New tea

--B0/mx--
"""


EXIM = f"""From: Mail Delivery System <Mailer-Daemon@host.example>
Subject: Mail delivery failed: returning message to sender
X-Failed-Recipients: {TO}
Content-Type: text/plain

This message was created automatically by mail delivery software.
A message that you sent could not be delivered to one or more of its recipients.

  {TO}
    host mx.example.com [203.0.113.7]
    SMTP error from remote mail server after RCPT TO:<{TO}>:
    550 5.2.1 The user you are trying to contact is receiving mail too quickly

------ This is a copy of the message, including all the headers. ------

Message-Id: {OURS}
"""
QMAIL = f"""Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{TO}>:
203.0.113.9 does not like recipient.
Remote host said: 550 no such user
Giving up on 203.0.113.9.

--- Below this line is a copy of the message.

Message-ID: {OURS}
"""
QQ = f"""抱歉，您的邮件被退回来了……
原邮件信息：
时间：2026-11-30 10:00:00
主题：新茶
收件人：{TO}
退信原因：
收件人邮箱地址不存在，邮件无法送达。
host 203.0.113.7 said: 550 Mailbox unavailable or access denied
"""
QQ_FULL = QQ.replace("收件人邮箱地址不存在，邮件无法送达。", "收件人的邮箱空间已满。").replace(
    "550 Mailbox", "552 Mailbox"
)
NETEASE_SPAM = f"""抱歉，您的邮件被退回来了…
收件人 {TO}
退信原因 您的邮件被对方服务器识别为垃圾邮件而拒收。
SMTP error, DATA: Host 203.0.113.8 said 554 DT:SPM 163 smtp1
"""
SINA = f"很遗憾，您发送的邮件未能送达以下收件人：\n{TO}\n原因：连接对方服务器超时。"
LATE = f"您给 {TO} 的邮件暂时未能投递，系统会继续尝试投递，您不需要做任何事。"
EIGHT_BIT = f"""From: PostMaster@qq.com
Subject: =?utf-8?B?5p2l6IeqcXEuY29t55qE6YCA5L+h?=
Content-Type: text/plain; charset={{}}
Content-Transfer-Encoding: 8bit

{QQ}"""
GB = MIMEText("收件人 lilei@example.com\n退信原因 无此用户", "plain", "gb18030")
GB["From"], GB["Subject"] = "Postmaster@163.com", "系统退信"


@pytest.mark.parametrize(
    ("mail", "sender", "subject", "action", "code", "named"),
    [
        (standard(), "", "", "failed", "5.1.1", True),
        (standard(kind="text/rfc822-headers"), "", "", "failed", "5.1.1", True),
        (standard(status="5.0.0", said="550 mailbox full"), "", "", "failed", "5.2.2", True),
        (standard("delayed", "4.4.1", "connect to mx: timed out"), "", "", "delayed", "4.4.1", True),
        (standard("delivered", "2.0.0", "250 ok"), "", "", "delivered", "2.0.0", True),
        (standard().replace("\n", "\r\n"), "", "", "failed", "5.1.1", True),
        # What a gateway has kept of it: the words alone, the lines of the report within them.
        (standard().partition("Reporting-MTA")[2], "MAILER-DAEMON@mx.example", "", "failed", "5.1.1", True),
        (EXIM, "", "", "failed", "5.2.1", True),
        (QMAIL, "MAILER-DAEMON@mx.example", "failure notice", "failed", "5.1.1", True),
        (QQ, "PostMaster@qq.com", "来自qq.com的退信", "failed", "5.1.1", False),
        (QQ_FULL, "postmaster@qq.com", "", "failed", "5.2.2", False),
        (NETEASE_SPAM, "postmaster@126.com", "系统退信/Systems bounce", "failed", "5.7.1", False),
        (SINA, "mailer-daemon@sina.com", "系统退信", "failed", "4.4.1", False),
        (LATE, "postmaster@qq.com", "邮件延迟投递通知", "delayed", "", False),
        (GB.as_string(), "", "", "failed", "5.1.1", False),
        (EIGHT_BIT.format("utf-8"), "", "", "failed", "5.1.1", False),
        (EIGHT_BIT.format("gb18030"), "", "", "failed", "5.1.1", False),
    ],
    ids=[
        *("postfix", "headers", "status_0", "delayed", "delivered", "crlf", "flattened", "exim", "qmail"),
        *("qq", "qq_full", "163_spam", "sina", "qq_late", "163_gb", "8bit", "8bit_gb"),
    ],
)
def test_what_a_mail_system_says_is_read(
    mail: str, sender: str, subject: str, action: str, code: str, named: bool
) -> None:
    read = bounces.read(mail, sender=sender, subject=subject)
    assert read
    assert (read.action, read.code, OURS in read.ids, TO in read.recipients) == (action, code, named, True)


@pytest.mark.parametrize(
    ("text", "sender", "subject"),
    [
        ("我收到了你们的退信，邮箱不存在是什么意思？", "lilei@example.com", "退信"),
        (f"Final-Recipient: rfc822; {TO}\nAction: failed\nStatus: 5.1.1", "hanmei@example.com", "Undelivered Mail"),
        ("我在休假，下周一回复您。", "lilei@example.com", "自动回复: 退信"),
        ("您的域名将于下月到期，请续费。", "postmaster@mall.example", "域名续费"),
        ("", "postmaster@qq.com", ""),
        ("From: a\n\n" * 3, "lilei@example.com", ""),
    ],
    ids=["words", "forged", "away", "domain", "empty", "odd"],
)
def test_somebodys_words_are_no_report(text: str, sender: str, subject: str) -> None:
    assert bounces.read(text, sender=sender, subject=subject) is None


@pytest.mark.parametrize(
    ("codes", "bad"),
    [
        (("5.1.1", "5.1.2", "smtp_550", "550", "5.0.0", "", "absent", "5.2.1"), True),
        (("4.4.1", "421", "5.2.2", "552", "5.7.1", "554", "smtp_452", "5.3.4"), False),
    ],
    ids=["gone", "passing"],
)
def test_a_full_box_or_a_suspicion_is_no_bad_address(codes: tuple[str, ...], bad: bool) -> None:
    assert {code: bounces.is_about_the_address(code) for code in codes} == dict.fromkeys(codes, bad)


def test_a_huge_report_is_read_in_no_time() -> None:
    mail = standard() + "x@y.example " * 40_000 + "5.1." * 100_000
    assert isinstance(bounces.read(mail), Bounce)
