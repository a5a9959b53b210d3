"""How true the figures of the nights are on shops of every kind: python -m bench.judgement [SHOP …]

For each: the total of all values against what then came in 24 months; alerts a night, usual and on silent or recalled
days; the largest share of big customers; classes and types that were taken back, per 100 customer-years.
"""

import sys
import time

from bench.replay import Account, worked
from bench.shops import NEVER, SHOPS, Shop


def row(name: str, shop: Shop) -> str:
    began = time.perf_counter()
    account = worked(shop, first=min(20, shop.nights))
    nights = sorted(account.alerts)
    start, end = shop.silent
    told = [
        f"value {'  '.join(_bias(account, night) for night in sorted({min(60, nights[-1]), nights[-1] // 2, nights[-1]}))}",
        f"alerts {account.per_night(max(nights[0], 60), min(start, nights[-1])):.2f} a night",
        f"{account.per_night(start, end) if start < NEVER else 0:.2f} on its days, {account.alerts.get(end, 0)} after",
        f"at most {max(account.alerts.values())}",
        f"big at most {max(account.big.values()):.0%}",
        f"flaps {account.flaps('classes'):.1f} / {account.flaps('types'):.1f}",
        f"{time.perf_counter() - began:.0f} s",
    ]
    return f"{name:12} {' · '.join(told)}"


def _bias(account: Account, night: int) -> str:
    said, came = account.value.get(night, (0.0, 0.0))
    return f"{night}: {said / came - 1:+.0%}" if came else f"{night}: -"


def main() -> None:
    for name in sys.argv[1:] or SHOPS:
        print(row(name, SHOPS[name]()), flush=True)


if __name__ == "__main__":
    main()
