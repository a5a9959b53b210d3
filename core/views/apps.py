from django.apps import AppConfig


class ViewsConfig(AppConfig):
    name = "core.views"
    label = "views"
