"""Every path of the platform. Each app lists its own; S1-S12 answer under /api/v1."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

handler400 = "chimera.api.bad_request"
handler403 = "chimera.api.permission_denied"
handler404 = "chimera.api.not_found"
handler500 = "chimera.api.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/", include("apps.config.api")),
    path("api/v1/", include("apps.health.api")),
    path("", include("apps.gateway.urls")),
]
