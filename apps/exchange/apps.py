from django.apps import AppConfig


class ExchangeAppConfig(AppConfig):
    name = "apps.exchange"
    label = "exchange"
    verbose_name = "S1 Exchange"
