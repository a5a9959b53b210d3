from django.apps import AppConfig


class MallConfig(AppConfig):
    name = "core.mall"
    label = "mall"
