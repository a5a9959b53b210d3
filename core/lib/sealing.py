"""Encryption at rest: one key for each use, derived from the vault key; AES-GCM, the nonce before the text.

What is written is under `VAULT_KEY`; what is read may be under one of `VAULT_KEY_FALLBACKS` as well.
"""

import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12
# What the keys of the contact data are derived for: to encrypt, and to find without reading.
CONTACTS, CONTACT_INDEX = b"encryption", b"index"


class Resealed(NamedTuple):
    """What became of one chunk of a table that holds encrypted values."""

    last: int | None  # id of the last row that was looked at; None when there was none left
    seen: int
    changed: int


# (rows after this id, at most so many) -> those that were under an old key are under the current one.
Reseal = Callable[[int, int], Resealed]


@lru_cache(maxsize=64)
def _derived(master: str, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=b"laoke vault", info=use).derive(master.encode())


def keys(use: bytes) -> list[bytes]:
    """Every key that can be read with, the current one first."""
    return [_derived(master, use) for master in (settings.VAULT_KEY, *settings.VAULT_KEY_FALLBACKS)]


def key(use: bytes) -> bytes:
    """The key that is written with."""
    return keys(use)[0]


def fingerprint() -> str:
    """Tells the key that is written with from any other, and gives nothing of it away."""
    return fingerprints()[0]


def fingerprints() -> list[str]:
    """Of every key that can be read with, the current one first."""
    return [own.hex()[:16] for own in keys(b"fingerprint")]


def encrypt(plain: bytes, *, use: bytes, about: bytes) -> bytes:
    """`about` is bound to the text: what was encrypted about one thing cannot be decrypted about another."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key(use)).encrypt(nonce, plain, about)


def decrypt(data: bytes, *, use: bytes, about: bytes) -> bytes:
    """Raises cryptography's InvalidTag when text, key or `about` are not those of the encryption."""
    return _opened(data, use, about)[0]


def if_old(data: bytes, *, use: bytes, about: bytes) -> bytes | None:
    """The clear text when it is not under the current key, else None. Raises InvalidTag like `decrypt`."""
    plain, is_current = _opened(data, use, about)
    return None if is_current else plain


def _opened(data: bytes, use: bytes, about: bytes) -> tuple[bytes, bool]:
    nonce, text = data[:NONCE_BYTES], data[NONCE_BYTES:]
    current, *older = keys(use)
    try:
        return AESGCM(current).decrypt(nonce, text, about), True
    except InvalidTag:
        for old in older:
            try:
                return AESGCM(old).decrypt(nonce, text, about), False
            except InvalidTag:
                continue
        raise
