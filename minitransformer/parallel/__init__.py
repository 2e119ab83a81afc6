"""Many machines: one model trained by several processes, on MPI. Optional; nothing above needs it.

    mpiexec -n 2 python -m minitransformer train translator --parallel data

needs `python -m pip install mpi4py mpich`. Read in this order:

    processes.py         5 min  who there is, and how all end together
    collectives.py      10 min  the two pairs that all the rest is made of
    parallel_trainer.py  5 min  what all trainers on several processes share
    data_parallel.py    10 min  each process a part of the batch
    vocabulary.py       15 min  a table and a loss whose vocabulary is split
    split_layers.py     15 min  attention and feed-forward in parts
    split_blocks.py      5 min  blocks made of these
    split_ends.py        5 min  what stands before the blocks and behind them
    shards.py            5 min  which part of each array a process has
    split_models.py     15 min  the three models, in parts
    tensor_parallel.py   5 min  such a model as an object
    ring_shift.py        5 min  a pair: everyone's array to the next process
    ring_attention.py   15 min  attention when a sequence is in pieces
    mean_over_all.py     5 min  and its mean
    places.py           10 min  what a model must know of its piece: where it stands, its dropout
    sequence_parallel.py  10 min  the three models over sequences in pieces
    split_training.py    5 min  training such models, and those in parts
    command.py           5 min  `train TASK --parallel data|tensor|sequence`
    cost_model.py       10 min  what a step takes on N processes; counted.py counts what is sent
"""

from minitransformer.parallel.collectives import (
    copy_to_all_backward, copy_to_all_forward, sum_over_all_backward, sum_over_all_forward)
from minitransformer.parallel.data_parallel import DataParallelTrainer
from minitransformer.parallel.processes import ending_together, mpi, world
from minitransformer.parallel.ring_attention import (
    ring_attention_backward, ring_attention_forward)
from minitransformer.parallel.ring_shift import ring_shift_backward, ring_shift_forward
from minitransformer.parallel.sequence_parallel import SequenceParallel
from minitransformer.parallel.split_training import (
    SequenceParallelTrainer, TensorParallelTrainer)
from minitransformer.parallel.tensor_parallel import TensorParallel
