"""What is wrong with a password is said in our own words, each of which the catalogues hold."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from core.accounts.models import User


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("qjzvx81", "This password is too short: it needs at least 12 characters."),
        ("1qaz2wsx3edc", "Many people use this password, so it is tried first. Choose another."),
        ("chenjingchenjing", "This password is too much like your name, user name or e-mail. Choose another."),
    ],
)
def test_a_refused_password_is_told_why_in_our_words(password: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        validate_password(password, User(username="chenjingchenjin", full_name="陈静"))

    assert refusal.value.messages == [sentence]


@pytest.mark.parametrize(
    "password",
    ["lead12345678", "Laokelaokelaoke", "laoke-2026-laoke", "王芳王芳王芳王芳王芳王芳", "wangfang.2026.lead"],
)
def test_a_password_made_of_names_is_refused(password: str) -> None:
    wang = User(username="lead", full_name="王芳", email="wangfang@laoke.example")

    with pytest.raises(ValidationError) as refusal:
        validate_password(password, wang)

    assert refusal.value.messages


def test_a_long_one_may_have_a_name_in_it() -> None:
    validate_password("laoke keeps customers coming", User(username="lead", full_name="王芳"))
