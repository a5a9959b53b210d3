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
