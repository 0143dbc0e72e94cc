"""``python -m chimera.demo``. A Ctrl-C that comes while the program is still read ends it quietly."""

import sys

INTERRUPTED = 130

if __name__ == "__main__":
    try:
        from chimera.demo.command import main

        status = main()
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.exit(status)
