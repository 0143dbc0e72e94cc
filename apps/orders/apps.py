from django.apps import AppConfig


class OrdersAppConfig(AppConfig):
    name = "apps.orders"
    label = "orders"
    verbose_name = "S4 Orders"
