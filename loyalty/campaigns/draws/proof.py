"""Odds and rolls: how a draw follows from a secret and a ticket, and how anybody can repeat it afterwards.

Before the first draw the SHA-256 of a secret is published. Every draw follows from the secret and the ticket alone:
roll = HMAC-SHA256(secret, message) as a number, modulo 1,000,000; the prizes by rank cover [0, 1,000,000) in
stretches of their odds. After the end the secret is shown, and whoever wishes can repeat every draw.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

import pgtrigger
from django.db.models import Count

from core.lib import csv_cells, sealing
from loyalty.models import Draw, Lottery, LotteryPrize
from loyalty.models.draws import CERTAIN

ALGORITHM = "HMAC-SHA256 mod 1000000"
SECRET_BYTES = 32
SEALED_FOR = b"draws"


# The arithmetic ------------------------------------------------------------------------------------------------------


def roll_of(secret: bytes, message: str) -> int:
    """A number below a million; the remainder's bias is below 2⁻²³⁶."""
    return int.from_bytes(hmac.digest(secret, message.encode(), "sha256"), "big") % CERTAIN


def commitment_of(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def fell_on(roll: int, odds: Sequence[int]) -> int:
    """The place of the prize whose stretch of [0, 1,000,000) holds the roll. The odds add up to a million."""
    for place, ppm in enumerate(odds):
        if roll < ppm:
            return place
        roll -= ppm
    raise ValueError("the odds do not add up to a million")


# The secret ----------------------------------------------------------------------------------------------------------


def seal(lottery: Lottery) -> None:
    """The draw has its secret, and its commitment is what will be published. Nothing is stored."""
    secret = secrets.token_bytes(SECRET_BYTES)
    lottery.algorithm, lottery.commitment = ALGORITHM, commitment_of(secret)
    lottery.secret = sealing.encrypt(secret, use=SEALED_FOR, about=lottery.commitment.encode())


def secret_of(lottery: Lottery) -> bytes:
    assert lottery.secret is not None  # noqa: S101 (a check of the table)
    return sealing.decrypt(bytes(lottery.secret), use=SEALED_FOR, about=lottery.commitment.encode())


def secret_shown(lottery: Lottery) -> str:
    """The secret in hexadecimal once the draw has ended; empty before."""
    return secret_of(lottery).hex() if lottery.status == Lottery.Status.ENDED else ""


def reseal(after: int, most: int) -> sealing.Resealed:
    """The secrets of the next draws after this id are under the current key of the vault: the same secrets."""
    lotteries = Lottery.objects.select_for_update(no_key=True).filter(pk__gt=after, secret__isnull=False)
    drawn = list(lotteries.order_by("pk")[:most])
    changed = 0
    with pgtrigger.ignore("loyalty.Lottery:frozen_once_published"):
        for lottery in drawn:
            about = lottery.commitment.encode()
            secret = sealing.if_old(bytes(lottery.secret or b""), use=SEALED_FOR, about=about)
            if secret is not None:
                lottery.secret = sealing.encrypt(secret, use=SEALED_FOR, about=about)
                lottery.save(update_fields=["secret"])
                changed += 1
    return sealing.Resealed(drawn[-1].pk if drawn else None, len(drawn), changed)


# Reading and checking ------------------------------------------------------------------------------------------------


class Odds(NamedTuple):
    """`percent`: the published odds; `rolled`: draws that fell on it; `given`: pieces given; `left`: pieces left."""

    prize: LotteryPrize
    percent: str
    one_in: int | None
    rolled: int
    expected: Decimal
    given: int
    left: int | None


def odds(lottery: Lottery) -> list[Odds]:
    rolled = dict(Draw.objects.filter(lottery=lottery).values_list("rolled").annotate(n=Count("pk")))
    given = dict(Draw.objects.filter(lottery=lottery).values_list("prize").annotate(n=Count("pk")))
    draws = sum(rolled.values())
    return [
        Odds(
            prize=prize,
            percent=f"{(Decimal(prize.ppm) / 10_000).normalize():f}",
            one_in=round(CERTAIN / prize.ppm) if prize.ppm else None,
            rolled=rolled.get(prize.pk, 0),
            expected=(Decimal(draws * prize.ppm) / CERTAIN).quantize(Decimal("0.1")),
            given=given.get(prize.pk, 0),
            left=prize.left,
        )
        for prize in lottery.prizes.order_by("rank")
    ]


def disagreements(lottery: Lottery) -> list[str]:
    """Draws that do not follow from secret, message and odds; empty when everything can be repeated."""
    secret = secret_of(lottery)
    problems = []
    if commitment_of(secret) != lottery.commitment:
        problems.append("the secret is not the one committed to")
    prizes = list(lottery.prizes.order_by("rank"))
    ppm = [prize.ppm for prize in prizes]
    for draw in lottery.draws.order_by("pk").iterator(chunk_size=5000):
        roll = roll_of(secret, draw.message)
        if roll != draw.roll:
            problems.append(f"draw {draw.pk}: the roll is {roll}, not {draw.roll}")
        elif prizes[fell_on(roll, ppm)].pk != draw.rolled_id:
            problems.append(f"draw {draw.pk}: {roll} does not fall on prize {draw.rolled_id}")
        elif not draw.message.startswith(f"{lottery.code}/{draw.ticket_id}/"):
            problems.append(f"draw {draw.pk}: the message is not that of its ticket")
    return problems


ARCHIVE = ("draw", "drawn at", "customer", "ticket", "source", "message", "roll", "rolled", "given", "reason", "state")


def archive(lottery: Lottery) -> Iterator[str]:
    """Lines of a CSV with everything needed to repeat the draw: its terms first, then every draw."""
    yield from csv_cells.lines(
        [
            ["code", lottery.code],
            ["name", lottery.name],
            ["published", lottery.published_at.isoformat() if lottery.published_at else ""],
            ["from", lottery.starts_at.isoformat()],
            ["until", lottery.ends_at.isoformat()],
            ["algorithm", lottery.algorithm],
            ["commitment (SHA-256 of the secret)", lottery.commitment],
            ["secret (shown after the end)", secret_shown(lottery)],
            ["rank", "prize", "value", "pieces", "of a million draws"],
        ]
    )
    prizes = lottery.prizes.order_by("rank")
    yield from csv_cells.lines([prize.rank, prize.name, prize.value, prize.total or "", prize.ppm] for prize in prizes)
    yield from csv_cells.lines([ARCHIVE])
    rows = lottery.draws.select_related("customer", "ticket", "rolled", "prize").order_by("pk")
    yield from csv_cells.lines(
        [
            draw.pk,
            draw.drawn_at.isoformat(),
            draw.customer.number,
            draw.ticket_id,
            draw.ticket.source,
            draw.message,
            draw.roll,
            draw.rolled.name,
            draw.prize.name,
            draw.reason,
            draw.state,
        ]
        for draw in rows.iterator(chunk_size=2000)
    )
