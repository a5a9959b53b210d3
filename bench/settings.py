"""The product's settings with the address of the trivial view."""

from crm.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
