"""Many machines: one model trained by several processes, on MPI. Optional; nothing above needs it.

`python -m pip install mpi4py mpich`, and `mpiexec -n 2 python ...` starts two. Read in this order:

    processes.py         5 min  who there is, and how all end together
    collectives.py      10 min  the two pairs that all the rest is made of
    data_parallel.py    15 min  each process a part of the batch
"""

from minitransformer.parallel.collectives import (
    copy_to_all_backward, copy_to_all_forward, sum_over_all_backward, sum_over_all_forward)
from minitransformer.parallel.data_parallel import DataParallelTrainer
from minitransformer.parallel.processes import ending_together, mpi, world
