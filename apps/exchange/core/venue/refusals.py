"""Why the venue says no: Binance's code and text for each situation, one function a reason."""

from decimal import Decimal

from apps.exchange.core.venue.types import VenueError

# --- requests ---------------------------------------------------------------------------------------


def bad_symbol() -> VenueError:
    return VenueError(-1121, "Invalid symbol.")


def bad_interval() -> VenueError:
    return VenueError(-1120, "Invalid interval.")


def missing(name: str) -> VenueError:
    return VenueError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def not_required(name: str) -> VenueError:
    return VenueError(-1106, f"Parameter '{name}' sent when not required.")


def bad_time_in_force() -> VenueError:
    return VenueError(-1115, "Invalid timeInForce.")


def bad_order_type() -> VenueError:
    return VenueError(-1116, "Invalid orderType.")


def bad_client_id(name: str) -> VenueError:
    legal = "^[\\.A-Z\\:/a-z0-9_-]{1,36}$"
    return VenueError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def client_id_too_long() -> VenueError:
    return VenueError(-4015, "Client order id length should be less than 36 chars")


# --- futures filters --------------------------------------------------------------------------------


def price_not_positive() -> VenueError:
    return VenueError(-4001, "Price less than 0.")


def price_above_max() -> VenueError:
    return VenueError(-4002, "Price greater than max price.")


def price_below_min() -> VenueError:
    return VenueError(-4013, "Price less than min price.")


def price_off_tick() -> VenueError:
    return VenueError(-4014, "Price not increased by tick size.")


def price_too_high(limit: Decimal) -> VenueError:
    return VenueError(-4016, f"Limit price can't be higher than {limit.normalize():f}.")


def price_too_low(limit: Decimal) -> VenueError:
    return VenueError(-4024, f"Limit price can't be lower than {limit.normalize():f}.")


def qty_not_positive() -> VenueError:
    return VenueError(-4003, "Quantity less than or equal to zero.")


def qty_below_min() -> VenueError:
    return VenueError(-4004, "Quantity less than min quantity.")


def qty_above_max() -> VenueError:
    return VenueError(-4005, "Quantity greater than max quantity.")


def qty_off_step() -> VenueError:
    return VenueError(-4023, "Qty not increased by step size.")


def too_precise() -> VenueError:
    return VenueError(-1111, "Precision is over the maximum defined for this asset.")


def notional_too_small(minimum: Decimal) -> VenueError:
    return VenueError(
        -4164,
        f"Order's notional must be no smaller than {minimum} (unless you choose reduce only).",
    )


def too_many_orders() -> VenueError:
    return VenueError(-2025, "Reach max open order limit.")


def too_many_stops() -> VenueError:
    return VenueError(-4045, "Reach max stop order limit.")


# --- futures orders ---------------------------------------------------------------------------------


def margin_insufficient() -> VenueError:
    return VenueError(-2019, "Margin is insufficient.")


def would_trigger() -> VenueError:
    return VenueError(-2021, "Order would immediately trigger.")


def reduce_only_rejected() -> VenueError:
    return VenueError(-2022, "ReduceOnly Order is rejected.")


def leverage_exceeded() -> VenueError:
    return VenueError(-2027, "Exceeded the maximum allowable position at current leverage.")


def leverage_invalid(leverage: int) -> VenueError:
    return VenueError(-4028, f"Leverage {leverage} is not valid")


def leverage_reduction() -> VenueError:
    return VenueError(
        -4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions."
    )


def margin_type_unchanged() -> VenueError:
    return VenueError(-4046, "No need to change margin type.")


def margin_type_with_orders() -> VenueError:
    return VenueError(-4047, "Margin type cannot be changed if there exists open orders.")


def margin_type_with_position() -> VenueError:
    return VenueError(-4048, "Margin type cannot be changed if there exists position.")


def margin_on_cross() -> VenueError:
    return VenueError(-4049, "Add margin only support for isolated position.")


def margin_cross_insufficient() -> VenueError:
    return VenueError(-4050, "Cross balance insufficient.")


def margin_isolated_insufficient() -> VenueError:
    return VenueError(-4051, "Isolated balance insufficient.")


def margin_without_position() -> VenueError:
    return VenueError(-4054, "Cannot add position margin: position is 0.")


def mode_unchanged() -> VenueError:
    return VenueError(-4059, "No need to change position side.")


