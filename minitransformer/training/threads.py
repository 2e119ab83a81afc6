"""The batches of a step on several threads, each with one thread of BLAS for itself.

BLAS shares a matrix product out over the cores, and all else of a step, the elementwise work, keeps
to one. Two threads with half of the batch each share out everything. NumPy lets go of Python's lock
while it computes, so they do run at once. Measured on two cores: the step M of the benchmarks takes
0.79 of its time this way (0.78 to 0.81), the small step S 1.05, as its arrays are too short.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor


@contextlib.contextmanager
def thread_map(threads):
    """A map(f, items), whose results come in order; f runs on so many threads at a time.

        with thread_map(2) as run:
            for result in run(f, items): ...

    No more than so many results are ahead of the one that is asked for. One thread is Python's own
    map, and leaves BLAS as it is. Raises ImportError, with what to install, when there are more
    and threadpoolctl is missing, which tells BLAS how many to use.
    """
    if threads == 1:
        yield map
        return
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise ImportError(f"{threads} threads need threadpoolctl, which keeps BLAS to one thread "
                          f"for each of them: python -m pip install threadpoolctl") from error

    def run(f, items):
        """As map: as many items at a time as there are threads, and their results in order."""
        items = list(items)
        for start in range(0, len(items), threads):
            yield from pool.map(f, items[start:start + threads])

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        yield run
