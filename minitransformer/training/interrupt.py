"""Ctrl-C at the right moment."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def interrupts_held():
    """A Ctrl-C inside the block takes effect when the block has ended.

    An optimizer changes one array after another: stopped in between, the parameters would belong
    to no step. Python hands Ctrl-C to the main thread alone, so elsewhere nothing is to be held.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    arrived = []
    signal.signal(signal.SIGINT, lambda *signal_and_frame: arrived.append(signal_and_frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if arrived:
        handler(*arrived[0])
