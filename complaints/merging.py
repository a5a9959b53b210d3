"""Two records of one person: their complaints, remedies, warnings and signs are one person's."""

from django.db.models import Exists, OuterRef

from complaints.calls import marks
from complaints.models import Case, Remedy, ServicePrompt, SilentSign


def move(loser_id: int, winner_id: int) -> None:
    """Everything of the loser is the winner's; of a sign that both have, the winner's stays."""
    marks.move(loser_id, winner_id)
    for model in (Case, Remedy, ServicePrompt):
        model.objects.filter(customer=loser_id).update(customer=winner_id)
    same = SilentSign.objects.filter(customer=winner_id, sign=OuterRef("sign"), ref=OuterRef("ref"))
    SilentSign.objects.filter(customer=loser_id).exclude(Exists(same)).update(customer=winner_id)
