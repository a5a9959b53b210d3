"""How true the figures of the nights are on shops of every kind: python -m bench.judgement [SHOP …]

For each: the total of all values against what then came in 24 months; alerts a night, usual and on silent or recalled
days; the largest share of big customers; classes and types that were taken back, per 100 customer-years. `--every 7`
works one night a week.
"""

import argparse
import os
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
django.setup()

from bench.replay import Account, worked
from bench.shops import NEVER, SHOPS, Shop


def row(name: str, shop: Shop, every: int) -> str:
    began = time.perf_counter()
    account = worked(shop, first=min(20, shop.nights), every=every)
    nights = sorted(account.alerts)
    start, end = shop.silent
    told = [
        f"value {'  '.join(_bias(account, night) for night in _looked_at(nights))}",
        f"alerts {account.per_night(max(nights[0], 60), min(start, nights[-1])):.2f} a night",
        f"{account.per_night(start, end) if start < NEVER else 0:.2f} on its days, {_after(account, end)} after",
        f"at most {max(account.alerts.values())}",
        f"big at most {max(account.big.values()):.0%}",
        f"flaps {account.flaps('classes', every=every):.1f} / {account.flaps('types', every=every):.1f}",
        f"{time.perf_counter() - began:.0f} s",
    ]
    return f"{name:12} {' · '.join(told)}"


def _looked_at(nights: list[int]) -> list[int]:
    """The nights nearest to day 60, to the middle and to the end."""
    return sorted({min(nights, key=lambda night: abs(night - day)) for day in (60, nights[-1] // 2, nights[-1])})


def _after(account: Account, end: int) -> int:
    """Alerts of the first night that knows again."""
    return next((count for night, count in sorted(account.alerts.items()) if night >= end), 0)


def _bias(account: Account, night: int) -> str:
    said, came = account.value.get(night, (0.0, 0.0))
    return f"{night}: {said / came - 1:+.0%}" if came else f"{night}: -"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("shops", nargs="*", choices=[*SHOPS, []], default=[])
    arguments.add_argument("--every", type=int, default=1)
    asked = arguments.parse_args()
    for name in asked.shops or SHOPS:
        print(row(name, SHOPS[name](), asked.every), flush=True)


if __name__ == "__main__":
    main()
