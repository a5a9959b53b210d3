"""What each source told last: by file and by the shop's own calls."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db.models import Count, Max
from django.utils.text import slugify
from django.utils.translation import gettext as _
from pypinyin import lazy_pinyin

from core.lib.errors import Invalid
from customers.models import Import, Order

# So far back the calls of a shop are looked for: the index by arrival makes it cheap, however many orders there are.
CALLS_OF = timedelta(days=30)
LONGEST = 40


class Source(NamedTuple):
    """One source: its newest file and how many it has sent, its newest call and for how many orders."""

    name: str
    file: Import | None
    files: int
    called_at: datetime | None
    orders: int


def code_of(name: str) -> str:
    """The name of a source as letters, digits and hyphens, Chinese in pinyin: taobaoqijiandian of 淘宝旗舰店.

    A name that is a code already stays as it is. Raises Invalid when nothing is left or too much: a code that was cut
    could be another shop's.
    """
    name = name.strip()
    try:
        validate_slug(name)
        code = name
    except ValidationError:
        code = slugify("".join(lazy_pinyin(name)))
    if not code:
        raise Invalid(_("Write the source with letters or digits."), code="source")
    if len(code) > LONGEST:
        raise Invalid(
            _("In letters this is “%(code)s”: longer than %(most)d. Choose a shorter name.")
            % {"code": code, "most": LONGEST},
            code="source",
        )
    return code


def last_words(*, at: datetime) -> list[Source]:
    """Every source that has sent a file, or an order by REST within thirty days, whoever spoke last first."""
    files = dict(Import.objects.order_by("source").values_list("source").annotate(Count("pk")))
    newest = Import.objects.order_by("source", "-at", "-pk").distinct("source").select_related("by")
    last = {run.source: run for run in newest}
    recent = Order.objects.filter(received_at__gte=at - CALLS_OF, import_run=None).order_by("source")
    calls = {
        name: (called_at, count)
        for name, called_at, count in recent.values_list("source").annotate(Max("received_at"), Count("pk"))
    }
    rows = [Source(name, last.get(name), files.get(name, 0), *calls.get(name, (None, 0))) for name in {*last, *calls}]
    return sorted(rows, key=lambda row: (_spoke(row), row.name), reverse=True)


def _spoke(row: Source) -> datetime:
    moments = [moment for moment in (row.file and row.file.at, row.called_at) if moment]
    return max(moments)
