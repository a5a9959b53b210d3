"""CDNOW through the front door: the file imported as a shop would, one night as of 1997-09-30, the published figures."""

from datetime import date
from pathlib import Path

import pytest
from django.utils import timezone
from numpy.testing import assert_allclose

from crm.flows import nightly
from customers.imports import runs as imports
from customers.models import Import, Order, Standing, Summary
from segmentation import frames
from segmentation.fitting import Parameters
from segmentation.maths import purchases
from segmentation.models import Fit

CUT = date(1997, 9, 30)
FILE = Path(__file__).parent / "cdnow_sample.csv"


@pytest.fixture
def imported(db: None) -> Import:
    run = imports.upload(FILE.name, FILE.read_bytes(), source="cdnow", by=None, at=timezone.now())
    imports.map_columns(run, run.mapping)
    run.refresh_from_db()
    return imports.run(run, by=None, at=timezone.now(), today=date(1998, 7, 1))


def test_the_published_figures_come_out_of_a_real_night(imported: Import) -> None:
    assert imported.counts["rejected"] == 0
    assert Order.objects.count() == 6919

    run = nightly.run(CUT)

    assert run is not None
    assert run.counts["customers"] == Summary.objects.count() == 2357
    parameters = Parameters.from_json(Fit.objects.get().parameters)
    assert parameters.bgnbd is not None
    assert_allclose([parameters.bgnbd.r, parameters.bgnbd.a], [0.2426, 0.7927], atol=0.005)
    assert_allclose([parameters.bgnbd.alpha, parameters.bgnbd.b], [4.4134, 2.4251], atol=0.05)
    assert_allclose([parameters.gaps.m, parameters.gaps.s2, parameters.gaps.t2], [3.3729, 1.3058, 0.3692], atol=0.01)
    state = frames.state()
    assert int(state.gap_count.sum()) == 2457
    assert int((state.gap_count == 0).sum()) == 1411
    x, span = state.gap_count.astype(float), (state.last_day - state.first_day) / 7
    age = (frames.day_number(CUT) - state.first_day) / 7
    assert_allclose(purchases.expected(parameters.bgnbd, x, span, age, 39.0).sum(), 1653.5, rtol=0.01)
    assert Standing.objects.filter(customer_class=Standing.Class.BIG).exists()
