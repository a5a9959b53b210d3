"""How true the figures of the nights are on shops of every kind: python -m bench.judgement [SHOP …]

For each: the total of all values against what then came in 24 months; alerts a night, usual and on silent or recalled
days; the largest share of big customers; classes and types that were taken back, per 100 customer-years.
"""

import sys
import time

from bench.replay import worked
from bench.shops import NEVER, SHOPS, Shop


def row(name: str, shop: Shop) -> str:
    began = time.perf_counter()
    account = worked(shop, first=min(20, shop.nights))
    ends = sorted({min(60, shop.nights), shop.nights // 2, shop.nights})
    bias = "  ".join(
        f"{night}: {account.value[night][0] / max(account.value[night][1], 1) - 1:+.0%}"
        for night in ends
        if night in account.value
    )
    start, end = shop.silent
    nights = sorted(account.alerts)
    usual = account.per_night(max(nights[0], 60), min(start, shop.nights))
    odd = account.per_night(start, end) if start < NEVER else 0.0
    after = account.alerts.get(end, 0)
    return (
        f"{name:12} value {bias:36} alerts {usual:5.2f} a night, then {odd:6.2f}, next {after:3d}, most {max(account.alerts.values()):3d}"
        f"  big at most {max(account.big.values()):.0%}, at the end {account.big[nights[-1]]:.0%}"
        f"  flaps {account.flaps('classes'):5.1f} / {account.flaps('types'):5.1f}  ({time.perf_counter() - began:.0f} s)"
    )


def main() -> None:
    for name in sys.argv[1:] or SHOPS:
        print(row(name, SHOPS[name]()), flush=True)


if __name__ == "__main__":
    main()
