"""The language of conditions: what it understands, what it refuses and where, and that an address says the same."""

import random
from datetime import date
from typing import Any

import pytest
from django.db.models import Q
from django.utils import translation

from core.lib.conditions import address, tree
from core.lib.conditions.catalogue import Catalogue, NotYours
from core.lib.conditions.fields import Context, Cost, Field
from core.lib.conditions.kinds import OPERATORS, Kind, Takes
from core.lib.conditions.tree import All, Any_, BadCondition, Leaf, Node, Not

NOWHERE: Any = lambda leaf, context: Q()  # noqa: E731
FIELDS = Catalogue(
    (
        Field("class", "Class", Kind.CHOICE, NOWHERE, options=lambda: [("big", "big"), ("active", "active")]),
        Field("province", "Province", Kind.CHOICE, NOWHERE, open=True, unknown=True, options=lambda: []),
        Field("quiet", "Days without purchase", Kind.NUMBER, NOWHERE, unknown=True),
        Field("paid", "Paid", Kind.MONEY, NOWHERE, needs="value"),
        Field("first", "First purchase", Kind.DAY, NOWHERE, unknown=True),
        Field("birthday", "Birthday", Kind.YEARLY, NOWHERE, unknown=True, needs="birthday"),
        Field("club", "Club", Kind.SET, NOWHERE, open=True),
        Field("bought.category", "Bought", Kind.HAPPENING, NOWHERE, cost=Cost.PROBE, open=True),
        Field("text", "Name", Kind.TEXT, NOWHERE),
    )
)
PLACES = ["浙江", "a,b", "(x)", "!", "1.5", "ü;:~", "unknown", "has", "any"]
QUIET = Leaf("quiet", "gt", ("60",))
BIG = Leaf("class", "any", ("big",))


def some_leaf(chance: random.Random) -> Leaf:
    field = chance.choice(FIELDS.fields)
    op = chance.choice(field.operators)
    takes = OPERATORS[field.kind][op]
    values: tuple[str, ...] = {
        Takes.NOTHING: (),
        Takes.NUMBER: ("100.00",) if field.kind is Kind.MONEY else ("-3",),
        Takes.TWO: ("-1.50", "20.00") if field.kind is Kind.MONEY else ("1", "9"),
        Takes.DAY: ("2026-11-17",),
        Takes.DAYS: ("30",),
        Takes.MONTH: ("12",),
        Takes.TEXT: (chance.choice(PLACES),),
    }.get(takes, ())
    if takes in (Takes.MANY, Takes.THINGS):
        values = (
            ("big", "active")[: chance.randint(1, 2)]
            if field.key == "class"
            else tuple(chance.sample(PLACES, chance.randint(1 if takes is Takes.MANY else 0, 3)))
        )
    if op != "has" or takes is not Takes.THINGS:
        return Leaf(field.key, op, values, chance.choice([None, 365]) if takes is Takes.THINGS else None)
    return Leaf(
        field.key, op, values, chance.choice([None, 90]), chance.choice([None, 2]), chance.choice([None, "5.00"])
    )


def some_tree(chance: random.Random, depth: int = 3) -> Node:
    if depth == 0 or chance.random() < 0.3:
        return some_leaf(chance)
    if chance.random() < 0.25:
        return Not(some_tree(chance, depth - 1))
    parts = tuple(some_tree(chance, depth - 1) for _number in range(chance.randint(1, 3)))
    return All(parts) if chance.random() < 0.5 else Any_(parts)


def test_a_tree_comes_back_from_data_and_from_an_address() -> None:
    for number in range(500):
        node = some_tree(random.Random(number))
        assert FIELDS.parse(tree.dump(node)) == node
        assert tree.digest(FIELDS.parse(tree.dump(node))) == tree.digest(node)
        assert FIELDS.read(address.write(node)) == (node if isinstance(node, All) else All((node,)))


