"""What the lessons use: exercises, the bug museum, source beside the text, figures, notebooks.

Read in this order: source, diagnosis, judge, exercise, museum, style, diagrams, figures, ladder,
notebooks. Nothing outside this folder imports it, except the command line.
"""
