"""The rules of the night in words and tables: what each version changed, what a draft would do."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, sees
from core.accounts.roles import Field, rights_of
from core.lib.money import from_minor
from core.rulebook.kinds import Foretold
from crm.desk.paging import Page, page_of
from customers.models import Standing
from segmentation import rules
from segmentation.models import RuleSet
from segmentation.rulebook import RULES as NIGHT
from segmentation.rules import Constant
from segmentation.whatif import Mover, Preview

CLASSES = (2, 1, 0)
VERSIONS_SHOWN = 20


class Version(NamedTuple):
    """One version, why it came to be, and (label, before, after) of what it changed, in words."""

    version: RuleSet
    reason: str
    changes: list[tuple[Any, str, str]]


@dataclass(frozen=True)
class Cell:
    """How many customers go from the class of the row to that of the column."""

    count: int
    same: bool


def history(request: StaffRequest) -> Page:
    """The newest versions, each with what it changed."""
    versions = RuleSet.objects.select_related("by").order_by("-version")
    page = page_of(request, versions, VERSIONS_SHOWN)
    before_last = versions.filter(version__lt=page.rows[-1].version)[:1] if page.next else []
    return page.of(
        [
            Version(
                version,
                rules.reason_of(version),
                _in_words(rules.changes(before.parameters, version.parameters)) if before else [],
            )
            for version, before in zip_longest(page.rows, [*page.rows[1:], *before_last])
        ]
    )


def _in_words(changes: list[tuple[Constant, float, float]]) -> list[tuple[Any, str, str]]:
    return [(constant.label, constant.words(before), constant.words(after)) for constant, before, after in changes]


def in_force(parameters: Mapping[str, float]) -> list[tuple[str, list[tuple[Any, str]]]]:
    """The constants under their headings, each with its value in words: for who only reads them."""
    return [
        (str(group), [(constant.label, constant.words(parameters[constant.name])) for constant in constants])
        for group, constants in groupby(rules.CONSTANTS, key=lambda constant: constant.group)
    ]


def preview_shown(preview: Preview, foretold: Foretold, user: User) -> dict[str, Any]:
    """The preview in words and tables; names only for roles that see customers.

    `foretold` says what of it the rule does: the rest the orders of late do by themselves.
    """
    labels = dict(Standing.Class.choices)
    managers = {u.pk: str(u) for u in User.objects.filter(pk__in=[m for m in preview.alerts_by_manager if m])}
    return {
        "as_of": preview.as_of,
        "alerts": preview.alerts_opened,
        "per_manager": [
            {"manager": managers.get(manager or 0, _("nobody")), "alerts": count}
            for manager, count in sorted(preview.alerts_by_manager.items(), key=lambda item: -item[1])
        ],
        "columns": [labels[code] for code in CLASSES],
        "table": [
            {
                "label": labels[before],
                "cells": [Cell(preview.class_moves.get((before, after), 0), before == after) for after in CLASSES],
            }
            for before in (*CLASSES, -1)
        ],
        "moved": preview.moved,
        "figures": [(NIGHT.figures[name], before, after) for name, (before, after) in foretold.figures.items()],
        "movers_shown": min(len(preview.movers), preview.moved),
        "movers": [
            _mover(row, labels, user) | {"by_rule": row.customer_id in foretold.moves}
            for row in _in_order(preview.movers, user)
        ],
    }


def _in_order(movers: list[Mover], user: User) -> list[Mover]:
    """By value; where values are hidden by number, because the order of the rows would tell what the figures do not."""
    return movers if sees(user, Field.VALUE) else sorted(movers, key=lambda row: row.customer_id)


def _mover(row: Mover, labels: dict[Any, Any], user: User) -> dict[str, Any]:
    return {
        "number": row.number,
        "name": row.name if rights_of(user).sees_customers else "",
        "before": labels[row.before],
        "after": labels[row.after],
        "value": from_minor(row.value) if sees(user, Field.VALUE) else None,
    }
