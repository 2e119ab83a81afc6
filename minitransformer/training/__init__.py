"""Training: optimizers, learning rates, checkpoints, and the loop that joins them.

Read in this order: optimizer, schedule, checkpoint, trainer; threads, progress, log, interrupt
and watch serve it.
"""

from minitransformer.training.checkpoint import (
    CheckpointError,
    expect_same_settings,
    load_arrays,
    save_arrays,
    take_tree,
)
from minitransformer.training.log import LogRow, plot_losses, read_log
from minitransformer.training.optimizer import SGD, AdamW, clip_by_global_norm
from minitransformer.training.schedule import constant, inverse_square_root, linear_decay
from minitransformer.training.trainer import NonFiniteError, Trainer
