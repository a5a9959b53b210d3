"""SQL in files beside the code."""

from pathlib import Path

import pytest

from core.lib import sql

TWO_STEPS = """-- What the file is about.
-- name: first
SELECT 1;  -- one
-- a remark
-- name: second
SELECT %(two)s
"""


@pytest.fixture
def here(tmp_path: Path) -> str:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "two.sql").write_text(TWO_STEPS)
    return str(tmp_path / "code.py")


def test_a_file_of_one_statement_is_read_whole(here: str) -> None:
    assert sql.load(here, "two") == TWO_STEPS


def test_steps_stand_under_their_names_in_the_order_of_the_file(here: str) -> None:
    assert list(sql.steps(here, "two").items()) == [
        ("first", "SELECT 1;  -- one\n-- a remark"),
        ("second", "SELECT %(two)s"),
    ]


@pytest.mark.parametrize(
    "text",
    ["SELECT 1", "-- name: one\n", "-- name: one\nSELECT 1\n-- name: one\nSELECT 2"],
    ids=["no name", "no text", "one name twice"],
)
def test_a_file_that_would_lose_a_step_is_refused(here: str, tmp_path: Path, text: str) -> None:
    (tmp_path / "sql" / "bad.sql").write_text(text)

    with pytest.raises(ValueError, match=r"bad\.sql"):
        sql.steps(here, "bad")


def test_a_file_is_read_once(here: str, tmp_path: Path) -> None:
    before = sql.load(here, "two")
    (tmp_path / "sql" / "two.sql").write_text("other")

    assert sql.load(here, "two") is before
