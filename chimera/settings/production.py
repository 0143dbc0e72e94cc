"""Production: everything that has no safe default must be set, or the process refuses to start."""

from chimera.errors import ConfigInvalid
from chimera.settings.base import *
from chimera.settings.base import env

REQUIRED = (
    "CHIMERA_SECRET_KEY",
    "CHIMERA_ALLOWED_HOSTS",
    "CHIMERA_REDIS_URL",
    "CHIMERA_STORE_URL",
    "CHIMERA_STATE_DIR",
    "CHIMERA_EXCHANGE_URL",  # `live` is the real exchange
    "CHIMERA_EXCHANGE_KEY",
    "CHIMERA_EXCHANGE_SECRET",
    "DATABASE_URL",
)
_missing = [name for name in REQUIRED if not env.str(name, default="")]
if _missing:
    raise ConfigInvalid(
        f"production needs these environment variables: {', '.join(_missing)}", missing=_missing
    )

DEBUG = False
DEMO = False
SECRET_KEY = env.str("CHIMERA_SECRET_KEY")
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5 or SECRET_KEY.startswith("django-insecure-"):
    raise ConfigInvalid("CHIMERA_SECRET_KEY must be random, of at least 50 characters", minimum=50)
ALLOWED_HOSTS = env.list("CHIMERA_ALLOWED_HOSTS")
if "*" in ALLOWED_HOSTS:
    raise ConfigInvalid("CHIMERA_ALLOWED_HOSTS must name the hosts; * would let any page in")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]
DATABASES = {"default": env.db_url("DATABASE_URL")}
if not DATABASES["default"].get("ENGINE"):
    raise ConfigInvalid("DATABASE_URL must begin with a known scheme, such as postgres://")
REDIS_URL = env.str("CHIMERA_REDIS_URL")
# Celery's broker cannot be a Redis Cluster (kombu answers MOVED with an error), so it may be elsewhere.
CELERY_BROKER_URL = env.str("CHIMERA_BROKER_URL", default=REDIS_URL)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [env.str("CHIMERA_CHANNELS_URL", default=REDIS_URL)]},
    }
}

SECURE_SSL_REDIRECT = env.bool("CHIMERA_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
