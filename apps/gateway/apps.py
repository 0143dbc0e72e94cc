from django.apps import AppConfig


class GatewayAppConfig(AppConfig):
    name = "apps.gateway"
    label = "gateway"
    verbose_name = "S12 Gateway"
