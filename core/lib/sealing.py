"""Encryption at rest: one key for each use, derived from the vault key; AES-GCM, the nonce before the text."""

import secrets
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12


@lru_cache(maxsize=8)
def _derived(master: str, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=b"laoke vault", info=use).derive(master.encode())


def key(use: bytes) -> bytes:
    return _derived(settings.VAULT_KEY or settings.SECRET_KEY, use)


def encrypt(plain: bytes, *, use: bytes, about: bytes) -> bytes:
    """`about` is bound to the text: what was encrypted about one thing cannot be decrypted about another."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key(use)).encrypt(nonce, plain, about)


def decrypt(data: bytes, *, use: bytes, about: bytes) -> bytes:
    """Raises cryptography's InvalidTag when text, key or `about` are not those of the encryption."""
    return AESGCM(key(use)).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], about)
