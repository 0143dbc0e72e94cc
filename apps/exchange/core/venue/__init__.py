"""The paper venue: a local exchange with Binance's rules. `exchange.Venue` is its door."""
