from django.apps import AppConfig

from crm import checks


class CrmConfig(AppConfig):
    name = "crm"

    def ready(self) -> None:
        """Whatever starts Django comes by here: web, workers, beat and commands start locked or not at all."""
        checks.refuse_to_start()