def test_an_address_is_what_somebody_would_write() -> None:
    assert FIELDS.read([("class", "big,active"), ("quiet", "gt.60"), ("page", "2")]) == All(
        (Leaf("class", "any", ("big", "active")), QUIET)
    )
    assert FIELDS.read([("q", "all(class:big;any(quiet:gt.60;not(bought.category:has.3~within.365~least.2)))")]) == All(
        (BIG, Any_((QUIET, Not(Leaf("bought.category", "has", ("3",), 365, 2)))))
    )
    assert FIELDS.read([("province", "unknown"), ("bought.category", "never")]) == All(
        (Leaf("province", "unknown"), Leaf("bought.category", "never"))
    )
    assert FIELDS.read([("page", "2"), ("quiet", "")]) == All()
    assert address.write(All((BIG, QUIET))) == [("class", "any.big"), ("quiet", "gt.60")]


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ([], ""),
        ({"all": [{"any": []}]}, "all[0].any"),
        ({"all": {}}, "all"),
        ({"all": [], "any": []}, "all"),
        ({"v": 2, "all": []}, "v"),
        ({"v": True, "all": []}, "v"),
        ({"field": "nobody", "op": "any", "value": "x"}, "field"),
        ({"all": [{"field": "class"}]}, "all[0].op"),
        ({"all": [{"field": "class", "op": "gt", "value": "1"}]}, "all[0].op"),
        ({"all": [{"field": "class", "op": "unknown"}]}, "all[0].op"),
        ({"all": [{"not": {"field": "class", "op": "any", "value": ["small"]}}]}, "all[0].not.value"),
        ({"all": [{"field": "class", "op": "any", "value": []}]}, "all[0].value"),
        ({"all": [{"field": "class", "op": "any", "value": "big", "sql": "1"}]}, "all[0].sql"),
        ({"all": [{"field": "quiet", "op": "gt", "value": 1.5}]}, "all[0].value"),
        ({"all": [{"field": "quiet", "op": "gt", "value": True}]}, "all[0].value"),
        ({"all": [{"field": "quiet", "op": "gt", "value": "6e1"}]}, "all[0].value"),
        ({"all": [{"field": "quiet", "op": "gt", "value": "٦٠"}]}, "all[0].value"),
        ({"all": [{"field": "quiet", "op": "gt", "value": ["1", "2"]}]}, "all[0].value"),
        ({"all": [{"field": "quiet", "op": "between", "value": ["2", "1"]}]}, "all[0].value"),
        ({"all": [{"field": "quiet", "op": "gt", "value": "1", "within": 3}]}, "all[0].within"),
        ({"all": [{"field": "paid", "op": "ge", "value": "1.005"}]}, "all[0].value"),
        ({"all": [{"field": "paid", "op": "ge", "value": "NaN"}]}, "all[0].value"),
        ({"all": [{"field": "first", "op": "from", "value": "2026-02-30"}]}, "all[0].value"),
        ({"all": [{"field": "first", "op": "from", "value": "20261117"}]}, "all[0].value"),
        ({"all": [{"field": "first", "op": "last", "value": "0"}]}, "all[0].value"),
        ({"all": [{"field": "birthday", "op": "month", "value": "13"}]}, "all[0].value"),
        ({"all": [{"field": "bought.category", "op": "has", "at_least": 0}]}, "all[0].at_least"),
        ({"all": [{"field": "bought.category", "op": "never", "at_least": 2}]}, "all[0].at_least"),
        ({"all": [{"field": "bought.category", "op": "has", "within": "3"}]}, "all[0].within"),
        ({"all": [{"field": "text", "op": "has", "value": "13812345678"}]}, "all[0].value"),
        ({"all": [{"field": "text", "op": "has", "value": "138-1234-5678"}]}, "all[0].value"),
        ({"all": [{"field": "text", "op": "has", "value": "１３８１２３４５６７８"}]}, "all[0].value"),
        ({"all": [{"field": "text", "op": "has", "value": "C13812345678"}]}, "all[0].value"),
        ({"all": [{"field": "text", "op": "has", "value": "C1000000 0 61234567"}]}, "all[0].value"),
        ({"all": [{"field": "text", "op": "has", "value": "a@b"}]}, "all[0].value"),
        ({"all": [{"field": "text", "op": "has", "value": "x" * 61}]}, "all[0].value"),
        ({"all": [{"field": "text", "op": "has", "value": "a\u202eb"}]}, "all[0].value"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(data: Any, path: str) -> None:
    with pytest.raises(BadCondition) as refused:
        FIELDS.parse(data)
    assert refused.value.path == path
    assert refused.value.sentence


@pytest.mark.parametrize(
    "text",
    [
        *("all(", "all()x", "any()", "not()", "not(class:big;class:big)", "class", "class:", "all(class:big", "((((("),
        *("!", "class:any.big~within", "class:any.big~within.x", "class:any.big~sql.1", ")", "all(;)", "all(" * 30),
    ],
)
def test_an_address_that_is_broken_is_refused(text: str) -> None:
    with pytest.raises(BadCondition):
        FIELDS.read([("q", text)])


def test_no_tree_is_longer_or_deeper_than_somebody_can_read() -> None:
    node: Node = QUIET
    for _depth in range(5):
        node = All((node, BIG)) if isinstance(node, Leaf | Any_) else Any_((node, BIG))
    assert FIELDS.parse(tree.dump(node)) == node
    for wrong in (All((node,)), Not(All((node,))), All((QUIET,) * 41)):
        with pytest.raises(BadCondition):
            FIELDS.parse(tree.dump(wrong))
    deep: Any = {"field": "quiet", "op": "gt", "value": "1"}
    for _depth in range(3000):
        deep = {"not": deep}
    with pytest.raises(BadCondition):
        FIELDS.parse(deep)
    with pytest.raises(BadCondition, match="too long"):
        address.write(All((Leaf("province", "any", tuple(f"province {number}" for number in range(200))),)))
    with pytest.raises(BadCondition, match="too long"):
        FIELDS.read([("province", "x" * 1600)])


def test_a_hidden_field_is_refused_with_its_name_and_never_left_out() -> None:
    node = All((BIG, Any_((QUIET, Not(Leaf("birthday", "next", ("7",)))))))
    FIELDS.refuse_hidden(node, {"value"})
    with pytest.raises(NotYours, match="You may not filter by “Birthday”"):
        FIELDS.refuse_hidden(node, {"birthday"})
    assert "birthday" not in [field.key for field in FIELDS.seen_by({"birthday"})]
    assert FIELDS.cost(node) is Cost.PLAIN
    assert FIELDS.cost(All((node, Leaf("bought.category", "has")))) is Cost.PROBE


def test_two_fields_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="same key"):
        Catalogue((FIELDS.fields[0], FIELDS.fields[0]))


