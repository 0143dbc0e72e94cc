"""The outside world as the exchange service sees it."""
