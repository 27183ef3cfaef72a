"""A process for the launcher's tests, without JAX: `member.py ACTION FOLDER`.

Leaves FOLDER/ATTEMPT-INDEX.json behind, with its process number and what it was given.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

FOLDER = pathlib.Path(sys.argv[2])
INDEX = int(os.environ["GAN_JAX_PROCESS_ID"])
COUNT = int(os.environ["GAN_JAX_NUM_PROCESSES"])
ATTEMPT = len(list(FOLDER.glob(f"*-{INDEX}.json")))
NAMES = ("GAN_JAX_COORDINATOR", "GAN_JAX_LOCAL_DEVICES", "JAX_NUM_CPU_DEVICES")


def announce(**more):
    given = {name: os.environ.get(name) for name in NAMES}
    content = {"pid": os.getpid(), "session": os.getsid(0), **given, **more}
    temporary = FOLDER / f"{ATTEMPT}-{INDEX}.tmp"
    temporary.write_text(json.dumps(content))
    temporary.rename(temporary.with_suffix(".json"))


def wait_for_all():
    while len(list(FOLDER.glob(f"{ATTEMPT}-*.json"))) < COUNT:
        time.sleep(0.01)


def hang():
    """As a process in a collective whose peer is gone: deaf to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    announce()
    time.sleep(600)


def save_at_sigterm():
    """As a training run: saves, and ends well."""

    def save(number, frame):
        (FOLDER / f"saved-{INDEX}").touch()
        sys.exit(0)

    signal.signal(signal.SIGTERM, save)
    announce()
    print("ready", flush=True)
    time.sleep(600)


def die(first_attempts, how):
    if first_attempts <= ATTEMPT:
        announce()
        return
    if INDEX != 1:
        hang()
    announce()
    wait_for_all()
    how()


def raise_error():
    raise RuntimeError("this member is broken")


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def leave_a_child():
    child = subprocess.Popen(["sleep", "600"])
    announce(child=child.pid)
    if INDEX == 1:
        time.sleep(600 if ATTEMPT == 0 and "fail" in sys.argv else 0)


def talk():
    announce()
    print(f"one\ntwo from {INDEX}")
    print("an error line", file=sys.stderr)
    sys.stdout.write("\nno end")


ACTIONS = {
    "succeed": announce,
    "hang": hang,
    "save": save_at_sigterm,
    "killed-once": lambda: die(1, kill_self),
    "killed-always": lambda: die(99, kill_self),
    "raises-once": lambda: die(1, raise_error),
    "wrong": lambda: die(99, lambda: sys.exit(2)),
    "child": leave_a_child,
    "talk": talk,
}
ACTIONS[sys.argv[1]]()
