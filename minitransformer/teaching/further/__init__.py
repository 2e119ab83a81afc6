"""One further exercise a lesson, "0.F" to "10.F", without a published solution: for courses.

Their tasks stand in lessons/LECTURERS.md; check("4.F", answer) works in any notebook. Nothing here
holds a solution: what is right is measured, from the forward or from what must be true of it.
"""

from minitransformer.teaching.further.arrays import ARRAYS
from minitransformer.teaching.further.layers import LAYERS
from minitransformer.teaching.further.procedures import PROCEDURES
from minitransformer.teaching.further.task import Further

__all__ = ["Further", "further_items"]


def further_items():
    """{id: exercise}, in the order of the lessons."""
    items = (*ARRAYS, *LAYERS, *PROCEDURES)
    return {item.id: item for item in sorted(items, key=lambda item: int(item.id.split(".")[0]))}
