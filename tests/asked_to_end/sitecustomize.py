"""`python -m explore` that is asked to end at chosen moments after its address is told; read by Python at its start.

ASKED_AT   the moments, as "0,40,41": a signal at the N-th call of a function, from 0, after the line with the address;
           "last": when modules are taken down, Python's own handlers being gone.
ASKED_BY   the number of the signal.
"""

import builtins
import os
import sys

moments = os.environ.get("ASKED_AT", "").split(",")
number = int(os.environ.get("ASKED_BY", "2"))
calls = {int(each) for each in moments if each.isdigit()}
passed = -1


class Last:
    """What is taken down with the modules."""

    def __init__(self):
        self.kill, self.asked = os.kill, (os.getpid(), number)  # names of modules are gone by then

    def __del__(self):
        self.kill(*self.asked)


def step():
    global passed
    passed += 1
    if passed in calls:
        os.kill(os.getpid(), number)
    if passed >= max(calls, default=0):
        sys.setprofile(None)


def called(_frame, event, _argument):
    if event in ("call", "c_call"):
        step()


def told(*texts, real=print, **keywords):
    real(*texts, **keywords)
    if any("http://127.0.0.1:" in str(text) for text in texts):
        builtins.print = real
        sys.setprofile(called)
        step()


if moments != [""] and "explore" in sys.orig_argv:
    builtins.print = told
    if "last" in moments:
        sys.modules["last"] = Last()
