from django.apps import AppConfig


class HealthAppConfig(AppConfig):
    name = "apps.health"
    label = "health"
    verbose_name = "S11 Health"
