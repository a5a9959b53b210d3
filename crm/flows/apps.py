from django.apps import AppConfig


class FlowsConfig(AppConfig):
    name = "crm.flows"
    label = "flows"
