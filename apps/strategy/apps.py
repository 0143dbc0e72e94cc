from django.apps import AppConfig


class StrategyAppConfig(AppConfig):
    name = "apps.strategy"
    label = "strategy"
    verbose_name = "S3 Strategy"
