"""All pages together: collected in memory, checked, and then written into one folder."""

import tempfile
import time
from pathlib import Path, PurePosixPath

from minitransformer.teaching import notebooks
from minitransformer.teaching.pages.document import lesson_document, markdown_document
from minitransformer.teaching.pages.links import PICTURES, Links, broken_links, href, page_of
from minitransformer.teaching.pages.listing import listing, summary
from minitransformer.teaching.pages.mathjax import mathjax_script

HERE = Path(__file__).parent
MARK = "made-by-minitransformer.txt"  # lists what an export wrote, so that the next can replace it
SOURCE = "minitransformer/index.html"


def export_pages(folder, *, lessons=notebooks.LESSONS, mathjax=None):
    """Write all lessons as pages into a folder. Returns the problems, such as links to nothing.

    An earlier export in the folder is replaced; a folder that holds anything else is refused with
    FileExistsError, a place that cannot be written with OSError, both before any work. mathjax: a
    MathJax 3 in one file, to use instead of JupyterLab's. Raises ValueError for a lesson that was
    never built.
    """
    start, folder = time.monotonic(), Path(folder)
    old = _own_files(folder)
    _expect_writable(folder)
    paths = notebooks._paths((), lessons)
    if not paths:
        raise FileNotFoundError(f"there are no lessons in {lessons}")
    script = mathjax_script(mathjax)
    site = Site(Path(lessons).resolve().parent, [path.resolve() for path in paths])
    files = {**site.render(), "assets/mathjax.js": script,
             **{f"assets/{name}": _shipped(name) for name in ("pages.css", "pages.js")}}
    problems = site.links.problems + broken_links(files)
    _write(folder, files, old)
    size = sum(len(data) if isinstance(data, bytes) else len(data.encode("utf-8"))
               for data in files.values())
    print(f"{notebooks.counted(paths)}, {len(files)} files, {size / 1e6:.1f} MB in "
          f"{time.monotonic() - start:.0f} s: open {folder / 'index.html'}")
    return problems


