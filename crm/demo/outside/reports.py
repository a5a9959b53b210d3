"""Mails that say that a mail did not arrive, as three kinds of mail systems write them."""

from email.message import EmailMessage
from email.utils import formatdate

QQ = """抱歉，您的邮件被退回来了……

原邮件信息：
时间：{at}
主题：新茶
收件人：{to}

退信原因：
收件人邮箱账号不存在，或者已经停用，邮件无法送达。
host mx.example said: 550 Mailbox not found.
建议解决方案：
请联系您的收件人，确认邮箱地址是否正确。
"""
NETEASE = """抱歉，您的邮件被退回来了…

收件人 {to}
退信原因 收件人的邮箱空间不足，暂时收不下您的邮件。SMTP error, DATA: 552 Mailbox over quota
"""


def report(message_id: str, to: str) -> tuple[str, str, str]:
    """Sender, subject and whole mail: as the provider of the recipient would write it."""
    domain = to.rpartition("@")[2]
    at = formatdate()
    if domain == "qq.com":
        return _words("PostMaster@qq.com", "来自qq.com的退信", QQ.format(at=at, to=to))
    if domain in ("163.com", "126.com"):
        return _words(f"Postmaster@{domain}", "系统退信/Systems bounce", NETEASE.format(to=to))
    sender, subject = "MAILER-DAEMON@mx.shanye.example", "Undelivered Mail Returned to Sender"
    whole = f"""From: MAILER-DAEMON@mx.shanye.example (Mail Delivery System)
Subject: {subject}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b0"

--b0
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--b0
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.shanye.example

Final-Recipient: rfc822; {to}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <{to}>: Recipient address rejected: User unknown

--b0
Content-Type: text/rfc822-headers

Message-ID: {message_id}
To: {to}

--b0--
"""
    return sender, subject, whole


def _words(sender: str, subject: str, text: str) -> tuple[str, str, str]:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = sender, subject
    mail.set_content(text)
    return sender, subject, mail.as_string()
