"""Execution reports and account messages, as captured and as documented, become our reports."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.exchange.adapters.wire_orders import UnknownKind, execution_events, fills_of_trades
from apps.exchange.adapters.wire_spot import IGNORED as SPOT_IGNORED
from apps.exchange.adapters.wire_spot import spot_user_events
from apps.exchange.adapters.wire_user import (
    CHILDREN_KEPT,
    IGNORED,
    Children,
    funding_of_income,
    held_position,
    resting_conditional,
    user_events,
)
from chimera.events import (
    ACCOUNT,
    FeeCharged,
    FundingPaid,
    MarginSettingsChanged,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
    OrderUnclear,
    WalletTransferred,
)
from chimera.events.base import Event
from chimera.events.orders import LiquiditySide, Origin, Purpose
from chimera.ids import client_order_id
from chimera.instruments import Market, Side

NOW = 1_800_000_000_000
D = Decimal

# What each captured message of the futures user stream states: the kind, and some of its fields.
FUTURES: dict[str, list[tuple[type[Event], dict[str, Any]]]] = {
    "algo_update_triggering": [],
    "algo_update_triggered": [(OrderTriggered, {"venue_order_id": "88937381063"})],
    "algo_update_finished": [(OrderExpired, {"filled_qty": D(38), "reason": "finished"})],
    "algo_update_finished_canceled": [(OrderExpired, {"filled_qty": D(0)})],
    "order_update_liquidation": [
        (
            OrderFilled,
            {
                "client_order_id": "autoclose-1234567890123456",
                "origin": Origin.LIQUIDATION,
                "last_qty": D("0.100"),
                "last_px": D("50000.00"),
                "fee": D("5"),
                "realised_pnl": D("-100.00"),
                "side": Side.SELL,
            },
        )
    ],
    "order_update_liquidation_zero_qty": [],
    "order_update_adl": [(OrderFilled, {"client_order_id": "adl_autoclose", "origin": Origin.ADL})],
    "order_update_adl_filled": [(OrderFilled, {"trade_id": "2233445566", "origin": Origin.ADL})],
    "order_update_settlement": [
        (OrderFilled, {"last_qty": D("0.050"), "origin": Origin.SETTLEMENT})
    ],
    "order_update_trade_reduce_only_qty": [
        (
            OrderFilled,
            {"symbol": "ETHUSDT-PERP", "filled_qty": D("1.000"), "origin": Origin.EXTERNAL},
        )
    ],
    "order_update_new_reduce_only_qty": [(OrderAccepted, {})],
    "order_update_new_price_match": [(OrderAccepted, {})],
    "trade_lite": [],
}
SPOT: dict[str, list[tuple[type[Event], dict[str, Any]]]] = {
    "new": [(OrderAccepted, {"symbol": "ETHUSDT"})],
    "trade": [
        (
            OrderFilled,
            {
                "fee": D("0.0005"),
                "fee_asset": "ETH",
                "liquidity_side": LiquiditySide.MAKER,
                "realised_pnl": None,
                "filled_qty": D("0.5"),
            },
        )
    ],
    "trade_l_zero": [(OrderUnclear, {"client_order_id": "O-12345-test-trade-l-zero"})],
    "trade_l_zero_new": [],
    "canceled": [(OrderCanceled, {"filled_qty": D("0.1")})],
    "pending_cancel": [(OrderUnclear, {})],
    "expired": [(OrderExpired, {"filled_qty": D(0)})],
    "trade_prevention": [(OrderExpired, {})],
    "rejected": [(OrderRejected, {"message": "GTX_ORDER_REJECT"})],
    "calculated": [(OrderFilled, {"fee_asset": "USDT"})],
    "binance_us": [(OrderFilled, {"fee_asset": "USD", "symbol": "BTCUSD"})],
    "empty_client_id": [(OrderFilled, {"client_order_id": ""})],
}


@pytest.mark.parametrize("name", FUTURES)
def test_captured_futures_message_states_what_is_expected(data_dir: Path, name: str) -> None:
    message = _captured(data_dir, f"ws_futures_{name}")
    _check(list(user_events(message, Children(), NOW)), FUTURES[name])


@pytest.mark.parametrize("name", SPOT)
def test_captured_spot_message_states_what_is_expected(data_dir: Path, name: str) -> None:
    message = _captured(data_dir, f"ws_spot_execution_report_{name}")
    _check(list(spot_user_events(message, NOW)), SPOT[name])


def test_every_captured_account_message_can_be_read(data_dir: Path) -> None:
    folder = data_dir / "payloads/nautilus/ws_messages"
    for path in (*folder.glob("ws_futures_*_update*"), *folder.glob("ws_spot_execution*")):
        message = json.loads(path.read_text()).get("data")
        if message is not None:
            futures = path.name.startswith("ws_futures")
            events = (
                user_events(message, Children(), NOW) if futures else spot_user_events(message, NOW)
            )
            assert all(event.ts_init == NOW for event in events), path.name


def test_child_is_reported_under_its_parents_id_once_that_is_known(data_dir: Path) -> None:
    children = Children()
    parent = _captured(data_dir, "ws_futures_algo_update_triggered")
    list(user_events(parent, children, NOW))
    child = report(i=int(parent["o"]["ai"]), c="venue-made-up", s="DOGEUSDT")
    (fill,) = user_events({"e": "ORDER_TRADE_UPDATE", "T": 1, "o": child}, children, NOW)
    assert fill.client_order_id == parent["o"]["caid"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("missing", [{}, {"n": None, "N": None}, {"n": "0", "N": ""}])
def test_fill_without_commission_costs_nothing(missing: dict[str, Any]) -> None:
    o = {key: value for key, value in report().items() if key not in ("n", "N")} | missing
    (fill,) = executed(o)
    assert (fill.fee, fill.fee_asset) == (0, "USDT")


@pytest.mark.parametrize(
    ("happened", "state", "expected"),
    [
        ("NEW", "NEW", OrderAccepted),
        ("CANCELED", "CANCELED", OrderCanceled),
        ("EXPIRED", "EXPIRED", OrderExpired),
        ("EXPIRED", "EXPIRED_IN_MATCH", OrderExpired),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", OrderExpired),
        ("HIBERNATED", "NEW", OrderUnclear),
    ],
)
def test_report_states_what_happened(happened: str, state: str, expected: type[Event]) -> None:
    (event,) = executed(report(x=happened, X=state))
    assert type(event) is expected


@pytest.mark.parametrize(
    ("happened", "state"),
    [("AMENDMENT", "NEW"), ("TRADE_PREVENTION", "PARTIALLY_FILLED"), ("TRADE_PREVENTION", "NEW")],
)
def test_report_that_ends_nothing_states_nothing(happened: str, state: str) -> None:
    assert executed(report(x=happened, X=state)) == []


def test_fill_with_a_new_status_is_counted_and_the_order_asked_about() -> None:  # L6
    fill, unclear = executed(report(X="HALF_FILLED"))
    assert (type(fill), fill.trade_id) == (OrderFilled, "7")
    assert type(unclear) is OrderUnclear
    assert "HALF_FILLED" in unclear.message
    assert "HALF_FILLED" in unclear.raw


@pytest.mark.parametrize("state", ["NEW", "ACCEPTED"])
def test_conditional_order_that_rests_is_accepted(state: str) -> None:
    o = {"caid": "c-stop-1", "aid": 5, "s": "BTCUSDT", "X": state, "tp": "59000"}
    (accepted,) = user_events({"e": "ALGO_UPDATE", "T": 1, "o": o}, Children(), NOW)
    assert isinstance(accepted, OrderAccepted)
    assert (accepted.client_order_id, accepted.venue_order_id) == ("c-stop-1", "5")


def test_conditional_order_with_a_new_status_is_unclear_and_kept_raw() -> None:  # L6
    o = {"caid": "c-stop-1", "aid": 5, "s": "BTCUSDT", "X": "HIBERNATING", "tp": "59000"}
    (unclear,) = user_events({"e": "ALGO_UPDATE", "T": 1, "o": o}, Children(), NOW)
    assert isinstance(unclear, OrderUnclear)
    assert unclear.client_order_id == "c-stop-1"
    assert repr(o) == unclear.raw


@pytest.mark.parametrize(
    ("message", "symbol"),
    [
        ({"e": "ACCOUNT_CONFIG_UPDATE", "ac": {"s": "BTCUSDT", "l": 7}}, "BTCUSDT-PERP"),
        ({"e": "ACCOUNT_CONFIG_UPDATE", "ai": {"j": True}}, ACCOUNT),
        (
            {
                "e": "ACCOUNT_UPDATE",
                "a": {"m": "MARGIN_TYPE_CHANGE", "B": [], "P": [{"s": "BTCUSDT"}]},
            },
            "BTCUSDT-PERP",
        ),
    ],
)
def test_changed_margin_settings_are_told(message: dict[str, Any], symbol: str) -> None:  # L4
    (changed,) = user_events({"E": 2, "T": 1, **message}, Children(), NOW)
    assert isinstance(changed, MarginSettingsChanged)
    assert changed.symbol == symbol


@pytest.mark.parametrize("kind", sorted(IGNORED))
def test_futures_message_that_is_ignored_by_name_states_nothing(kind: str) -> None:
    assert list(user_events({"e": kind, "E": 1}, Children(), NOW)) == []


@pytest.mark.parametrize("kind", sorted(SPOT_IGNORED))
def test_spot_message_that_is_ignored_by_name_states_nothing(kind: str) -> None:
    assert list(spot_user_events({"e": kind, "E": 1}, NOW)) == []


@pytest.mark.parametrize("message", [{"e": "SOMETHING_NEW"}, {"E": 1}])
def test_message_of_an_unknown_kind_is_not_passed_over(message: dict[str, Any]) -> None:  # L6
    with pytest.raises(UnknownKind):
        list(user_events(message, Children(), NOW))
    with pytest.raises(UnknownKind):
        list(spot_user_events(message, NOW))


def test_spot_cancel_names_the_original_order() -> None:
    message = report(e="executionReport", x="CANCELED", X="CANCELED", c="the-cancel", C="ours")
    (event,) = spot_user_events(message, NOW)
    assert event.client_order_id == "ours"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("works", "expected"), [(False, OrderAccepted), (True, OrderTriggered)])
def test_spot_stop_that_begins_to_work_has_triggered(works: bool, expected: type[Event]) -> None:
    message = report(e="executionReport", o="STOP_LOSS", x="NEW", X="NEW", C="", w=works)
    (event,) = spot_user_events(message, NOW)
    assert type(event) is expected


def test_children_are_forgotten_oldest_first() -> None:
    children = Children()
    for number in range(CHILDREN_KEPT + 5):
        children.learn(str(number + 1), f"stop-{number}")
    assert not children.knows("5")
    assert children.knows("6")
    for nobody in ("", "0"):
        children.learn(nobody, "stop")
        assert not children.knows(nobody)


def test_funding_has_one_id_from_stream_and_from_income() -> None:
    hour = 1_746_374_400_000
    update = {
        "e": "ACCOUNT_UPDATE",
        "T": hour + 12,
        "a": {
            "m": "FUNDING_FEE",
            "S": "BTCUSDT",
            "B": [{"a": "USDT", "wb": "99.94", "cw": "99.94", "bc": "-0.06"}],
            "P": [],
        },
    }
    (paid,) = user_events(update, Children(), NOW)
    row = {
        "symbol": "BTCUSDT",
        "incomeType": "FUNDING_FEE",
        "income": "-0.06",
        "asset": "USDT",
        "time": hour,
    }
    (told,) = funding_of_income([row, {**row, "incomeType": "COMMISSION"}], NOW)
    assert isinstance(paid, FundingPaid)
    assert paid.id == told.id == f"funding:BTCUSDT-PERP:{hour}"
    assert paid.amount == D("-0.06")


def test_r6_insurance_fee_of_a_liquidation_is_told_with_its_symbol() -> None:
    update = {
        "e": "ACCOUNT_UPDATE",
        "T": NOW,
        "a": {
            "m": "INSURANCE_CLEAR",
            "B": [{"a": "USDT", "wb": "80", "cw": "80", "bc": "-1.25"}],
            "P": [{"s": "BTCUSDT", "pa": "0", "ps": "BOTH"}],
        },
    }

    (fee,) = user_events(update, Children(), NOW)

    assert isinstance(fee, FeeCharged)
    assert (fee.symbol, fee.amount, fee.asset) == ("BTCUSDT-PERP", D("1.25"), "USDT")
    assert fee.reason == "INSURANCE_CLEAR"


@pytest.mark.parametrize(
    ("client_id", "origin"),
    [
        (client_order_id(Purpose.STOP, "any"), Origin.OURS),
        ("autoclose-1", Origin.LIQUIDATION),
        ("adl_autoclose", Origin.ADL),
        ("settlement_autoclose-1", Origin.SETTLEMENT),
        ("web_1", Origin.EXTERNAL),
        ("my-autoclose-1", Origin.EXTERNAL),
        ("", Origin.EXTERNAL),
    ],
)
def test_r6_whose_order_it_was_is_told_by_its_id(client_id: str, origin: Origin) -> None:
    (fill,) = execution_events(report(), symbol="BTCUSDT-PERP", ours=client_id, ts=1, now=NOW)
    assert fill.origin is origin  # type: ignore[attr-defined]


def test_transfer_is_told_by_the_futures_wallet_alone() -> None:
    futures = {
        "e": "ACCOUNT_UPDATE",
        "T": NOW,
        "a": {
            "m": "ASSET_TRANSFER",
            "B": [{"a": "USDT", "wb": "60", "cw": "60", "bc": "-40"}],
            "P": [],
        },
    }
    spot = {"e": "balanceUpdate", "E": NOW, "a": "USDT", "d": "40", "T": NOW}

    (moved,) = user_events(futures, Children(), NOW)

    assert isinstance(moved, WalletTransferred)
    assert (moved.asset, moved.amount) == ("USDT", D(-40))
    assert not list(spot_user_events(spot, NOW)), "the books are those of the futures account"


def test_trades_are_told_oldest_first_with_what_was_filled_by_then(data_dir: Path) -> None:
    folder = data_dir / "payloads/nautilus/http_responses"
    rows = json.loads((folder / "http_futures_account_trades.json").read_text())
    trade = {**rows[0], "id": 10, "qty": "0.5"}
    second = {**trade, "id": 9, "qty": "0.25"}
    fills = list(fills_of_trades([trade, second], Market.USDM, "ours", NOW))
    assert [(fill.trade_id, fill.filled_qty) for fill in fills] == [
        ("9", D("0.25")),
        ("10", D("0.75")),
    ]


def test_position_and_its_settings_are_read_together(data_dir: Path) -> None:
    folder = data_dir / "payloads/nautilus/http_responses"
    row = json.loads((folder / "http_futures_account_positions_one_way.json").read_text())[0]
    setting = json.loads((folder / "http_futures_account_symbol_config.json").read_text())[0]
    held = held_position(row, setting)
    assert held.qty == D(row["positionAmt"])
    assert held.leverage == int(setting["leverage"])


def test_external_stop_without_all_fields_can_be_read() -> None:  # S8
    row = {"symbol": "BTCUSDT", "clientAlgoId": "by-hand", "algoId": 7, "side": "SELL"}
    resting = resting_conditional({**row, "quantity": None, "closePosition": True})
    assert (resting.qty, resting.trigger_px, resting.conditional) == (0, None, True)


def report(**changed: Any) -> dict[str, Any]:
    """Return a report of a whole fill, with `changed` fields."""
    whole = {
        "s": "BTCUSDT",
        "c": "ours",
        "S": "BUY",
        "o": "LIMIT",
        "x": "TRADE",
        "X": "FILLED",
        "i": 42,
        "l": "0.5",
        "L": "60000",
        "z": "0.5",
        "t": 7,
        "m": False,
        "T": 1,
        "w": True,
        "n": "15",
        "N": "USDT",
    }
    return whole | changed


def executed(o: dict[str, Any]) -> list[Any]:
    return list(execution_events(o, symbol="BTCUSDT-PERP", ours="ours", ts=1, now=NOW))


def _captured(data_dir: Path, name: str) -> dict[str, Any]:
    path = data_dir / f"payloads/nautilus/ws_messages/{name}.json"
    message: dict[str, Any] = json.loads(path.read_text())
    return message.get("data", message)


def _check(events: list[Event], expected: list[tuple[type[Event], dict[str, Any]]]) -> None:
    assert [type(event) for event in events] == [kind for kind, _ in expected]
    for event, (_, fields) in zip(events, expected, strict=True):
        assert {name: getattr(event, name) for name in fields} == fields