def position_side_mismatch() -> VenueError:
    return VenueError(-4061, "Order's position side does not match user's setting.")


def mode_with_orders() -> VenueError:
    return VenueError(-4067, "Position side cannot be changed if there exists open orders.")


def mode_with_position() -> VenueError:
    return VenueError(-4068, "Position side cannot be changed if there exists position.")


def client_id_taken() -> VenueError:
    return VenueError(-4116, "ClientOrderId is duplicated.")


def conditional_on_plain_endpoint() -> VenueError:
    return VenueError(
        -4120,
        "Order type not supported for this endpoint. "
        "Please use the Algo Order API endpoints instead.",
    )


def no_counterparty_in_band() -> VenueError:
    return VenueError(
        -4131,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    )


def bad_callback_rate() -> VenueError:
    return VenueError(-2007, "Invalid callBack rate.")


def close_position_with_qty() -> VenueError:
    return VenueError(-4137, "Quantity must be zero with closePosition equals true.")


def close_position_type() -> VenueError:
    return VenueError(-4136, "Target strategy invalid for orderType, closePosition=true.")


def fok_rejected() -> VenueError:
    return VenueError(
        -5021, "Due to the order could not be filled immediately, the FOK order has been rejected."
    )


def post_only_rejected() -> VenueError:
    return VenueError(
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    )


def bad_good_till_date() -> VenueError:
    return VenueError(
        -5040,
        "The goodTillDate timestamp must be greater than the current time plus 600 seconds and "
        "smaller than 253402300799000.",
    )


def price_match_type() -> VenueError:
    return VenueError(-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT.")


def no_depth_to_match() -> VenueError:
    return VenueError(-5041, "No depth matches this BBO order.")


def modify_not_limit() -> VenueError:
    return VenueError(-5025, "Only limit order is supported.")


def amended_notional_too_small(minimum: Decimal) -> VenueError:
    return VenueError(-5029, f"Order's notional must be no smaller than {minimum}.")


def modify_without_change() -> VenueError:
    return VenueError(-5027, "No need to modify the order.")


# --- spot -------------------------------------------------------------------------------------------


def filter_failure(name: str) -> VenueError:
    return VenueError(-1013, f"Filter failure: {name}")


def spot_invalid_quantity() -> VenueError:
    return VenueError(-1013, "Invalid quantity.")


def spot_invalid_price() -> VenueError:
    return VenueError(-1013, "Invalid price.")


def spot_too_precise(name: str) -> VenueError:
    return VenueError(-1111, f"Parameter '{name}' has too much precision.")


def spot_balance_insufficient() -> VenueError:
    return VenueError(-2010, "Account has insufficient balance for requested action.")


def spot_would_match() -> VenueError:
    return VenueError(-2010, "Order would immediately match and take.")


def spot_would_trigger() -> VenueError:
    return VenueError(-2010, "Order would trigger immediately.")


def spot_duplicate() -> VenueError:
    return VenueError(-2010, "Duplicate order sent.")


def spot_market_closed() -> VenueError:
    return VenueError(-2010, "Market is closed.")


def spot_unsupported(what: str) -> VenueError:
    return VenueError(-2010, f"{what} orders are not supported for this symbol.")


def oco_prices() -> VenueError:
    return VenueError(-2010, "The relationship of the prices for the orders is not correct.")


def oco_leg_type() -> VenueError:
    return VenueError(-1158, "The provided combination of order types for the list is invalid.")


# --- transfers --------------------------------------------------------------------------------------


def bad_transfer_asset() -> VenueError:
    return VenueError(-9000, "user have no avaliable amount")


def bad_transfer_amount() -> VenueError:
    return VenueError(-1100, "Illegal parameter 'amount'.")


def bad_transfer_type() -> VenueError:
    return VenueError(
        -1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed."
    )


def transfer_insufficient() -> VenueError:
    return VenueError(-5013, "Asset transfer failed: insufficient balance")


# --- lookups ----------------------------------------------------------------------------------------


def cancel_unknown() -> VenueError:
    return VenueError(-2011, "Unknown order sent.")


def query_unknown() -> VenueError:
    return VenueError(-2013, "Order does not exist.")


def symbol_closed() -> VenueError:
    return VenueError(-4141, "Symbol is closed.")


def id_mismatch() -> VenueError:
    return VenueError(-2039, "Client order ID is not correct for this order ID.")
