"""Embedded defaults: SQLite, files, a private Redis, the paper venue. No variable is required."""

import hashlib

from chimera.settings.base import *
from chimera.settings.base import STATE_DIR, env

STATE_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds sessions and password hashes

DEBUG = env.bool("CHIMERA_DEBUG", default=False)
# One key for each state directory: sessions survive restarts, and no key is usable elsewhere.
SECRET_KEY = env.str(
    "CHIMERA_SECRET_KEY",
    default=hashlib.sha256(f"local-only:{STATE_DIR}".encode()).hexdigest(),
)
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

DATABASES = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{STATE_DIR / 'chimera.sqlite3'}")
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }

# Static files are served from where they lie: nothing to collect.
STATIC_ROOT = STATE_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True

REDIS_URL = env.str("CHIMERA_REDIS_URL", default="redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}
