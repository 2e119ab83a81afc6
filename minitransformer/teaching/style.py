"""One look for every figure: white ground, colours that colour-blind readers can tell apart."""

import matplotlib.pyplot as plt

# The palette of Okabe and Ito 2008.
BLACK, ORANGE, SKY_BLUE, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE, PALE_GREEN = "#666666", "#F2F2F2", "#CDEBDF"

FORWARD, BACKWARD = BLUE, VERMILLION  # values flow in blue, gradients in vermillion


def use_style():
    """Set matplotlib's defaults for the lessons. Call it once, in a lesson's first cell.

    The title carries the conclusion and stands left; lines are labelled directly (label_line).
    """
    plt.rcParams.update({
        "figure.figsize": (7.0, 3.8), "figure.dpi": 110, "figure.facecolor": "white",
        "savefig.facecolor": "white", "savefig.dpi": 110, "font.size": 10.5,
        "axes.prop_cycle": plt.cycler(color=[BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY_BLUE,
                                             BLACK, YELLOW]),
        "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left",
        "axes.titlepad": 10, "axes.spines.top": False, "axes.spines.right": False,
        "axes.labelcolor": GREY, "axes.edgecolor": GREY, "xtick.color": GREY,
        "ytick.color": GREY, "axes.grid": False, "lines.linewidth": 1.8,
        "legend.frameon": False, "svg.hashsalt": "minitransformer",
    })


def label_line(line, text=None, *, at=-1, offset=(6, 0)):
    """Write a line's label beside one of its points, in its colour, instead of in a legend.

    at: the index of the point; offset: how far the text stands from it, in typographic points.
    """
    x, y = line.get_xdata()[at], line.get_ydata()[at]
    return line.axes.annotate(text or line.get_label(), (x, y), xytext=offset,
                              textcoords="offset points", color=line.get_color(), va="center")
