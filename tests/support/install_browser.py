"""Makes sure there is a Chromium for the browser tests, or says plainly that there is none.

1. One on PATH is used. 2. As root on Debian, apt installs it. 3. Else Playwright downloads its own.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    if os.environ.get("CHIMERA_CHROMIUM") or any(map(shutil.which, NAMES)):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium for the browser tests...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update"], check=False, **quiet)
        subprocess.run(["apt-get", "install", "-y", "chromium"], check=False, **quiet)
        if shutil.which("chromium"):
            return
    done = subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"],
        check=False,
        capture_output=True,
    )
    if done.returncode:
        print("No Chromium can be had here: the browser tests will be left out.", flush=True)


if __name__ == "__main__":
    main()
