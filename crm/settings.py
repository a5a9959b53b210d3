"""Settings of Laoke. Development and the demo need no variable; production sets those of `.env.example`.

With any host but this machine's own allowed, nothing starts on the defaults that are only good here: `crm/checks.py`.
"""

from pathlib import Path

import django_stubs_ext
import environ
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from crm.operating import limits, logs

# Lets forms and managers name their model: `forms.ModelForm[Reward]`.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("DEBUG", default=False)
# The default serves the demo and the tests, which listen on loopback only.
DEMO_KEY = "demo-only-" + "not-secret-" * 5
SECRET_KEY = env.str("SECRET_KEY", default="") or DEMO_KEY
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# The key of the vault is one of its own: signatures and what is encrypted at rest are renewed at different times.
# With the fallbacks can be read, never written; `manage.py rotate_vault` makes them needless.
VAULT_KEY = env.str("VAULT_KEY", default="") or DEMO_KEY
VAULT_KEY_FALLBACKS = env.list("VAULT_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = env.bool("HTTPS", default=False)

DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL", default="postgres://laoke@127.0.0.1:5432/laoke"),
        "ENGINE": "core.lib.database",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASES["default"].setdefault("OPTIONS", {})["application_name"] = "laoke"
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 10)
# PostgreSQL's default of 4 is the price of a moving disc arm; the indexes of the record live in memory or on flash.
# Workers are worth starting for the night, not for the tenth of a second of a page.
# An import stages its file in a temporary table; the buffers are taken as they are needed.
# Every trigger asks for `pgtrigger.ignore`. Were it not set, each time would be an error that is caught, and that rolls
# back a subtransaction, which walks through all deferred checks of the transaction: at their end, n² of them.
DATABASES["default"]["OPTIONS"]["options"] = (
    "-c random_page_cost=1.1 -c parallel_setup_cost=10000 -c temp_buffers=256MB -c pgtrigger.ignore={}"
)
# Seconds; 0 is for ever. The web has limits of its own (`crm/wsgi.py`), the night has none.
DATABASE_LOCK_TIMEOUT = env.float("DATABASE_LOCK_TIMEOUT", default=0)
DATABASE_STATEMENT_TIMEOUT = env.float("DATABASE_STATEMENT_TIMEOUT", default=0)
DATABASES["default"]["OPTIONS"]["options"] += (
    f" -c lock_timeout={DATABASE_LOCK_TIMEOUT * 1000:.0f} -c statement_timeout={DATABASE_STATEMENT_TIMEOUT * 1000:.0f}"
)
# A process whose clock differs by more from the database's reads and writes nothing.
CLOCK_TOLERANCE_SECONDS = env.float("CLOCK_TOLERANCE_SECONDS", default=300)
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "pgtrigger",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "django_cotton.apps.SimpleAppConfig",
    "template_partials.apps.SimpleAppConfig",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "core.accounts",
    "core.mall",
    "core.jobs",
    "core.outbox",
    "core.rulebook",
    "core.views",
    "customers",
    "segmentation",
    "loyalty",
    "care",
    "complaints",
    "crm.flows",
    "crm.operating",
    "crm.desk",
    "crm.demo",
    "crm",
]

MIDDLEWARE = [
    "crm.operating.doors.DoorMiddleware",
    "crm.turns.LongMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "crm.operating.requests.RequestMiddleware",
    "crm.edges.EdgeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "core.mall.middleware.MallMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "core.accounts.login.SignInMiddleware",
    "core.accounts.own.devices.DeviceMiddleware",
    "core.accounts.own.second_factor.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "crm.urls"
WSGI_APPLICATION = "crm.wsgi.application"
FORM_RENDERER = "crm.desk.choices.Renderer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django_cotton.cotton_loader.Loader",
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "template_partials.templatetags.partials",
                "django.templatetags.i18n",
                "django.templatetags.static",
                "crm.desk.templatetags.laoke",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "crm.desk.context.shell",
            ],
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "core.accounts.passwords.LongEnough", "OPTIONS": {"min_length": 12}},
    {"NAME": "core.accounts.passwords.NotCommon"},
    {
        "NAME": "core.accounts.passwords.NotAboutThem",
        "OPTIONS": {"min_length": 12, "user_attributes": ("username", "full_name", "email")},
    },
]
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "core.accounts.login.StaffAdapter"
ACCOUNT_LOGOUT_ON_GET = False
# `upload`: how often an address may send to links for photos.
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "10/m/ip,5/5m/key", "upload": "30/h/ip"}
# Whose attempts are counted: with so many proxies of one's own in front, the address that the last of them names.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=0)
MFA_ADAPTER = "core.accounts.own.second_factor.SealingAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
# The answer to a code that was waited for: one step of 30 seconds before and after counts as well.
MFA_TOTP_TOLERANCE = 1
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

