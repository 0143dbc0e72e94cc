from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GatewayAppConfig(AppConfig):
    name = "apps.gateway"
    label = "gateway"
    verbose_name = _("Console")
