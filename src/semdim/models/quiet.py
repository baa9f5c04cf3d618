"""Silence for other libraries: bars where there is no terminal, reports that are checked."""

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_bars() -> Iterator[None]:
    """No bars of transformers inside the block, unless standard error is a terminal."""
    if sys.stderr.isatty():
        yield
        return
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging

    was_on, bar = logging.is_progress_bar_enabled(), gguf_reader.tqdm
    logging.disable_progress_bar()
    gguf_reader.tqdm = functools.partial(bar, disable=True)  # type: ignore[assignment]
    try:
        yield
    finally:
        gguf_reader.tqdm = bar
        if was_on:
            logging.enable_progress_bar()


@contextmanager
def quiet_reports() -> Iterator[None]:
    """No warnings of transformers inside the block: what it reports is checked, not printed."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
