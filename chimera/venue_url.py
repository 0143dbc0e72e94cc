"""Where we trade: what `CHIMERA_EXCHANGE_URL` may say. Read by the settings and by whoever asks the venue."""

from chimera.errors import ConfigInvalid

LIVE = "live"


def venue_url(setting: str) -> str | None:
    """Return the address of the venue that `setting` names; None is the real exchange.

    Raises
    ------
    ConfigInvalid
        If it names neither: real money is never what a forgotten setting means.
    """
    if setting == LIVE:
        return None
    if setting.startswith(("http://", "https://")):
        return setting.rstrip("/")
    raise ConfigInvalid(
        f"CHIMERA_EXCHANGE_URL must be the http(s) address of a venue, or `{LIVE}`, which is the real "
        f"exchange; it is {setting!r}"
    )
