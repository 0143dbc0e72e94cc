from django.apps import AppConfig


class PositionsAppConfig(AppConfig):
    name = "apps.positions"
    label = "positions"
    verbose_name = "S6 Positions"
