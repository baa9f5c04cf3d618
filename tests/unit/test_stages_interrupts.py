"""SIGINT and SIGTERM end a stage within five seconds, whatever its main thread is doing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.support.interrupts import WORDS

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 5.0
START = "from stages.support.interrupts import end_at_signals\nend_at_signals()\n"
READY = "print('ready', flush=True)\n"
# Every loop has an end of its own: a test that is killed leaves no process behind that never stops.
MINUTE = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end:"

BUSY = {
    "steps of Python": READY + MINUTE + " pass",
    "sleep": READY + "import time; time.sleep(60)",
    # A call that hears no signal until it is over, in a minute.
    "one long product": (
        "import torch; torch.set_num_threads(1); x = torch.ones(9000, 9000)\n" + READY + "x @ x"
    ),
    "other threads": (
        "from concurrent.futures import ThreadPoolExecutor\nimport time\n"
        "pool = ThreadPoolExecutor(2)\n"
        "work = [pool.submit(time.sleep, 60) for _ in range(2)]\n" + READY + "work[0].result()"
    ),
    "a loop that catches everything": (
        MINUTE + "\n    try:\n        " + READY + "        time.sleep(60)\n"
        "    except BaseException: pass"
    ),
    "an end that takes long": (
        "import time\ntry:\n    " + READY + "    time.sleep(60)\nfinally: time.sleep(60)"
    ),
}


def listens() -> None:
    """As at a terminal: what a shell starts in the background inherits that it ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(code: str, **environment: str) -> subprocess.Popen:  # type: ignore[type-arg]
    process = subprocess.Popen(
        [sys.executable, "-c", START + code], cwd=ROOT, env=os.environ | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listens,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    ("busy", "number"),
    [*((busy, signal.SIGINT) for busy in BUSY), ("one long product", signal.SIGTERM)],
)
def test_it_ends_in_time_and_says_so(busy: str, number: signal.Signals) -> None:
    process = started(BUSY[busy])
    start = time.monotonic()
    process.send_signal(number)
    _, printed = process.communicate(timeout=60)
    assert time.monotonic() - start < LIMIT
    assert process.returncode in (-number, 128 + number)
    assert WORDS in printed and "Traceback" not in printed


def test_a_second_signal_ends_it_at_once() -> None:
    process = started(BUSY["an end that takes long"])
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert time.monotonic() - start < 1.5


def test_what_is_to_be_ignored_stays_ignored() -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        + START
        + READY
        + "import time; time.sleep(1); print('finished')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert printed == "finished\n" and process.returncode == 0


def test_a_stage_ends_when_dvc_is_killed() -> None:
    """It went on by itself, and wrote beside the stage that the next `dvc repro` started."""
    child = f"{START}import os; print(os.getpid(), flush=True)\nimport time; time.sleep(60)"
    dvc = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])",
         sys.executable, "-c", child],
        cwd=ROOT, env=os.environ | {"DVC_STAGE": "encode_codes@probe0-english"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert dvc.stdout is not None and dvc.stderr is not None
    stage = int(dvc.stdout.readline())
    os.kill(stage, 0)
    dvc.kill()
    start = time.monotonic()
    printed = dvc.stderr.read()  # ends when the stage does, which holds the other end
    assert time.monotonic() - start < LIMIT
    assert WORDS in printed


def test_a_stage_by_hand_outlives_its_shell() -> None:
    """As with nohup: only what DVC started ends with it."""
    child = (
        f"{START}import os, time; print('ready', flush=True)\ntime.sleep(2)\n"
        "print('finished', flush=True)"
    )
    shell = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])",
         sys.executable, "-c", child],
        cwd=ROOT, env={k: v for k, v in os.environ.items() if k != "DVC_STAGE"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert shell.stdout is not None and shell.stdout.readline() == "ready\n"
    shell.kill()
    assert shell.stdout.read() == "finished\n"


def test_a_signal_to_a_forked_child_leaves_its_parent_alone() -> None:
    code = (
        "import os, signal, time\nchild = os.fork()\nif child == 0: time.sleep(60)\n"
        + "time.sleep(0.2); os.kill(child, signal.SIGTERM)\n"
        + "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM\n"
        + READY
        + "time.sleep(3); print('finished')"
    )
    process = started(code)
    printed, _ = process.communicate(timeout=60)
    assert printed == "finished\n" and process.returncode == 0


def test_a_stage_that_is_still_importing_ends_at_once() -> None:
    """It ended with a traceback out of the middle of an import, or seconds later."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "stages.report"], cwd=ROOT,
        stderr=subprocess.PIPE, text=True, preexec_fn=listens,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "hydra" in line:  # imports go on for long behind it
            break
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == -signal.SIGINT and time.monotonic() - start < LIMIT
    assert "Traceback" not in rest
