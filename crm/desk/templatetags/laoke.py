"""Small words for templates: nothing here asks the database.

What stands many times on a page is a tag here, not a component: a list of fifty rows has hundreds of them.
"""

import re
from decimal import ROUND_HALF_UP, Decimal
from uuid import uuid4

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.accounts.permissions import may as user_may
from core.accounts.permissions import sees as user_sees
from core.accounts.roles import Field, Permission
from core.lib import mall
from customers.models import Standing
from loyalty.tier_rules import MONEY

register = template.Library()
A_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b", re.ASCII)
PLAIN_NUMBER = re.compile(r"(-?)(\d+)(\.\d+)?", re.ASCII)


@register.filter
def may(user: User, permission: str) -> bool:
    """{% if user|may:"edit_rules" %}"""
    return user_may(user, Permission(permission))


@register.filter
def sees(user: User, field: str) -> bool:
    """{% if user|sees:"margin" %}"""
    return user_sees(user, Field(field))


@register.simple_tag
def once() -> SafeString:
    """The key under which a form has its effect once; a new one each time the form is drawn."""
    return format_html('<input type="hidden" name="once" value="{}">', uuid4().hex)


@register.simple_tag
def in_drawer(route: str, pk: int) -> SafeString:
    """<a class="btn" {% in_drawer 'desk:todo_talk' row.todo.pk %}>: opens in the drawer, and as a page of its own."""
    url = reverse(route, args=[pk])
    return format_html('href="{0}" hx-get="{0}" hx-target="#drawer-body" hx-swap="innerHTML"', url)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """{% icon "users" %} decorates, {% icon "alert-triangle" label=_("Overdue") %} speaks. Names: static/icons.svg"""
    voice = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="lk-icon" {} width="20" height="20"><use href="{}#{}"></use></svg>',
        voice,
        static("icons.svg"),
        name,
    )


@register.simple_tag
def money(value: Decimal | int | None, decimals: int = 2, symbol: str | None = None) -> SafeString:
    """{% money standing.value decimals=0 %}: ¥875,553 in the mall's currency, unless another symbol is given.

    A dash for None. A minus stands before the symbol.
    """
    if value is None:
        return mark_safe('<span class="lk-muted">–</span>')
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    below = rounded < 0
    return format_html(
        '<span class="lk-money{}">{}{}{}</span>',
        " is-negative" if below else "",
        "−" if below else "",
        mall.facts().symbol if symbol is None else symbol,
        intcomma(str(abs(rounded)), use_l10n=False),
    )


@register.simple_tag
def money_range(low: Decimal | None, high: Decimal | None) -> SafeString:
    """{% money_range standing.value_low standing.value_high %}: ¥0 … ¥12,400, small; nothing where it is not known."""
    if low is None or high is None:
        return mark_safe("")
    return format_html(
        '<div class="lk-muted lk-small" title="{}">{} … {}</div>',
        gettext("Likely range: in 8 cases of 10 it ends between these two"),
        money(low, decimals=0),
        money(high, decimals=0),
    )


@register.filter
def priced(value: Decimal | int) -> str:
    """{{ limit|priced }}: ¥5,000 in the mall's currency, for a sentence."""
    return mall.priced(value)


@register.filter
def unbroken(text: str) -> SafeString:
    """{{ row.reason|unbroken }}: a day within it, 2026-12-01, stands on one line."""
    days = A_DAY.sub(r'<span class="lk-day">\g<0></span>', conditional_escape(text))
    return mark_safe(days)  # noqa: S308 (escaped in the line above)


@register.filter
def why(reason: str) -> str:
    """{{ version.reason|why }}: as it was typed; what the product came with says so in the reader's language."""
    return _("The defaults Laoke starts with") if reason == "Defaults" else reason


@register.filter
def unit(of_benefit: str) -> str:
    """{{ kind.unit|unit }}: money as the mall counts it, other units as they are."""
    return mall.facts().symbol.strip() if of_benefit == MONEY else of_benefit


@register.filter
def number(value: object) -> str:
    """{{ balance.available|number }}: 1,234,567 in groups of three in every language; words stay as they are."""
    text = str(value)
    if not (plain := PLAIN_NUMBER.fullmatch(text)):
        return text
    minus, whole, rest = plain.groups("")
    return f"{'−' if minus else ''}{int(whole):,}{rest}"


@register.simple_tag
def counted(amount: Decimal | int, orders: bool) -> SafeString:
    """{% counted why.gap why.counts_orders %}: what the rules of the levels count, yuan or orders."""
    if orders:
        return format_html("{}", ngettext("%(n)d order", "%(n)d orders", int(amount)) % {"n": amount})
    return money(amount)


_LOOK_OF_CLASS = {
    Standing.Class.BIG: ("amber", "star"),
    Standing.Class.ACTIVE: ("blue", "user-check"),
    Standing.Class.RANDOM: ("grey", "user"),
    Standing.Class.PROSPECT: ("grey", "user-plus"),
}


@register.simple_tag
def class_badge(value: int | None) -> SafeString:
    """{% class_badge standing.customer_class %}"""
    customer_class = Standing.Class.PROSPECT if value is None else Standing.Class(value)
    tone, picture = _LOOK_OF_CLASS[customer_class]
    return format_html(
        '<span class="lk-badge is-outline" data-tone="{}">{}{}</span>', tone, icon(picture), customer_class.label
    )


@register.simple_tag
def served_badge(standing: Standing | str) -> SafeString:
    """{% served_badge customer.standing %}: the class, and beside it the higher one they are served as while quiet."""
    if isinstance(standing, str):  # a record that was merged away has none
        return class_badge(None)
    badge = class_badge(standing.customer_class)
    if standing.serve_class is None or standing.serve_class <= standing.customer_class:
        return badge
    tone, picture = _LOOK_OF_CLASS[Standing.Class(standing.serve_class)]
    words = _("%(class)s, quiet") % {"class": Standing.Class(standing.serve_class).label}
    why = _("Served as on the day on which the open alert began; figures count the class of today.")
    return format_html(
        '{} <span class="lk-badge" data-tone="{}" title="{}">{}{}</span>', badge, tone, why, icon(picture), words
    )


_MATRIX_MARK = mark_safe(
    '<svg class="lk-matrix-mark" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">'
    '<rect x="0.5" y="6.5" width="5" height="5" rx="1"/><rect x="0.5" y="0.5" width="5" height="5" rx="1"/>'
    '<rect x="6.5" y="6.5" width="5" height="5" rx="1"/><rect x="6.5" y="0.5" width="5" height="5" rx="1"/></svg>'
)


@register.simple_tag
def matrix_badge(value: int | None) -> SafeString:
    """{% matrix_badge standing.matrix_type %}: I to IV, a dash before the first night."""
    if not value:
        return format_html('<span class="lk-muted" title="{}">–</span>', _("Not valued yet"))
    meaning = {
        1: _("Type I: low value, low potential"),
        2: _("Type II: low value, high potential"),
        3: _("Type III: high value, low potential"),
        4: _("Type IV: high value, high potential"),
    }[value]
    return format_html(
        '<span class="lk-matrix" data-type="{}" title="{}">{}{}</span>',
        value,
        meaning,
        _MATRIX_MARK,
        Standing.Type(value).label,
    )
