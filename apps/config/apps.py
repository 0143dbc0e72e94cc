from django.apps import AppConfig


class ConfigAppConfig(AppConfig):
    name = "apps.config"
    label = "config"
    verbose_name = "S10 Config"
