"""What the law and the carriers ask, as the defaults read it: each with its source, to be confirmed by a lawyer."""

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _


class Rule(NamedTuple):
    says: Any
    source: str
    here: Any


LAW = (
    Rule(
        _("No commercial messages or calls without consent; a clear and easy way to end them; they end at once."),
        "消费者权益保护法实施条例 24 (2024-07-01)",
        _("The gate, the page of the customer's own choices; a withdrawal takes back what waits."),
    ),
    Rule(
        _("Advertising by electronic message: only with consent, with true sender and contact, and a way to refuse."),
        "广告法 43",
        _("Without an address by which to end them no offers leave (PUBLIC_URL)."),
    ),
    Rule(
        _("Commercial text messages: only after consent; no answer means no; who refused is not asked again alike."),
        "通信短信息服务管理规定 (2015-06-30)",
        _("Consent that is not known is none; asked once, then left alone for a year. To be checked: from memory."),
    ),
    Rule(
        _("Advertising e-mails begin their subject with “广告” or “AD”, and can be refused for 30 days at least."),
        "互联网电子邮件服务管理办法 13, 14 (2006)",
        _("The prefix is added when the letter leaves; the link in it has no end."),
    ),
    Rule(
        _("Withdrawing is as easy as giving; what was lawful before stays lawful."),
        "个人信息保护法 15, 16",
        _("One button, no login, no reason asked."),
    ),
    Rule(
        _("Marketing by automated decisions: a choice that is not about the person, or an easy refusal."),
        "个人信息保护法 24",
        _("“Do not choose what I get by what I bought”, on the customer's own page and on the record."),
    ),
    Rule(
        _("Carriers take promotional text messages between 8 and 21 o'clock at the widest."),
        "Huawei Cloud, Alibaba Cloud (2025)",
        _("9 to 20 o'clock unless decided otherwise; never outside of 8 to 21."),
    ),
    Rule(
        _("Advertising messages against this are fined with 5,000 to 30,000 yuan; whoever sent them answers for it."),
        "广告法 62",
        _("Who agreed, by which words and when, is on record for every letter. The article is to be checked."),
    ),
    Rule(
        _("Asking for consent to text messages names what kind of messages, how often and for how long."),
        "通信短信息服务管理规定 18",
        _("The words by which people are asked are versions, readable beside who agreed. To be checked: from memory."),
    ),
    Rule(
        _("Prices and terms may not differ unreasonably between people because of an automated decision."),
        "个人信息保护法 24",
        _("Laoke sets no prices. Whoever hands out coupons sees to whom, and why."),
    ),
    Rule(
        _("A text message of more than 70 characters counts as several; replies come only by the carrier's callback."),
        "Huawei Cloud, Alibaba Cloud (2025)",
        _("Replies are heard by `consents/replies`: T, TD, N, R, 退订, 拒收 end offers for everybody of the number."),
    ),
    Rule(
        _(
            "One carrier takes promotional text messages only as fixed texts without variables or short links, to members"
            " who can reply R, and none about coupons, surveys, points to exchange or winning customers back."
        ),
        "Huawei Cloud, sms_templates (2025-09-04)",
        _("Text messages are never the only way: shop, e-mail and people stand beside them."),
    ),
    Rule(
        _(
            "企业微信: what a program sends to many is only a task, which a colleague confirms; each customer gets at most as"
            " many a month as it has days. In the WeChat service chat: 5 messages within 48 hours of the customer's last."
        ),
        "企业微信 (2025-11-17)",
        _("Handed over is not delivered: an answer by WeChat counts once its receipt says so."),
    ),
    Rule(
        _(
            "Who sends more than 5,000 mails a day to the large providers needs one click, and fewer than 0.3 % complaints."
        ),
        "Gmail, Yahoo (2024-02)",
        _("`check --deploy` warns of a sender whose domain is not the one that mails are signed for (DKIM_DOMAIN)."),
    ),
    Rule(
        _("One click ends it: both headers, HTTPS, a POST without cookies."),
        "RFC 8058",
        _("In every letter that is not of service."),
    ),
    Rule(
        _(
            "A draft of 2020 asks to keep the proof of consent; a revision from 2026-05-01 is reported by the press only."
        ),
        "MIIT draft 2020-08-31",
        _("The proof is kept for three years after its end, and longer. The new text was not found: check it."),
    ),
)
