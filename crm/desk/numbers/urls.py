"""What the numbers say: matrix, rules, nights, backtest."""

from django.urls import path

from crm.desk.numbers import matrix, night, nights, rules

urlpatterns = [
    path("matrix/", matrix.matrix, name="matrix"),
    path("nights/", nights.nights, name="nights"),
    path("nights/<str:day>/changes/", night.night, name="night"),
    path("nights/run/", nights.run_night, name="run_night"),
    path("backtest/", nights.backtest, name="backtest"),
    path("backtest/run/", nights.run_backtest, name="run_backtest"),
    path("rules/", rules.rules, name="rules"),
    path("rules/preview/", rules.preview, name="rules_preview"),
    path("rules/save/", rules.save, name="rules_save"),
]
