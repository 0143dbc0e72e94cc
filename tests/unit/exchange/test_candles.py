"""Minutes in columns: what they add up to is what adding candle by candle gives."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from apps.exchange.core.venue.candles import ROOM, Candle, Minutes
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.core.venue.tape import Tape
from chimera.clock import DAY, HOUR, MINUTE
from chimera.instruments import Market
from tests.support.venue import BTC, T0

Moves = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 1_000), st.integers(0, 9), st.booleans()),
    min_size=1,
    max_size=60,
)


def minute(number: int, price: float = 100.0) -> Candle:
    return Candle(number * MINUTE, price, price + 1, price - 1, price, 2.0, 200.0, 3, 1.0, 100.0)


def test_oldest_minutes_go_and_the_newest_stay() -> None:
    minutes = Minutes(kept=10)
    for number in range(10 + ROOM):
        minutes.append(minute(number))
    assert len(minutes) == 10 + ROOM

    minutes.append(minute(10 + ROOM))

    assert len(minutes) == 10
    assert minutes.open_time(9) == (10 + ROOM) * MINUTE


def test_history_is_put_before_what_is_there_and_within_bounds() -> None:
    minutes = Minutes(kept=10)
    minutes.append(minute(100))
    minutes.prepend(minute(number) for number in range(90, 105))

    assert [minutes.open_time(i) // MINUTE for i in range(len(minutes))] == list(range(91, 101))


@given(Moves)
def test_candles_of_any_width_are_the_sum_of_their_moves(
    moves: list[tuple[int, int, int, bool]],
) -> None:
    tape = Tape(list_symbols(Market.USDM, [BTC])[BTC])
    sums: dict[int, Candle] = {}
    ts = T0 - T0 % HOUR
    for minutes, price, volume, bought in moves:
        ts += minutes * MINUTE
        tape.move(ts, float(price), float(volume), bought=bought)
        opened = ts - ts % HOUR
        first = sums.setdefault(opened, Candle(opened, price, price, price, price))
        first.add(float(price), float(volume), bought=bought)

    tape = pickle.loads(pickle.dumps(tape))
    hours = tape.klines("1h", limit=1_000)

    traded = {bar.open_time: bar for bar in hours if bar.trades}
    assert set(traded) == set(sums)
    for opened, total in sums.items():
        bar = traded[opened]
        assert (bar.close, bar.volume) == (total.close, total.volume)
        assert (bar.quote_volume, bar.taker_base) == (total.quote_volume, total.taker_base)
        assert (bar.high >= total.high, bar.low <= total.low) == (True, True)
    assert [bar.open_time for bar in hours] == list(range(hours[0].open_time, ts + 1, HOUR))
    assert tape.klines("1h", start=hours[0].open_time, limit=2) == hours[:2]
    assert tape.klines("1h", start=0, end=hours[0].open_time) == hours[:1]
    day = [m for m in tape.klines("1m", limit=10**6) if m.open_time > ts - DAY]
    assert tape.ticker(ts).volume == sum(m.volume for m in day)
