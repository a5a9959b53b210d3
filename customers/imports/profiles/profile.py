"""A profile: what the columns, prices and status words of one platform's export mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Profile:
    """`marks` are headers that the export has and few others do. `columns` is field -> headers, the best first.

    `day_in_number` finds year, month and day in the numbers of orders, for rows that say no time.
    `price` is "piece" where the amount of a line is the price of one piece of it.
    """

    key: str
    title: str
    marks: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    price: str = "line"
    date_order: str = ""
    statuses: Mapping[str, str] = field(default_factory=dict)
    kind: str = "orders"
    day_in_number: str = ""


def of(key: str, title: str, marks: str, columns: dict[str, str], **said: str | dict[str, str]) -> Profile:
    """Headers separated by `|`."""
    split = {name: tuple(headers.split("|")) for name, headers in columns.items()}
    return Profile(key, title, tuple(marks.split("|")), split, **said)  # type: ignore[arg-type]
