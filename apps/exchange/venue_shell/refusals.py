"""What the venue answers when it does not do as asked: Binance's codes, texts and HTTP statuses."""

from apps.exchange.core.venue.types import VenueError

HTTP_STATUS = {-2014: 401, -2015: 401, -1003: 429, -1015: 429}


class Refusal(Exception):
    """An answer that is not 200: HTTP `status`, Binance's `code` and `message`, extra `headers`."""

    def __init__(
        self, status: int, code: int, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    @classmethod
    def of(cls, error: VenueError) -> "Refusal":
        return cls(HTTP_STATUS.get(error.code, 400), error.code, error.message)

    def body(self) -> dict[str, int | str]:
        return {"code": self.code, "msg": self.message}


def missing(name: str) -> VenueError:
    return VenueError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def empty(name: str) -> VenueError:
    return VenueError(-1105, f"Parameter '{name}' was empty.")


def illegal(name: str, legal: str) -> VenueError:
    return VenueError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def superfluous(name: str) -> VenueError:
    return VenueError(-1106, f"Parameter '{name}' sent when not required.")


def duplicate(name: str) -> VenueError:
    return VenueError(-1101, f"Duplicate values for parameter '{name}' detected.")


def too_many_params() -> VenueError:
    return VenueError(-1101, "Too many parameters sent for this endpoint.")


def malformed_key() -> VenueError:
    return VenueError(-2014, "API-key format invalid.")


def unknown_key() -> VenueError:
    return VenueError(-2015, "Invalid API-key, IP, or permissions for action.")


def bad_signature() -> VenueError:
    return VenueError(-1022, "Signature for this request is not valid.")


def outside_window() -> VenueError:
    return VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")


def ahead_of_server() -> VenueError:
    return VenueError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def window_too_wide() -> VenueError:
    return VenueError(-1131, "recvWindow must be less than 60000.")


def bad_symbol() -> VenueError:
    return VenueError(-1121, "Invalid symbol.")


def bad_interval() -> VenueError:
    return VenueError(-1120, "Invalid interval.")


def unknown_listen_key() -> VenueError:
    return VenueError(-1125, "This listenKey does not exist.")


def unsupported() -> VenueError:
    return VenueError(-1020, "This operation is not supported.")


def asset_mode_unchanged() -> VenueError:
    return VenueError(
        -4171, "Adjusted asset mode is currently set and does not need to be adjusted repeatedly."
    )
