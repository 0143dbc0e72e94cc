"""What we hold and what it earned: `ledger` is the arithmetic, `service` folds events into it."""
