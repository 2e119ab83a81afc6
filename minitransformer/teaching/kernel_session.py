"""A notebook's kernel that is given one piece of code at a time, and survives what it does.

A piece that takes too long is interrupted. Where that does not help, or where a piece ends the
kernel, a new kernel is started, and all earlier pieces are run again without that one.
"""

import subprocess
import time
from queue import Empty

GRACE_SECONDS, START_SECONDS = 5, 120
MOST_RESTARTS = 5
ENDS = "it ends the kernel"


class Session:
    """One kernel in a folder. Use it as `with Session(folder, seconds=120) as session:`.

    seconds: the limit for one piece of code. Raises RuntimeError when no kernel starts, ImportError
    when Jupyter is missing.
    """

    def __init__(self, folder, *, seconds):
        self.folder, self.seconds = folder, seconds
        self.done = []         # the pieces that came to an end, also those that ended in an error
        self.restarts = 0
        self.manager = self.client = None

    def __enter__(self):
        self._start()
        return self

    def __exit__(self, *_):
        self._stop()

    def run(self, code, *, remember=True):
        """Run a piece. Returns what stopped it, in words, or None.

        remember=False: the piece leaves nothing behind, and need not be run again in a new kernel.
        """
        if self.client is None:
            return "the cells before it have ended the kernel too often"
        words, lost = self._execute(code)
        if lost:
            self._start_again()
        elif remember:
            self.done.append(code)
        return words

    def _execute(self, code):
        """(words or None, whether the piece and perhaps the kernel are lost)."""
        message = self.client.execute(code, allow_stdin=False, stop_on_error=False)
        reply = self._reply(message, self.seconds)
        if reply is not None:
            content = reply["content"]
            if any(part.get("source") == "ask_exit" for part in content.get("payload", ())):
                return ENDS, True  # exit() answers before it ends the kernel
            if content["status"] == "ok":
                return None, False
            return f"{content.get('ename', 'error')}: {content.get('evalue', '')}", False
        if not self.manager.is_alive():
            return ENDS, True
        words = f"it does not come to an end within {self.seconds:g} s"
        self.manager.interrupt_kernel()
        return words, self._reply(message, GRACE_SECONDS) is None

    def _reply(self, message, seconds):
        """The reply to a message; None when it has not come in time, or the kernel is dead."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                reply = self.client.get_shell_msg(timeout=0.2)
                if reply["parent_header"].get("msg_id") == message:
                    return reply
            except Empty:
                if not self.manager.is_alive():
                    return None
            self._drop_output()
        return None

    def _drop_output(self):
        try:
            for _ in range(1000):
                self.client.get_iopub_msg(timeout=0)
        except Empty:
            pass

    def _start(self):
        try:
            from jupyter_client.manager import start_new_kernel
        except ImportError:
            raise ImportError("jupyter_client is missing; it comes with Jupyter: "
                              "python -m pip install jupyter") from None
        self.manager, self.client = start_new_kernel(
            START_SECONDS, "python3", cwd=str(self.folder), extra_arguments=["--log-level=ERROR"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _stop(self):
        if self.client is not None:
            self.client.stop_channels()
            self.manager.shutdown_kernel(now=True)
        self.manager = self.client = None

    def _start_again(self):
        """A new kernel, brought to where the old one was. Without one after the last restart."""
        pieces, self.done = self.done, []
        while pieces is not None:
            self._stop()
            self.restarts += 1
            if self.restarts > MOST_RESTARTS:
                return
            self._start()
            pieces = self._repeat(pieces)

    def _repeat(self, pieces):
        """Run the pieces. None, or when one is lost this time, all but that one."""
        for i, piece in enumerate(pieces):
            if self._execute(piece)[1]:
                return pieces[:i] + pieces[i + 1:]
        self.done = pieces
        return None
