"""What every deployment shares. Deployment facts are settings; what people tune is a bundle."""

from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from chimera.errors import ConfigInvalid
from chimera.venue_url import venue_url

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()

# --- Django ------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "chimera.store",
    "apps.exchange",
    "apps.features",
    "apps.strategy",
    "apps.orders",
    "apps.positions",
    "apps.experiments",
    "apps.config",
    "apps.health",
    "apps.gateway",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "chimera.logging.CorrelationMiddleware",
    "apps.gateway.caching.NoStoreMiddleware",
    "apps.gateway.nulls.NoNullMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.gateway.csp.ConsoleCSPMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "chimera.urls"
ASGI_APPLICATION = "chimera.asgi.application"
WSGI_APPLICATION = "chimera.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- sign-in -----------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Nobody can lock somebody else out, but from the same address.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
AXES_HANDLER = "apps.gateway.lockout.LockoutHandler"
AXES_FAILURE_LIMIT = 5  # of one name at one address
ADDRESS_FAILURE_LIMIT = 20  # of all names tried from one address
AXES_USERNAME_CALLABLE = "apps.gateway.lockout.counted_name"
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "apps.gateway.lockout.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/"

# --- People ------------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hant", "繁體中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Static files ------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]

# --- Security ----------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# --- REST --------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.BasicAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["chimera.api.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {"anon": "60/min", "user": "1200/min"},
    "NUM_PROXIES": 0,  # whom to believe about addresses is uvicorn's to say, not the visitor's
    "EXCEPTION_HANDLER": "chimera.api.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Chimera",
    "DESCRIPTION": "Trading platform for Binance USDT-M perpetual futures and spot.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "ENUM_NAME_OVERRIDES": {
        "ServiceState": "chimera.events.health.ServiceState",
        "OrderState": "chimera.events.orders.OrderState",
        "ReleaseState": "apps.config.models.Release.State",
    },
}

# --- Admin -------------------------------------------------------------------------------------------
UNFOLD = {
    "COLORS": {
        # The console's teal, so that both look like one house.
        "primary": {
            "50": "#f0fdfa",
            "100": "#ccfbf1",
            "200": "#99f6e4",
            "300": "#5eead4",
            "400": "#2dd4bf",
            "500": "#14b8a6",
            "600": "#0f766e",
            "700": "#0f766e",
            "800": "#115e59",
            "900": "#134e4a",
            "950": "#042f2e",
        },
    },
    "SITE_TITLE": "Chimera",
    "SITE_HEADER": "Chimera",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("gateway/mark.svg"),
        },
    ],
    "SHOW_LANGUAGES": True,
    "SIDEBAR": {
        "navigation": [
            {
                "title": _("Desk"),
                "items": [
                    {
                        "title": _("Overview"),
                        "icon": "monitoring",
                        "link": "/",
                        "active": lambda request: request.path == "/",
                    },
                    {"title": _("Decisions"), "icon": "rule", "link": "/decisions"},
                    {"title": _("Orders"), "icon": "receipt_long", "link": "/orders"},
                    {"title": _("Positions"), "icon": "donut_small", "link": "/positions"},
                    {"title": _("Alerts"), "icon": "notifications", "link": "/alerts"},
                    {
                        "title": _("Releases"),
                        "icon": "deployed_code_history",
                        "link": reverse_lazy("admin:config_release_changelist"),
                        "permission": "apps.gateway.admin.may_view_releases",
                    },
                ],
            },
            {
                "title": _("People"),
                "items": [
                    {
                        "title": _("Users"),
                        "icon": "person",
                        "link": reverse_lazy("admin:auth_user_changelist"),
                        "permission": "apps.gateway.admin.may_view_users",
                    },
                    {
                        "title": _("Roles"),
                        "icon": "group",
                        "link": reverse_lazy("admin:auth_group_changelist"),
                        "permission": "apps.gateway.admin.may_view_roles",
                    },
                ],
            },
        ],
    },
}

# --- Chimera -----------------------------------------------------------------------------------------
STATE_DIR = Path(env.str("CHIMERA_STATE_DIR", default=str(BASE_DIR / "var")))
STORE_URL = env.str("CHIMERA_STORE_URL", default="embedded://")
DEMO = env.bool("CHIMERA_DEMO", default=False)
LOG_LEVEL = env.str("CHIMERA_LOG_LEVEL", default="INFO")
if LOG_LEVEL not in ("DEBUG", "INFO", "WARNING", "ERROR"):
    raise ConfigInvalid("CHIMERA_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR", level=LOG_LEVEL)
"""Where we trade: a venue's address, or `live` for the real exchange; "" is nowhere."""
EXCHANGE_URL = env.str("CHIMERA_EXCHANGE_URL", default="")
if EXCHANGE_URL:
    venue_url(EXCHANGE_URL)  # refused here rather than by the first who connects
EXCHANGE_KEY = env.str("CHIMERA_EXCHANGE_KEY", default="")
EXCHANGE_SECRET = env.str("CHIMERA_EXCHANGE_SECRET", default="")

LOGGING_CONFIG = "chimera.logging.configure"
LOGGING = {"level": LOG_LEVEL}

# --- Celery: long and periodic work, never the hot path --------------------------------------------------
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 3_600
CELERY_TASK_SOFT_TIME_LIMIT = 3_500
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BEAT_SCHEDULE = {
    "health.beat": {"task": "health.beat", "schedule": 15.0, "options": {"expires": 15.0}},
}