class Site:
    """What the pages are made of, until they are rendered."""

    def __init__(self, project, lessons):
        self.project, self.lessons = project, lessons
        self.links = Links(project, lessons)
        self.documents, self.listings, self.pictures = [], [], []

    def render(self):
        """{path in the export: text or bytes} of all pages."""
        for path in self.lessons:
            notebooks._live(f"{path.stem}: page")
            self._add(lesson_document(path))
        for path in sorted(self.lessons[0].parent.glob("*.md")):
            self._add(markdown_document(path))
        for path in self._package():
            self.links.wanted.setdefault(path, [])
        while self._follow():
            pass
        notebooks._live("")
        return self._framed()

    def _package(self):
        """The package's source, except for what teaches: that is shown where a lesson shows it."""
        package = self.project / "minitransformer"
        return [path for path in sorted(package.rglob("*.py"))
                if "teaching" not in path.relative_to(package).parts]

    def _add(self, document):
        self.links.rewrite(document)
        self.documents.append(document)

    def _follow(self):
        """Take in the files that links lead to. Returns whether there were new ones."""
        have = {*(d.path for d in self.documents), *self.listings, *self.pictures}
        new = [path for path in self.links.wanted if path not in have]
        for path in new:
            if path.suffix == ".md":
                self._add(markdown_document(path))
            elif path.suffix in PICTURES:
                self.pictures.append(path)
            elif path.suffix != ".ipynb":
                self.listings.append(path)
        return any(path.suffix != ".ipynb" for path in new)

    def page(self, path):
        return page_of(path, self.project)

    def _framed(self):
        files = {self.page(path): path.read_bytes() for path in self.pictures}
        results = {name: (self.page(document.path), place) for document in self.documents
                   for name, place in document.tags.items()}
        for document in self.documents:
            page = self.page(document.path)
            files[page] = self._frame(page, document.title, str(document.body), document=document)
        for path in self.listings:
            page = self.page(path)
            addresses = {name: href(target, page, place)
                         for name, (target, place) in results.items()}
            name = path.relative_to(self.project).as_posix()
            files[page] = self._frame(page, name, self._template("listing.html.j2").render(
                name=name, code=listing(path, results=addresses), shown_in=self._shown_in(path)))
        files[SOURCE] = self._frame(SOURCE, "The source", self._template("source.html.j2").render(
            folders=self._folders()))
        files["index.html"] = self._frame(
            "index.html", "The lessons", self._template("index.html.j2").render(
                lessons=self._entries("index.html"), source=SOURCE,
                others=[(d.title, href(self.page(d.path), "index.html")) for d in self.documents
                        if d.path not in self.lessons]), math=True)
        return files

    def _shown_in(self, path):
        """(title, address) of each lesson that links to a file, as seen from its listing."""
        pages = self.links.wanted[path]
        return [(entry["title"], entry["href"]) for entry in self._entries(self.page(path))
                if entry["page"] in pages]

    def _folders(self):
        """[(folder, [(file's name, address, summary)])] of the listings, seen from their index."""
        folders = {}
        for path in sorted(self.listings):
            name = path.relative_to(self.project)
            folders.setdefault(name.parent.as_posix(), []).append(
                (name.name, href(self.page(path), SOURCE), summary(path)))
        return sorted(folders.items())

    def _entries(self, page):
        """What the list of lessons says of each, with its address as seen from a page."""
        return [{"title": d.title, "page": self.page(d.path), "minutes": d.minutes,
                 "href": href(self.page(d.path), page), "opening": d.opening}
                for d in self.documents if d.path in self.lessons]

    def _frame(self, page, title, body, *, document=None, math=False):
        entries = self._entries(page)
        here = next((n for n, entry in enumerate(entries) if entry["page"] == page), None)
        stem = PurePosixPath(page).stem  # "zh" of README.zh.html, and of 24_..._zh.html
        language = "zh" if stem.endswith("_zh") else PurePosixPath(stem).suffix[1:]
        return self._template("frame.html.j2").render(
            title=title, body=body, lessons=entries, page=page, math=math or document is not None,
            sections=document.sections if document else [],
            language=language if document and language else "en",
            root=href("index.html", page).removesuffix("index.html"), source=href(SOURCE, page),
            previous=entries[here - 1] if here else None,
            next=entries[here + 1] if here is not None and here + 1 < len(entries) else None)

    def _template(self, name):
        from jinja2 import Environment, FileSystemLoader  # nbconvert needs it, and brings it
        return Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True,
                           lstrip_blocks=True).get_template(name)


def _own_files(folder):
    """The files of an earlier export; FileExistsError for a folder that holds something else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return []
    if not (folder / MARK).is_file():
        raise FileExistsError(f"{folder} holds something that is not an export of the lessons: "
                              "give a new folder, so that nothing of yours is overwritten")
    names = (folder / MARK).read_text(encoding="utf-8").splitlines()[1:]
    return [folder / name for name in names if not {"..", ""} & set(PurePosixPath(name).parts)
            and not PurePosixPath(name).is_absolute()]


def _expect_writable(folder):
    """Raise OSError unless a file can be made in folder, or where folder would be made."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise OSError(f"the pages cannot be written to {folder}, because of {there} "
                      f"({error.strerror}): give another folder") from error


def _write(folder, files, old):
    """Remove the files of an earlier export, write the new ones, and the list of them first."""
    for path in old:
        path.unlink(missing_ok=True)
    for parent in sorted({p for path in old for p in path.relative_to(folder).parents},
                         key=lambda p: -len(p.parts)):
        if (folder / parent).is_dir() and not any((folder / parent).iterdir()):
            (folder / parent).rmdir()
    folder.mkdir(parents=True, exist_ok=True)
    names = "\n".join(["The files of this export; the next one replaces them.", *sorted(files)])
    (folder / MARK).write_text(names + "\n", encoding="utf-8", newline="\n")
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = data if isinstance(data, bytes) else data.encode("utf-8")
        path.write_bytes(data)


def _shipped(name):
    return (HERE / name).read_text(encoding="utf-8")
