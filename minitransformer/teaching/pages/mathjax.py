"""One script that typesets a page's formulas without a network.

It is put together from what is on the machine already: the MathJax 3 that JupyterLab carries in its
own static files, as compiled modules, and MathJax's fonts, as data. A MathJax in one file, such as
tex-svg.js of the npm package mathjax@3, can be given instead.
"""

import base64
import importlib.util
import json
import re
from pathlib import Path

HERE = Path(__file__).parent
# How JupyterLab loads MathJax: [{mathjax:a},{CHTML:b},...]=await Promise.all([chunks and modules]);
LOADING = re.compile(r"\[(\{mathjax:\w+\}(?:,\{\w+:\w+\})*)\]=await Promise\.all\(\[(.*?)\]\);")
MODULE = re.compile(r"[{,](\d+)(?::(?:function)?)?\(([\w$,]*)\)(?:=>)?\{")  # 12(a,b){  12:(a)=>{
WANTED = ("mathjax", "CHTML", "TeX", "TeXFont", "AllPackages", "HTMLHandler", "browserAdaptor",
          "AssistiveMmlHandler")
INSTEAD = ("give one with --mathjax FILE (npm install mathjax@3 puts one into "
           "node_modules/mathjax/es5/tex-svg.js)")


def mathjax_script(file=None, *, static=None):
    """The text of a script that typesets the page it stands in.

    file: a MathJax 3 in one file. Without it, JupyterLab's, from its folder static.
    Raises FileNotFoundError or ValueError, with what to do, where there is none.
    """
    if file is not None:
        if not Path(file).is_file():
            raise FileNotFoundError(f"there is no file {file} to take MathJax from")
        text = Path(file).read_text(encoding="utf-8")
        if "MathJax" not in text or "inlineMath" not in text:
            raise ValueError(f"{file} is not a MathJax 3 that reads TeX: give es5/tex-svg.js or "
                             "es5/tex-chtml.js of the npm package mathjax@3")
        return _shipped("mathjax_one_file.js") + text
    static = static or _jupyterlab_static()
    names, chunks = _jupyterlab_modules(static)
    return "".join([
        "/* MathJax 3 (The MathJax Consortium, Apache License 2.0), as JupyterLab carries it. */\n",
        "(() => {\nconst holder = {};\n",
        *(f"(function (self) {{\n{chunk}\n}})(holder);\n" for chunk in chunks),
        f"const names = {json.dumps(names)};\n",
        f"const fonts = {json.dumps(_fonts(static))};\n",
        _shipped("mathjax_modules.js"), "})();\n"])


def _jupyterlab_static():
    spec = importlib.util.find_spec("jupyterlab")
    if spec is None or not spec.origin:
        raise FileNotFoundError("there is no JupyterLab, whose MathJax the pages use: "
                                f"python -m pip install jupyter, or {INSTEAD}")
    return Path(spec.origin).parent / "static"


def _jupyterlab_modules(static):
    """({name: id of the module that exports it}, texts of the files that hold these modules)."""
    for path in sorted(Path(static).glob("*.js"), key=lambda path: -path.stat().st_size):
        if found := LOADING.search(path.read_text(encoding="utf-8")):
            break
    else:
        raise ValueError(f"the JupyterLab in {static} has no MathJax 3: {INSTEAD}")
    names = re.findall(r"\{(\w+):", found[1])
    modules = re.findall(r"bind\(\w+,(\d+)", found[2])
    ids = dict(zip(names, modules))
    chunks = [path.read_text(encoding="utf-8")
              for chunk in dict.fromkeys(re.findall(r"\.e\((\d+)\)", found[2]))
              for path in Path(static).glob(f"{chunk}.*.js")]
    if len(names) != len(modules) or not set(WANTED) <= ids.keys() or _missing(ids, chunks):
        raise ValueError(f"the JupyterLab in {static} keeps its MathJax in another way than those "
                         f"that are known here: {INSTEAD}")
    return {name: ids[name] for name in WANTED}, chunks


def _missing(ids, chunks):
    """The modules that are needed for ids, by way of others too, and are in none of the chunks."""
    needs = {}
    for chunk in chunks:
        starts = list(MODULE.finditer(chunk))
        for start, end in zip(starts, [*(s.start() for s in starts[1:]), len(chunk)]):
            require = start[2].split(",")[2:3]
            needs[start[1]] = re.findall(rf"\b{re.escape(require[0])}\((\d+)\)",
                                         chunk[start.end():end]) if require else []
    seen, todo = set(), list(ids.values())
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += needs.get(module, [])
    return seen - needs.keys()


def _fonts(static):
    """{name of a MathJax font: the font as a data: address}."""
    from fontTools.ttLib import TTFont  # matplotlib needs it, and brings it

    fonts = {}
    for path in sorted(Path(static).glob("*.woff")):
        with TTFont(path, lazy=True) as font:
            name = font["name"].getDebugName(6)
        if name.startswith("MathJax_"):
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            fonts[name] = f"data:font/woff;base64,{data}"
    return fonts


def _shipped(name):
    return (HERE / name).read_text(encoding="utf-8")
