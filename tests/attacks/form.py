"""How many inputs are tried: the short form of every test run, or as many times more as `SMSBOT_ATTACKS` says."""

from __future__ import annotations

import os
import random
from secrets import token_hex

TIMES = int(os.environ.get("SMSBOT_ATTACKS", "1"))
SEED = os.environ.get("SMSBOT_ATTACK_SEED") or ("smsbot" if TIMES == 1 else token_hex(4))


def chance(name: str) -> random.Random:
    """The random numbers of one test. With the same seed they are the same, whichever other tests run."""
    return random.Random(f"{SEED}:{name}")
