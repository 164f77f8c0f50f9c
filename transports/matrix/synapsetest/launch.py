"""Runs a Synapse that ends when its standard input does.

So it ends with the process that started it, however that comes about.
"""

import os
import signal
import threading
import time


def follow() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    os._exit(1)


threading.Thread(target=follow, daemon=True).start()

from synapse.app.homeserver import main  # noqa: E402  (importing takes a second or two)

main()
