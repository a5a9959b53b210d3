"""What only this machine may see, nobody else does: with another host allowed, nothing starts half locked.

Each setting has a check with an id and a hint. `refuse_to_start` is asked wherever Django starts (web, workers, beat,
commands), because Django asks its own checks in commands alone; `manage.py check --deploy` shows the warnings too.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from django.apps import apps
from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.models import QuerySet

from core.lib import sealing
from core.outbox import mailing

LOOPBACK = {"localhost", ".localhost", "127.0.0.1", "[::1]", "::1"}
# The name under which Django's test client calls.
OWN_HOSTS = LOOPBACK | {"testserver"}
SHORTEST_KEY = 32
SHORTEST_PASSWORD = 8
GUESSED = {"", "admin", "change-me", "changeme", "django", "laoke", "password", "postgres", "root", "secret"}
NEW_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
YEAR = 365 * 24 * 3600

Check = Callable[[], bool]
_CHECKS: list[tuple[Check, CheckMessage]] = []


def is_exposed() -> bool:
    """Whether somebody beyond this machine is meant to reach it."""
    return not {host.strip().lower() for host in settings.ALLOWED_HOSTS} <= OWN_HOSTS


def refused(message: CheckMessage) -> Callable[[Check], Check]:
    """The function is true when the setting is as the message says."""

    def add(check: Check) -> Check:
        _CHECKS.append((check, message))
        return check

    return add


def findings() -> list[CheckMessage]:
    return [message for check, message in _CHECKS if check()] if is_exposed() else []


def refuse_to_start() -> None:
    """Raises ImproperlyConfigured, with every sentence at once, when a host beyond this machine is allowed too early."""
    errors = [message for message in findings() if isinstance(message, Error)]
    if errors:
        hosts = ", ".join(host for host in settings.ALLOWED_HOSTS if host not in OWN_HOSTS)
        lines = [f"Laoke does not start for {hosts}:"]
        lines += [f"  {error.id}: {error.msg} {error.hint}" for error in errors]
        raise ImproperlyConfigured("\n".join(lines))


@register(Tags.security)
def locked(app_configs: object, **options: Any) -> list[CheckMessage]:
    return findings()


# Keys ---------------------------------------------------------------------------------------------------------------


def _weak(key: str) -> bool:
    bare = key.strip()
    repeated = any(bare == (bare[:n] * len(bare))[: len(bare)] for n in range(1, len(bare) // 2 + 1))
    return len(bare) < SHORTEST_KEY or len(set(bare)) < 8 or bare.startswith("django-insecure-") or repeated


def _is_the_demos(key: str) -> bool:
    """Also with quotes or a line end that came along from a file, or with something added."""
    demo, bare = settings.DEMO_KEY.casefold(), key.strip(" \t\r\n\"'").casefold()
    return demo in bare or (len(bare) >= SHORTEST_KEY and bare in demo)


def _is_common(password: str) -> bool:
    """One of the twenty thousand that Django refuses to people too."""
    return password in CommonPasswordValidator().passwords


def _made_from(key: str, other: str) -> bool:
    """Whether one is the other, holds it, or is one of the usual digests of it."""
    one, two = key.strip().casefold(), other.strip().casefold()
    if one in two or two in one or one == two[::-1]:
        return True
    for name in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(name, other.encode(), usedforsecurity=False).digest()
        for written in (digest.hex(), base64.b64encode(digest).decode(), base64.urlsafe_b64encode(digest).decode()):
            if key.strip().rstrip("=") == written.rstrip("="):
                return True
    return key == base64.b64encode(other.encode()).decode()


@refused(
    Error(
        "SECRET_KEY is the demo's, which anybody can read in the repository.",
        hint=f"Set SECRET_KEY to a random text of its own: {NEW_KEY}",
        id="laoke.E001",
    )
)
def secret_key_is_the_demos() -> bool:
    return _is_the_demos(settings.SECRET_KEY)


@refused(
    Error(
        f"SECRET_KEY can be guessed: it has fewer than {SHORTEST_KEY} characters, or too few different ones.",
        hint=f"Set SECRET_KEY to a random text: {NEW_KEY}",
        id="laoke.E002",
    )
)
def secret_key_is_weak() -> bool:
    return not secret_key_is_the_demos() and _weak(settings.SECRET_KEY)


@refused(
    Error(
        "SECRET_KEY_FALLBACKS still accepts what the demo's key, or one that can be guessed, has signed.",
        hint="Take it out of SECRET_KEY_FALLBACKS; whoever was signed in with it signs in again.",
        id="laoke.E003",
    )
)
def secret_key_fallback_is_public() -> bool:
    return any(_is_the_demos(key) or _weak(key) for key in settings.SECRET_KEY_FALLBACKS)


@refused(
    Error(
        "VAULT_KEY is empty or the demo's: phones and e-mails would be encrypted with a key that is public.",
        hint=f"Set VAULT_KEY to a random text of its own ({NEW_KEY}) and keep a copy apart from the database's backups. "
        "A database that is in use under another key: see docs/operations.md.",
        id="laoke.E004",
    )
)
def vault_key_is_the_demos() -> bool:
    return _is_the_demos(settings.VAULT_KEY)


@refused(
    Error(
        "VAULT_KEY is SECRET_KEY, or made from it: whoever learns one has both, and neither can be changed alone.",
        hint=f"Set VAULT_KEY to a random text of its own: {NEW_KEY}",
        id="laoke.E005",
    )
)
def vault_key_is_made_from_the_secret_key() -> bool:
    return not vault_key_is_the_demos() and any(
        _made_from(settings.VAULT_KEY, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS) if key
    )


@refused(
    Error(
        f"VAULT_KEY can be guessed: it has fewer than {SHORTEST_KEY} characters, or too few different ones.",
        hint=f"Set VAULT_KEY to a random text: {NEW_KEY}",
        id="laoke.E006",
    )
)
def vault_key_is_weak() -> bool:
    return not vault_key_is_the_demos() and _weak(settings.VAULT_KEY)


@refused(
    Warning(
        "VAULT_KEY_FALLBACKS holds old keys: whoever has one of them can still read what is under it.",
        hint="Run `manage.py rotate_vault`, then empty VAULT_KEY_FALLBACKS.",
        id="laoke.W001",
    )
)
def vault_key_has_fallbacks() -> bool:
    return bool(settings.VAULT_KEY_FALLBACKS)


# Doors --------------------------------------------------------------------------------------------------------------


@refused(
    Error(
        "DEBUG is on: an error shows strangers the settings and what was being worked on.",
        hint="Take DEBUG out of the environment.",
        id="laoke.E007",
    )
)
def debug_is_on() -> bool:
    return bool(settings.DEBUG)


@refused(
    Error(
        "ALLOWED_HOSTS allows any host: links in mails to reset a password could lead anywhere.",
        hint="Name the hosts: ALLOWED_HOSTS=crm.example.com",
        id="laoke.E008",
    )
)
def any_host_is_allowed() -> bool:
    names = [host.strip().lower() for host in settings.ALLOWED_HOSTS]
    # A name behind a dot stands for all below it: .com for any host that somebody has bought.
    whole = [name for name in names if name.startswith(".") and "." not in name.strip(".") and name not in OWN_HOSTS]
    return bool(whole) or any(name.strip(".") in ("*", "") for name in names)


@refused(
    Error(
        "Cookies go over plain http, where anybody on the way can take a session.",
        hint="Set HTTPS=1 and serve it by https.",
        id="laoke.E009",
    )
)
def cookies_are_insecure() -> bool:
    return not (settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE and settings.SESSION_COOKIE_HTTPONLY)


@refused(
    Error(
        "Requests by plain http are answered instead of being led to https.",
        hint="Set HTTPS=1; a proxy in front says by which of them it was called (X-Forwarded-Proto).",
        id="laoke.E010",
    )
)
def https_is_not_asked_for() -> bool:
    return not settings.SECURE_SSL_REDIRECT


@refused(
    Error(
        "Browsers are not told to keep to https (HSTS) for a year.",
        hint="Set HTTPS=1.",
        id="laoke.E011",
    )
)
def browsers_may_leave_https() -> bool:
    return int(settings.SECURE_HSTS_SECONDS) < YEAR


@refused(
    Error(
        "CSRF_TRUSTED_ORIGINS trusts a page that came by plain http, or pages of any host.",
        hint="Write the origins with https:// and their whole name, or leave CSRF_TRUSTED_ORIGINS empty.",
        id="laoke.E012",
    )
)
def csrf_origin_is_plain() -> bool:
    return any(
        not origin.startswith("https://") or urlsplit(origin).netloc.strip("*. ") == ""
        for origin in settings.CSRF_TRUSTED_ORIGINS
    )


@refused(
    Error(
        "WEBHOOK_PRIVATE_ADDRESSES is on: whoever registers a webhook reaches every address the workers reach.",
        hint="Take WEBHOOK_PRIVATE_ADDRESSES out of the environment; give a receiver in your own network a public name.",
        id="laoke.E013",
    )
)
def webhooks_reach_private_networks() -> bool:
    return bool(settings.WEBHOOK_PRIVATE_ADDRESSES)


@refused(
    Error(
        "LAOKE_DEMO is on: the sign-in page would list the accounts of the demo.",
        hint="Take LAOKE_DEMO out of the environment.",
        id="laoke.E014",
    )
)
def demo_is_on() -> bool:
    return bool(settings.DEMO)


@refused(
    Error(
        f"METRICS_TOKEN can be guessed: it has fewer than {SHORTEST_KEY} characters, or too few different ones.",
        hint=f"Set METRICS_TOKEN to a random text ({NEW_KEY}), or leave it empty: then there is no /metrics.",
        id="laoke.E018",
    )
)
def metrics_are_open() -> bool:
    return bool(settings.METRICS_TOKEN) and _weak(settings.METRICS_TOKEN)


@refused(
    Error(
        "METRICS_TOKEN is one of the keys: whoever reads the settings of Prometheus could sign sessions or read the vault.",
        hint=f"Set METRICS_TOKEN to a random text of its own: {NEW_KEY}",
        id="laoke.E019",
    )
)
def metrics_token_is_a_key() -> bool:
    keys = (settings.SECRET_KEY, settings.VAULT_KEY, *settings.SECRET_KEY_FALLBACKS, *settings.VAULT_KEY_FALLBACKS)
    token = settings.METRICS_TOKEN
    return bool(token) and any(_made_from(token, key) or _made_from(key, token) for key in keys if key)


# Servers ------------------------------------------------------------------------------------------------------------


@refused(
    Error(
        "DATABASE_URL is the default, or its password is missing or one that anybody would try.",
        hint="Set DATABASE_URL=postgres://USER:PASSWORD@HOST:5432/NAME with a random password.",
        id="laoke.E015",
    )
)
def database_is_open() -> bool:
    database = settings.DATABASES["default"]
    host, password = str(database.get("HOST") or ""), str(database.get("PASSWORD") or "")
    if host.startswith("/") and not password:
        return False  # a socket of this machine: the server asks the kernel who it is
    tried = GUESSED | {str(database.get("USER")).casefold(), str(database.get("NAME")).casefold()}
    bare = password.strip().casefold()
    # "laoke2026!" is tried after "laoke".
    return bare in tried or re.sub(r"[\d\W_]+$", "", bare) in tried or _is_common(bare) or len(bare) < SHORTEST_PASSWORD


@refused(
    Error(
        "EMAIL_URL is not set, or leads nowhere: mails, links to reset a password among them, would end in a log.",
        hint="Set EMAIL_URL=smtp+tls://USER:PASSWORD@HOST:587",
        id="laoke.E016",
    )
)
def mail_is_lost() -> bool:
    return mailing.loses_mail()


@refused(
    Warning(
        "Mails go to another machine in clear, links to reset a password among them.",
        hint="Set EMAIL_URL=smtp+tls://… (port 587) or smtp+ssl://… (port 465).",
        id="laoke.W002",
    )
)
def mail_is_clear() -> bool:
    is_smtp = settings.EMAIL_BACKEND.endswith(".smtp.EmailBackend") and settings.EMAIL_HOST not in LOOPBACK
    return is_smtp and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL)


@refused(
    Warning(
        "DEFAULT_FROM_EMAIL is an address of this machine, from which no mail server takes anything.",
        hint="Set DEFAULT_FROM_EMAIL=laoke@your.domain",
        id="laoke.W003",
    )
)
def mail_comes_from_nowhere() -> bool:
    return str(settings.DEFAULT_FROM_EMAIL).rstrip("> ").endswith("@localhost")


@refused(
    Warning(
        "REDIS_URL leads to another machine without a password: whoever reaches it can keep the workers busy.",
        hint="Set REDIS_URL=rediss://:PASSWORD@HOST:6379/0",
        id="laoke.W004",
    )
)
def redis_is_open() -> bool:
    url = urlsplit(settings.REDIS_URL)
    return url.scheme in ("redis", "rediss") and url.hostname not in LOOPBACK and not url.password


@refused(
    Warning(
        "A sender's lease (OUTBOX_LEASE_SECONDS) ends while its mail or event may still be on the way: a slow receiver"
        " would be told twice.",
        hint="Set OUTBOX_LEASE_SECONDS to at least twice the longer of EMAIL_TIMEOUT and WEBHOOK_TIMEOUT",
        id="laoke.W005",
    )
)
def lease_is_shorter_than_a_call() -> bool:
    longest: float = max(settings.EMAIL_TIMEOUT, settings.WEBHOOK_TIMEOUT)
    return bool(2 * longest > settings.OUTBOX_LEASE_SECONDS)


@refused(
    Warning(
        "PUBLIC_URL is no https address: offers, greetings and the question after a case cannot carry their link, and"
        " stay here.",
        hint="Set PUBLIC_URL=https://care.your.domain, by which customers reach this Laoke",
        id="laoke.W006",
    )
)
def customers_reach_nothing() -> bool:
    return not str(settings.PUBLIC_URL).startswith("https://")


@refused(
    Warning(
        "Mails come from another domain (DEFAULT_FROM_EMAIL) than the one they are signed for (DKIM_DOMAIN): providers"
        " put them aside, and honour no unsubscribe button in them.",
        hint="Set DEFAULT_FROM_EMAIL to an address of DKIM_DOMAIN, or of a domain below it.",
        id="laoke.W007",
    )
)
def mail_is_signed_for_another_domain() -> bool:
    own, signed = mailing.own_domain().lower(), settings.DKIM_DOMAIN.strip(".")
    return bool(signed) and own != signed and not own.endswith(f".{signed}") and not signed.endswith(f".{own}")


@refused(
    Warning(
        "LETTER_GATEWAY_CHANNELS names a channel that no gateway carries: it is left to colleagues.",
        hint="Set LETTER_GATEWAY_CHANNELS to sms, wechat, or both.",
        id="laoke.W008",
    )
)
def gateway_carries_no_such_channel() -> bool:
    return not set(settings.LETTER_GATEWAY_CHANNELS) <= set(mailing.GATEWAY_CARRIES)


# The data -----------------------------------------------------------------------------------------------------------


def _rotated_until(database: str, tables: list[str]) -> int:
    """The contact point that a rotation of the keys that was cut short has come to."""
    runs = apps.get_model("jobs", "JobRun")
    if runs._meta.db_table not in tables:
        return 0  # the very first migrations were cut short, and go on
    run = runs._default_manager.using(database).filter(job="rotate_vault")
    cut = run.exclude(state="done").order_by("-business_date").values_list("cursor", flat=True).first() or {}
    return int(cut.get("after", {}).get("contact points", 0))


def _sample(points: QuerySet[Any], after: int) -> list[tuple[str, bytes]]:
    """The oldest, the newest, and the next that a rotation of the keys that was cut short would have come to."""
    rows = points.values_list("kind", "encrypted")
    sample = (rows.order_by("pk"), rows.order_by("-pk"), rows.filter(pk__gt=after).order_by("pk"))
    return [row for some in sample for row in some[:1]]


@register(Tags.database)
def vault_opens(app_configs: object, databases: Iterable[str] | None = None, **options: Any) -> list[CheckMessage]:
    """The keys of this process are those of the data: else known customers would be made anew. Asked by `migrate`."""
    points = apps.get_model("customers", "ContactPoint")
    for name in databases or ():
        tables = connections[name].introspection.table_names()
        if points._meta.db_table not in tables:
            continue
        try:
            for row in _sample(points.objects.using(name), _rotated_until(name, tables)):
                sealing.decrypt(bytes(row[1]), use=sealing.CONTACTS, about=row[0].encode())
        except InvalidTag:
            return [
                Error(
                    "Contact data of this database is under none of this process's keys.",
                    hint="Set VAULT_KEY as the other processes have it; after a change of the key, the one before "
                    "belongs into VAULT_KEY_FALLBACKS.",
                    id="laoke.E017",
                )
            ]
    return []
