from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConfigAppConfig(AppConfig):
    name = "apps.config"
    label = "config"
    verbose_name = _("Configuration")
