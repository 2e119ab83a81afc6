"""A project of two small lessons, of which the tests make pages."""

import pytest

nbformat = pytest.importorskip("nbformat")

PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAAEUlEQVR4nGP8z8Dwn4GBgQEADQECAFGfAv8AAAAA"
       "SUVORK5CYII=")
FIRST = r"""# 01 The first: a $\sqrt D$ & more

The opening, with $x < y$ and [a link](02_second.ipynb).

**Time:** 20 minutes, half of them for fun.
**You need:** nothing.

## Same name
See [the second](02_second.ipynb#Same-name), [its source](../minitransformer/functional/linear.py),
[the results](results/numbers.json), [home](../README.md#Start), [here](#Same-name),
[elsewhere](https://example.org/a.ipynb) and `minitransformer/functional/linear.py`.
Lessons 01, 02 and 77, but not `lesson 02`. ![A picture](../figures/drawn.png)

## Same name
$$\boxed{y = x w} \tag{multi\_head.out}$$
"""
SECOND = "# 02 The second\n\nIt goes on.\n\n## Same name\nAs lesson 01 says.\n"
LINEAR = ('"""The linear pair `y`."""\n\n\n'
          'def linear_forward(x):\n    return x < 2  # [multi_head.out]\n')
SHOWN = "`minitransformer/functional/linear.py, line 4`\n\n```python\ndef linear_forward(x):\n```"
DRAWN = '<div id="answers"><script>const a = 1 < 2 && "$x$";</script></div>'


def notebook(text, *cells, built=True):
    """A notebook of Markdown, and of code cells given as (source, output's data)."""
    nb = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell(text),
        *(nbformat.v4.new_code_cell(source, outputs=[
            nbformat.v4.new_output("display_data", data=data)]) for source, data in cells)])
    nb.metadata.update({"environment": {"python": "3.11"}} if built else {})
    return nbformat.writes(nb)


def write_project(root):
    """Two lessons, one of which draws, shows source and holds a script, and what they link to."""
    pictures = {"image/png": PNG, "text/plain": "<Figure>"}
    files = {
        "lessons/01_first.ipynb": notebook(
            FIRST, ("ax.set_title(f'It falls by {n:.1f}')", pictures),
            ("show_source(linear_forward)", {"text/markdown": SHOWN, "text/plain": "..."}),
            ("explore(weights)", {"text/html": DRAWN, "text/plain": "Explorer()"})),
        "lessons/02_second.ipynb": notebook(SECOND),
        "lessons/results/numbers.json": "{}\n",
        "lessons/README.zh.md": "# 课程\n\n[二](02_second.ipynb)\n",
        "minitransformer/functional/linear.py": LINEAR,
        "minitransformer/teaching/answers.py": "SOLUTION = 42\n",
        "README.md": "# Home\n\n## Start\n\n[All lessons](lessons)\n",
        "figures/drawn.png": "not looked at",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
