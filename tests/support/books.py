"""Compares what we recorded with what the venue says, to the last unit."""

from decimal import Decimal

from apps.health.selectors.protection import positions_newest
from chimera.events import ACCOUNT
from chimera.store import Store
from tests.support.venue_account import VenueAccount

LAST_UNIT = Decimal("0.00000001")


def differences(store: Store, venue: VenueAccount) -> list[str]:
    """Return where wallet, quantities or unrealised PnL differ; empty when the books are equal."""
    found = []
    held = venue.positions()
    wallet = venue.wallet_usdt()
    ours = {p.symbol.removesuffix("-PERP"): p for p in positions_newest(store) if p.qty}
    recorded = recorded_wallet(store)
    if recorded != wallet:
        found.append(f"our wallet is {recorded}, the venue's {wallet}")
    for symbol in sorted({*ours, *held}):
        row, position = held.get(symbol), ours.get(symbol)
        if row is None or position is None or Decimal(row["positionAmt"]) != position.qty:
            found.append(f"{symbol}: we hold {position}, the venue says {row}")
            continue
        unrealised = (Decimal(row["markPrice"]) - position.entry_px) * position.qty
        if abs(unrealised - Decimal(row["unRealizedProfit"])) > LAST_UNIT:
            found.append(f"{symbol}: unrealised {unrealised}, the venue says {row}")
    return found


def recorded_wallet(store: Store) -> Decimal | None:
    equity = store.query(
        "positions_snapshots",
        equal={"symbol": ACCOUNT, "type": "account.equity.v1"},
        order="desc",
        limit=20,
    ).documents
    if not equity:
        return None
    newest = max(equity, key=lambda document: (document.body["ts_init"], document.body["ts_event"]))
    return Decimal(newest.body["wallet_usdt"])
