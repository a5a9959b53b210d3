"""No purchase in H: the formula, trees alone and the mean of both, rolling, on windows that closed after the fit.

python -m bench.second_stage                # CDNOW and Complete Journey, each at several days
python -m bench.second_stage --cost         # and what the week's fit costs at a million customers
"""

import argparse
import os
import time

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
django.setup()

from bench import shops
from bench.replay import known_on
from segmentation import chances
from segmentation.maths.histories import Histories

DAYS = {"CDNOW": (272, 356, 440, 524), "journey": (200, 272, 356), "subscription": (300, 420)}


def row(name: str, histories: Histories, today: int, first_day: int) -> str:
    """What was measured at that day, and what the night would use."""
    began = time.perf_counter()
    learnt = chances.learn(histories, today, first_day)
    seconds = time.perf_counter() - began
    told = [f"{name:12} {today}: {'mean' if learnt.trees else 'formula'}", f"least {learnt.least:.3f}"]
    for way, errors in (learnt.errors or {}).items():
        told.append(f"{way} loss {errors.log_loss:.4f} AP {errors.precision:.4f} off {errors.off:.4f}")
    return " · ".join([*told, f"{seconds:.1f} s"])


def large(customers: int) -> Histories:
    """As many as a fit ever sees of a shop of any size, with two years of days."""
    dice = np.random.default_rng(1)
    days = dice.integers(2, 30, customers)
    customer = np.repeat(np.arange(customers), days)
    day = dice.integers(0, 730, len(customer))
    keys = np.unique(customer * 1000 + day)
    return Histories(
        keys // 1000, keys % 1000, np.ones(len(keys)), np.ones(len(keys), dtype=np.int64), customers=customers
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cost", action="store_true")
    asked = arguments.parse_args()
    for name, days in DAYS.items():
        shop = shops.SHOPS[name]()
        for today in days:
            histories = known_on(shop, today, returned=False)
            print(row(name, histories, today, int(shop.day.min())), flush=True)
    if asked.cost:
        # A fit draws 50,000 customers, whether there are as many or a million.
        print(row("50,000 drawn", large(50_000), 729, 0))


if __name__ == "__main__":
    main()