def test_a_tree_is_a_sentence() -> None:
    node = All((BIG, Any_((QUIET, Leaf("bought.category", "has", ("tea", "milk"), 365, 2))), Not(QUIET)))
    with translation.override("en"):
        assert FIELDS.sentence(node) == (
            "Class: big, and (Days without purchase more than 60, or Bought: tea or milk at least 2 times in the last 365"
            " days), and not (Days without purchase more than 60)"
        )
        assert FIELDS.sentence(All()) == ""
    for number in range(200):
        for language in ("en", "zh-hans", "zh-hant"):
            with translation.override(language):
                assert FIELDS.sentence(some_tree(random.Random(number)))


def test_a_condition_asks_the_day_and_the_reader_that_are_passed_in() -> None:
    asked: list[tuple[Leaf, Context]] = []
    fields = Catalogue((Field("x", "x", Kind.NUMBER, lambda leaf, context: asked.append((leaf, context)) or Q(pk=1)),))  # type: ignore[func-returns-value]
    leaf, context = Leaf("x", "gt", ("1",)), Context(today=date(2026, 1, 1), reader=7)
    fields.compile(leaf, context)
    assert asked == [(leaf, context)]


@pytest.mark.parametrize(
    ("typed", "asked"), [("C10000000", "C10000000"), ("c12345678", "c12345678"), ("Ｃ１００００００１ ", "C10000001")]
)
def test_a_number_of_eight_digits_behind_its_letter_is_no_phone(typed: str, asked: str) -> None:
    leaf = FIELDS.parse({"all": [{"field": "text", "op": "has", "value": typed}]})
    assert isinstance(leaf, All)
    assert [part.values for part in leaf.parts if isinstance(part, Leaf)] == [(asked,)]
