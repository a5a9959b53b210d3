"""Which way the chance of no purchase is worked out in this shop, and why: one sentence with what was measured."""

from django.utils.translation import gettext as _

from segmentation import chances


def sentence(learnt: chances.Learnt | None) -> str:
    """For anybody who reads figures; the errors are those of windows that closed after what forecast them was learnt."""
    if learnt is None or learnt.errors is None:
        return _(
            "The chance of no purchase is that of the formula: too little of this shop's past has come to its end."
        )
    formula, mean = learnt.errors["closed"], learnt.errors["mean"]
    figures = {
        "windows": formula.windows,
        "formula": f"{formula.log_loss:.4f}",
        "mean": f"{mean.log_loss:.4f}",
        "precision": f"{formula.precision:.3f}",
        "both": f"{mean.precision:.3f}",
    }
    if learnt.trees is None:
        return (
            _(
                "The chance of no purchase is that of the formula: on %(windows)d windows of this shop's past it erred by "
                "%(formula)s, with what was learnt from earlier ones by %(mean)s, which is not surely better."
            )
            % figures
        )
    return (
        _(
            "The chance of no purchase is the middle of the formula and of what was learnt from this shop's past: on "
            "%(windows)d later windows it erred by %(mean)s, the formula by %(formula)s (average precision %(both)s, "
            "%(precision)s)."
        )
        % figures
    )
