"""A server without a model, as a program: `serving.py FOLDER LIMITS`.

Prints its address when it is up.

LIMITS are fields of `Limits` as JSON.
"""

import json
import sys
from pathlib import Path

from halves import Halves

from soundsift.studio.app import make_app
from soundsift.studio.http_server import address, listen, serve
from soundsift.studio.limits import Limits
from soundsift.studio.server import Studio
from soundsift.studio.settings import Settings

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    usual = {"decoders": 1, "queue": 300, "reserve_bytes": 0, "seconds": 20.0}
    usual |= {"requests_per_second": 1e4, "burst": 10_000}
    limits = Limits(**usual | json.loads(sys.argv[2]))
    listener = listen("127.0.0.1", 0)
    studio = Studio(Settings(folder / "data", limits=limits), [Halves(folder, step=0.0)])
    serve(
        make_app(studio),
        studio.settings,
        listener,
        lambda: print(address(listener, "127.0.0.1"), flush=True),
    )
