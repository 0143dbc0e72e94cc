from django.apps import AppConfig


class FeaturesAppConfig(AppConfig):
    name = "apps.features"
    label = "features"
    verbose_name = "S2 Features"
