"""A clock that is wrong; read by Python itself at its start. FAULT_CLOCK: seconds that it is ahead, below 0 behind.

The project's own modules get another datetime; compiled modules of others need the right one.
"""

import builtins
import datetime
import os
import time
import types
from pathlib import Path

ahead = float(os.environ.get("FAULT_CLOCK", "0"))
PROJECT = str(Path(__file__).resolve().parents[2])


class Wrong(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=ahead)


wrong = types.ModuleType("datetime")
vars(wrong).update(vars(datetime), datetime=Wrong)


def imported(name, globals=None, locals=None, fromlist=(), level=0, real=builtins.__import__):
    file = str((globals or {}).get("__file__") or "")
    ours = name == "datetime" and file.startswith(PROJECT) and "-packages" not in file
    return wrong if ours else real(name, globals, locals, fromlist, level)


if ahead:
    builtins.__import__ = imported
    time.time = lambda real=time.time: real() + ahead
