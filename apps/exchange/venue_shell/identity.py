"""What makes two starts of a venue the same venue: its code, its market, and its settings."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CODE = ("apps/exchange/**/*.py", "chimera/*.py")


def digest_build() -> str:
    """Return a digest of the code that a snapshot and a repetition depend on."""
    return _digest(path for pattern in CODE for path in sorted(ROOT.glob(pattern)))


def digest_files(paths: Sequence[Path]) -> str:
    """Return how many files they are, and a digest of where they lie and what they hold."""
    return f"{len(paths)} files ({_digest(paths)})"


def _digest(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:12]