# Sessions, lock-outs and throttles live in PostgreSQL: a flushed Redis logs nobody out and unlocks nobody.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 3600
# Whoever leaves a screen alone for so long is signed out; what they were writing is in the form again after the sign-in.
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=120)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
if HTTPS:
    # A browser takes these from this host alone, over HTTPS, for all of it: nothing beside it can plant one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CACHES = {
    "default": {
        "BACKEND": "core.accounts.lockouts.Counts",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        # ECharts places its tooltips through style attributes.
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    },
}

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese")), ("zh-hant", _("Traditional Chinese"))]
LOCALE_PATHS = [BASE_DIR / "crm" / "locale"]
USE_I18N = True
USE_TZ = True
# Customer-facing dates are dates of the mall; instants are stored in UTC. The mall's row, made when it is set up, goes
# before these: `core.lib.mall.facts`.
TIME_ZONE = MALL_TIME_ZONE = env.str("MALL_TIME_ZONE", default="Asia/Shanghai")
# Whoever is born on 29 February is greeted on 1 March of other years, instead of on 28 February.
LEAP_DAY_IN_MARCH = env.bool("LEAP_DAY_IN_MARCH", default=False)
MALL_NAME = env.str("MALL_NAME", default="Laoke")
MALL_CURRENCY = env.str("MALL_CURRENCY", default="CNY")
PHONE_REGION = env.str("PHONE_REGION", default="CN")
# True only while the demo mall runs: the sign-in page then lists its accounts.
DEMO = env.bool("LAOKE_DEMO", default=False)
# Where the demo's own mail server and gateway keep what has arrived: `bin/demo` says it.
DEMO_ARRIVED = env.str("LAOKE_DEMO_ARRIVED", default="")

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "crm" / "static"]
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(BASE_DIR / "media")))
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# A file goes to a temporary place as it comes in, never whole into memory; one that is too large is not taken at all.
FILE_UPLOAD_HANDLERS = [
    "crm.desk.limits.LargestFile",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
# Without a limit a mail server that accepts and says nothing holds a worker for ever.
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=15)
# Webhooks: how long an endpoint may take, in all, and whether it may stand in a private network or on this machine.
WEBHOOK_TIMEOUT = env.float("WEBHOOK_TIMEOUT", default=10)
WEBHOOK_PRIVATE_ADDRESSES = env.bool("WEBHOOK_PRIVATE_ADDRESSES", default=False)
# Who is asked whether a file of a complaint has a virus: clamd://host:3310, clamd:///run/clamd.sock, or a command that
# reads it; empty for nobody. And for how many days such files are kept once their case is over.
VIRUS_SCANNER = env.str("VIRUS_SCANNER", default="")
ATTACHMENTS_KEPT_DAYS = env.int("ATTACHMENTS_KEPT_DAYS", default=730)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="laoke@localhost")
# The mall's own gateway for text messages, and the secret by which it knows us (whsec_…). Without it a colleague sends.
LETTER_GATEWAY_URL = env.str("LETTER_GATEWAY_URL", default="")
LETTER_GATEWAY_SECRET = env.str("LETTER_GATEWAY_SECRET", default="")
LETTER_GATEWAY_CHANNELS = env.list("LETTER_GATEWAY_CHANNELS", default=["sms"])
LETTER_SHOP_CHAT = env.bool("LETTER_SHOP_CHAT", default=False)
DKIM_DOMAIN = env.str("DKIM_DOMAIN", default="").strip().lower()
# Where customers reach this Laoke: links to their own choices and to the question after a case begin with it.
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT = "core.jobs.redis_transport.Transport"
# Queues apart, so that a large mall gives each its own workers (`-Q`): what has an hour, what takes long, what waits for
# others. Without `-Q` a worker serves all of them, in turn.
CELERY_TASK_QUEUES = [Queue(name) for name in ("clocks", "long", "out", "celery")]
CELERY_TASK_DEFAULT_QUEUE = "clocks"
CELERY_TASK_ROUTES = {
    "crm.flows.tasks.work_*": {"queue": "long"},
    "crm.flows.tasks.help_night": {"queue": "long"},
    "crm.desk.bulk.tasks.*": {"queue": "long"},
    "crm.flows.tasks.deliver*": {"queue": "out"},
    "crm.operating.tasks.alive_long": {"queue": "long"},
    "crm.operating.tasks.forget": {"queue": "long"},
    "crm.operating.tasks.keep_audit": {"queue": "long"},
    "crm.operating.tasks.alive_out": {"queue": "out"},
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Celery's default is to end the worker after 100 tries, within the hour.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 7200,
    "socket_timeout": 15,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
# A run whose worker has not spoken for so long may be taken over by another.
JOB_SILENT_SECONDS = env.float("JOB_SILENT_SECONDS", default=90)
# An attempt to send a message or an event belongs to one process for so long; then another repeats it.
OUTBOX_LEASE_SECONDS = env.float("OUTBOX_LEASE_SECONDS", default=120)
# A step may compute for so long without asking the database anything; then its worker counts as frozen.
JOB_IDLE_SECONDS = env.float("JOB_IDLE_SECONDS", default=600)
CELERY_BEAT_SCHEDULE_FILENAME = env.str("CELERY_BEAT_SCHEDULE_FILENAME", default="celerybeat-schedule")

# Items a minute that one token may send or ask for, and batches or simulations that the web of one machine works on at
# once; 0 is without limit.
API_BUDGET = env.int("API_BUDGET", default=6000)
API_LONG_AT_ONCE = env.int("API_LONG_AT_ONCE", default=1)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "core.accounts.tokens.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["core.accounts.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["crm.api.limits.TokenBudget"],
    "DEFAULT_RENDERER_CLASSES": ["crm.api.bodies.EncodableJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "crm.api.schema.Schema",
    "EXCEPTION_HANDLER": "core.lib.problems.handle",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_FORMATTER_CLASS": "core.lib.problems.ProblemFormatter"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Laoke API",
    "DESCRIPTION": "Customers, orders and what the numbers say. Money is a decimal string, times carry an offset.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    # The session of a page is known, and opens nothing here.
    "AUTHENTICATION_WHITELIST": ["core.accounts.tokens.TokenAuthentication"],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    # Sets of choices that several resources call by one name; typed clients make a class of each.
    "ENUM_NAME_OVERRIDES": {
        "CaseChannel": "complaints.models.Case.Channel",
        "CaseOutcome": "complaints.models.Case.Outcome",
        "CaseStatus": "complaints.models.Case.Status",
        "ConsentState": "customers.models.consent.ConsentState",
        "ReceiptState": ["delivered", "failed", "refused", "read"],
        "OrderOutcome": ["created", "updated", "unchanged", "stale"],
        "OrderStatus": "crm.api.serializers.customers.TOLD",
        "CouponStatus": "loyalty.models.Coupon.Status",
        "RedemptionStatus": "loyalty.models.CouponRedemption.Status",
        "CreditStatus": "loyalty.models.CreditAccount.Status",
        "AuthorisationStatus": "loyalty.models.CreditAuthorisation.Status",
        "CouponKind": "loyalty.models.CouponCampaign.Kind",
        "PrizeKind": "loyalty.models.LotteryPrize.Kind",
        "DrawState": "loyalty.models.Draw.State",
        "PromiseState": "customers.models.Promise.State",
        "LevelsDraftState": "loyalty.models.TierDraft.State",
        "RuleChangeState": "core.rulebook.models.RuleChange.State",
    },
}

# For people ("line") or for machines ("json"); both are of one clock, and neither holds personal data.
LOGGING = logs.configuration(env.str("LOG_FORMAT", default="line"), env.str("LOG_LEVEL", default="INFO"))
# Whoever asks for /metrics shows it as `Authorization: Bearer …`; without it there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# The folder of pg_dump and pg_restore, at least as new as the server; empty: those on the path.
POSTGRES_PROGRAMS = env.str("POSTGRES_PROGRAMS", default="")

# Whom the watch tells of what burns, by mail; empty: every administrator who has an address. In Laoke it tells the
# administrators anyway.
OPERATOR_MAILS = env.list("OPERATOR_MAILS", default=[])
# From when on it tells: `disk_percent=5,night_hours=6`, instead of the figures of `crm/operating/limits.py`.
WATCH_LIMITS = limits.read("WATCH_LIMITS", env.dict("WATCH_LIMITS", default={}), limits.WATCH)
# Where closed months of the audit trail go once their days in the database are over; `backup` takes MEDIA_ROOT along.
AUDIT_ARCHIVE = Path(env.str("AUDIT_ARCHIVE", default=str(MEDIA_ROOT / "audit")))
# For how many days what is kept: `messages=180,opened=400`; 0 is for ever.
KEEP_DAYS = limits.read("KEEP_DAYS", env.dict("KEEP_DAYS", default={}), limits.KEPT)
