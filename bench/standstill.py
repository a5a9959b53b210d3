"""Does anybody wait while the night gives the points for what an import brought? The night, and writers beside it.

    python -m bench.standstill --orders 1000000 --writers 20

The database named by DATABASE_URL is emptied first. All orders lie unswept, as an import leaves them; gunicorn serves
as in production; the writers send orders of the same customers by REST for as long as the night lasts, each until it is
acknowledged. Then every acknowledged order is looked for. Prints the longest request, and the share that waited.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.db import connection
from django.utils import timezone

from bench import mall
from core.accounts import tokens
from core.accounts.models import Role, User
from core.accounts.roles import ApiScope
from core.lib.periods import mall_midnight
from customers.models import Customer, Order
from loyalty.models import OrderPoints, PointState
from loyalty.points import laws, rules
from tests.faults.load import SOURCE, Shop, harm


def fill(customers: int, orders: int) -> None:
    mall.load(customers, mall.draw(customers, orders))
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE loyalty_pointaccount, loyalty_pointrules, loyalty_orderpoints CASCADE")
        cursor.execute(
            "INSERT INTO customers_standing (customer_id, customer_class, matrix_type, value, potential, usual_days,"
            " limit_days, inputs) SELECT id, 0, 0, 0, 0, 0, 0, 0 FROM customers_customer"
        )
        cursor.execute("VACUUM ANALYZE customers_order, customers_customer, customers_standing")
    PointState.objects.all().delete()
    began = mall_midnight(mall.FIRST)
    rules.save({"rate": Decimal(1)}, starts_at=began, by=None, reason="bench", at=began)


def token() -> str:
    user = User.objects.get_or_create(username="bench-shop", defaults={"roles": [Role.CLIENT]})[0]
    return tokens.issue(user, name="bench", scopes=list(ApiScope), at=timezone.now())[1]


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def measure(customers: int, orders: int, writers: int, port: int) -> None:
    fill(customers, orders)
    numbers = list(Customer.objects.order_by("pk").values_list("number", flat=True)[: customers // 4])
    shop = Shop(f"http://127.0.0.1:{port}", token(), numbers)
    serving = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "crm.wsgi"]
    web = subprocess.Popen([*serving, "--bind", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        while not listening(port):
            time.sleep(0.2)
        with shop.sending(writers, least=writers):
            idle, shop.slowest = shop.slowest, 0.0
            began, before = time.monotonic(), len(shop.answers)
            night = [sys.executable, "manage.py", "nightly", "--rebuild"]
            subprocess.run(night, check=True, stdout=subprocess.DEVNULL)
            seconds, answers = timedelta(seconds=round(time.monotonic() - began)), shop.answers[before:]
            slowest = shop.slowest
    finally:
        web.terminate()
        web.wait()
    stored = Order.objects.filter(source=SOURCE).values_list("external_id", "version", "paid", "status")
    hurt = harm(
        shop.acknowledged, [(number, version, f"{paid:.2f}", status) for number, version, paid, status in stored]
    )
    print(f"{orders:,} unswept orders of {customers:,} customers, {writers} writers")
    print(f"the night: {seconds}, {OrderPoints.objects.count():,} orders have their points")
    print(f"requests meanwhile: {len(answers):,}, not 2xx: {sum(code not in (200, 201) for code in answers)}")
    print(f"longest request: {slowest:.2f} s (with nothing else under way: {idle:.2f} s)")
    print(f"lost, doubled, wrong: {', '.join(str(len(numbers)) for numbers in hurt.values())}; laws: {laws.broken()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=0, help="a twentieth of the orders, unless said")
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--writers", type=int, default=20)
    parser.add_argument("--port", type=int, default=8399)
    options = parser.parse_args()
    measure(options.customers or options.orders // 20, options.orders, options.writers, options.port)


if __name__ == "__main__":
    main()
