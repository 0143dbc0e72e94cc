"""Pages, REST and websockets in one ASGI application."""

import os
import warnings

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

# WhiteNoise sends files in blocks by a plain iterator, which Django's ASGI handler warns of each time.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings.local")
http = get_asgi_application()
# By name, because the kernel imports no app.
websocket_urlpatterns = import_string("apps.gateway.routing.websocket_urlpatterns")

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
