"""What is encrypted opens with its own key and for what it is about, and for nothing else."""

from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from core.lib import sealing

PHONE = b"13812345678"


def sealed() -> bytes:
    return sealing.encrypt(PHONE, use=sealing.CONTACTS, about=b"customer:7")


def test_it_opens_for_what_it_is_about_and_no_text_is_like_another() -> None:
    assert sealing.decrypt(sealed(), use=sealing.CONTACTS, about=b"customer:7") == PHONE
    assert sealed() != sealed()
    assert PHONE not in sealed()


@pytest.mark.parametrize(
    ("use", "about"),
    [(sealing.CONTACTS, b"customer:8"), (sealing.CONTACTS, b""), (sealing.CONTACT_INDEX, b"customer:7")],
)
def test_moved_to_another_row_or_read_with_another_key_it_stays_shut(use: bytes, about: bytes) -> None:
    with pytest.raises(InvalidTag):
        sealing.decrypt(sealed(), use=use, about=about)


def test_what_was_written_under_an_old_key_is_read_and_told_from_the_rest(settings: Any) -> None:
    settings.VAULT_KEY = "the first key of this mall"
    old = sealed()
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = "the second key of this mall", ["the first key of this mall"]

    assert sealing.decrypt(old, use=sealing.CONTACTS, about=b"customer:7") == PHONE
    assert sealing.if_old(old, use=sealing.CONTACTS, about=b"customer:7") == PHONE
    assert sealing.if_old(sealed(), use=sealing.CONTACTS, about=b"customer:7") is None
    settings.VAULT_KEY_FALLBACKS = []
    with pytest.raises(InvalidTag):
        sealing.decrypt(old, use=sealing.CONTACTS, about=b"customer:7")
