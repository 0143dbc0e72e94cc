"""Pages, REST and websockets in one ASGI application."""

import os
import warnings
from typing import Any

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


class SameOrigin:
    """Turns away pages of another port of this host: cookies know no ports, so they would be signed in."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").partition(b"://")[2]
        if origin and origin == headers.get(b"host"):
            await self._application(scope, receive, send)
        else:
            await send({"type": "websocket.close"})


application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": SameOrigin(
            AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
        ),
    }
)
