"""What the exchange service knows without touching the world."""
