"""Takes the pictures of the agents' guide again: `./dev run python -m tools.agents_guide`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.agents_guide.opening import open_town
from tools.agents_guide.pictures import write_pictures
from tools.chromium import NoBrowser, open_chromium

_ONE_SHAPE = "--disable-font-subpixel-positioning"  # each letter has one shape everywhere, which compresses better


def main() -> int:
    try:
        with (
            TemporaryDirectory() as folder,
            open_chromium(_ONE_SHAPE) as browser,
            open_town(Path(folder)) as (town, url),
        ):
            for path in write_pictures(browser, town, url):
                print(f"{path.name:28} {path.stat().st_size / 1000:5.0f} kB", flush=True)
    except NoBrowser as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
