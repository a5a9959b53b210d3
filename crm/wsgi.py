"""The WSGI door: gunicorn crm.wsgi."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
# A person or a client waits for the answer, and a thread waits with them: a wait that is too long ends in 503.
os.environ.setdefault("DATABASE_LOCK_TIMEOUT", "10")
os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT", "30")
application = get_wsgi_application()
