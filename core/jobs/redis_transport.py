"""The broker's transport: a Redis that answers with an error is as good as away, and comes back.

A disk that is full (MISCONF), a replica that is missing (NOREPLICAS), a master that became one (READONLY) and a memory
that is full (OOM) are answers, not lost connections; Celery ends a worker over them for good. Here the worker tries
again, as it does while Redis is away.
"""

from kombu.transport import redis as kombu_redis
from redis.exceptions import ResponseError


class Transport(kombu_redis.Transport):
    connection_errors = (*kombu_redis.Transport.connection_errors, ResponseError)
