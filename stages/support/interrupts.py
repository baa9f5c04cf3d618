"""Ctrl-C and SIGTERM end a stage within seconds, whatever it is doing; what it finished is kept.

Python answers a signal between two steps of its main thread, which may be minutes away: in a
product of large matrices, in the loading of weights, or where it waits for other threads. So a
thread of its own, woken by the signal itself, gives the main thread a moment to end in order, and
then ends the process. Nothing is lost by that: every file appears whole or not at all, and the next
run removes what is unfinished.

A stage that DVC started also ends when DVC does, however that is: left alone, it would go on
writing beside the stage that the next `dvc repro` starts.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Mapping
from types import FrameType, TracebackType

from stages import PARENT

#: Seconds that the main thread has to end in order.
GRACE = 2.0
#: Seconds between two looks at whether DVC is still there.
LOOK = 0.5
SIGNALS = (signal.SIGINT, signal.SIGTERM)
WORDS = (
    "interrupted: finished work is kept, and so are the shards of unfinished work; the same "
    "command continues from there."
)
_received: list[int] = []


def end_at_signals(environment: Mapping[str, str] = os.environ) -> None:
    """From now on SIGINT and SIGTERM end this process within a few seconds, with one sentence.

    A signal that the process was started to ignore, as by nohup, stays ignored. Called in a thread
    other than the main one it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, _interrupt)
    sys.excepthook = _told
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_forget)
    by_dvc = "DVC_STAGE" in environment
    threading.Thread(target=_watch, args=(woken, by_dvc), daemon=True).start()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Unwind the main thread; a second signal does not wait for that."""
    if _received:
        _end(number)
    _received.append(number)
    raise KeyboardInterrupt


def _watch(woken: int, by_dvc: bool) -> None:
    """In the thread: end the process soon after a signal, or when its parent has gone."""
    while True:
        ready, _, _ = select.select([woken], [], [], LOOK if by_dvc else None)
        numbers = [number for number in (os.read(woken, 64) if ready else b"") if number in SIGNALS]
        if numbers:
            time.sleep(GRACE)
            _end(numbers[0])
        if by_dvc and os.getppid() != PARENT:
            by_dvc = False
            os.kill(os.getpid(), signal.SIGTERM)


def _told(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """In place of a traceback of the interrupt, the sentence."""
    if issubclass(kind, KeyboardInterrupt):
        _end(_received[0] if _received else signal.SIGINT)
    sys.__excepthook__(kind, error, traceback)


def _end(number: int) -> None:
    """End the process; from the main thread by the signal itself, so that a shell sees why."""
    teller = threading.Thread(target=_tell, daemon=True)
    teller.start()
    teller.join(LOOK)  # it hangs where nobody reads what is written
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(128 + number)


def _tell() -> None:
    sys.stdout.flush()
    print(f"\n{WORDS}", file=sys.stderr, flush=True)


def _forget() -> None:
    """In a forked child: signals do what they do by default, and wake nobody in the parent."""
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_DFL)
