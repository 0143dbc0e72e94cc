"""Settings: `base`, then `local` (embedded defaults) or `production` (everything from the environment)."""
