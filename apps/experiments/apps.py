from django.apps import AppConfig


class ExperimentsAppConfig(AppConfig):
    name = "apps.experiments"
    label = "experiments"
    verbose_name = "S9 Experiments"
