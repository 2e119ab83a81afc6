"""The lessons' front doors say what the notebooks say: titles, minutes, needs, links, exercises."""

import re

import pytest

from minitransformer import PROJECT, cli
from minitransformer.teaching.exercise import Exercise, lesson_items
from minitransformer.teaching.further import further_items

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from minitransformer.teaching.lesson_map import (  # noqa: E402
    AFTERWARDS,
    BUILDS,
    FIGURE,
    PARTS,
    Lesson,
    arrows,
    draw_map,
    read_lessons,
    what_is_drawn,
)

FOLDER = PROJECT / "lessons"
ENGLISH, CHINESE, LECTURERS = ((FOLDER / name).read_text(encoding="utf-8")
                               for name in ("README.md", "README.zh.md", "LECTURERS.md"))
LESSONS = read_lessons()
COURSE = [f"{number:02}" for number in range(11)]
each_door = pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["en", "zh"])
each_text = pytest.mark.parametrize("text", [ENGLISH, CHINESE, LECTURERS],
                                    ids=["en", "zh", "lecturers"])


def exercises_of(lesson):
    return {id: item for id, item in lesson_items(lesson).items() if isinstance(item, Exercise)}


def minutes_of(lesson):
    return sum(item.minutes for item in exercises_of(lesson).values())


def map_rows(text):
    """{number: (title, link or "", words, minutes, minutes of exercises, needs)} of the map."""
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found = re.fullmatch(r"\[?(\d\d) ([^\]]+)\]?(?:\((\S+)\))?", cells[0])
        if found and len(cells) == 5:
            rows[found[1]] = (found[2], found[3] or "", *cells[1:])
    return rows


@each_door
def test_the_map_lists_the_course_as_the_notebooks_have_it(text):
    rows = map_rows(text)
    assert list(rows) == sorted({*COURSE, *LESSONS})
    for number, (title, link, words, minutes, practice, needs) in rows.items():
        assert words and int(practice) == minutes_of(number), number
        if number not in LESSONS:
            assert not link, f"{number} links to a notebook that is not there"
            continue
        lesson = LESSONS[number]
        assert (title, link, int(minutes)) == (lesson.title, lesson.path.name, lesson.minutes)
        assert tuple(needs.replace(",", "").split()) == lesson.needs, number


def test_every_notebook_is_one_sitting_and_in_the_projects_readme():
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert "(lessons/README.md)" in readme
    for lesson in LESSONS.values():
        assert minutes_of(lesson.number) < lesson.minutes <= 90
        assert f"[{lesson.number} {lesson.title}](lessons/{lesson.path.name})" in readme


def test_a_lesson_says_what_its_exercises_take():
    for lesson in LESSONS.values():
        text = lesson.path.read_text(encoding="utf-8")
        said = re.findall(r"### Exercise [^\n]*?\((\d+) minutes", text)
        assert sum(map(int, said)) == minutes_of(lesson.number), lesson.number


def test_the_chinese_map_has_the_same_rows_code_and_sections():
    english, chinese = map_rows(ENGLISH), map_rows(CHINESE)
    assert list(english) == list(chinese)
    for number in english:
        title, link, words, *rest = chinese[number]
        assert (title, link, *rest) == english[number][:2] + english[number][3:]
        assert re.search(r"[\u4e00-\u9fff]{4}", words)

    def shape(text):
        return re.findall(r"^#+", text, re.M), re.findall(r"^    .*?(?=  #|$)", text, re.M)

    assert shape(ENGLISH) == shape(CHINESE)
    quoted = r'"(\d\. [^"]+)"'
    flat = [re.sub(r"\s+", " ", text) for text in (ENGLISH, CHINESE)]
    assert re.findall(quoted, flat[0]) == re.findall(quoted, flat[1])


@each_text
def test_links_and_pictures_resolve(text):
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (FOLDER / target.split("#")[0]).exists(), target


@each_door
def test_the_short_path_names_sections_that_exist(text):
    items = re.findall(r"^\d\. \[\d\d\]\((\S+)\)(.*?)(?=^\d\. |^$)", text, re.M | re.S)
    assert len(items) == 4
    for name, words in items:
        headings = re.findall(r"## (\d\. .+?)(?:\\n|\")", (FOLDER / name).read_text("utf-8"))
        quoted = re.findall(r'"(\d\. [^"]+)"', re.sub(r"\s+", " ", words))
        assert quoted and all(heading in headings for heading in quoted), (name, quoted, headings)


@each_door
def test_a_weekend_of_reading_is_as_long_as_said(text):
    rows = map_rows(text)
    hours = sum(int(rows[n][3]) - int(rows[n][4]) for n in COURSE) / 60
    assert "eight and a half hours" in re.sub(r"\s+", " ", text) or "八个半小时" in text
    assert abs(hours - 8.5) < 0.3


def test_the_time_plan_gives_each_exercise_its_place_and_its_minutes():
    planned = {}
    for line in LECTURERS.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0].isdigit():
            assert COURSE[int(cells[0]) - 1] == cells[1]
            planned[cells[1]] = []
            for cell in cells[3:]:
                ids = re.findall(r"\d+\.\d+", cell)
                minutes = int(re.search(r"\((\d+) min\)", cell)[1])
                assert minutes == sum(exercises_of(cells[1])[id].minutes for id in ids), cell
                planned[cells[1]] += ids
    assert {lesson: sorted(ids) for lesson, ids in planned.items()} == {
        lesson: sorted(exercises_of(lesson)) for lesson in COURSE}


def test_there_are_objectives_and_a_further_exercise_for_each_lesson():
    assert re.findall(r"^- \*\*(\d\d)\*\* ", LECTURERS, re.M) == COURSE
    headings = re.findall(r"^### (\S+): (.+) \((\d+) minutes\)$", LECTURERS, re.M)
    assert headings == [(id, item.title, str(item.minutes)) for id, item in further_items().items()]
    for id, item in further_items().items():
        task = LECTURERS.split(f"### {id}: ")[1].split("\n### ")[0].split("\n## ")[0]
        if item.given:
            place = item.given.__module__.removeprefix("minitransformer.teaching.")
            assert f"`{place}.{item.given.__name__}(" in task
            assert all(name in task for name in item.results)


@each_text
def test_commands_are_those_of_the_command_line(text):
    commands = re.findall(r"(?:run\.py|-m minitransformer) (\S.*?)(?:  #|\"|$)", text, re.M)
    assert commands
    for command in commands:
        words = command.replace("hand-ins/*.ipynb", "a.ipynb").split()
        assert cli.make_parser().parse_args(words)


def test_the_picture_was_drawn_from_what_the_notebooks_say():
    image = pytest.importorskip("PIL.Image").open(FIGURE)
    assert image.text["Description"] == what_is_drawn(LESSONS), (
        "draw it again: python -m minitransformer.teaching.lesson_map")


def test_an_arrow_stands_for_each_need_that_no_other_implies():
    lessons = {number: Lesson(number, number, 9, needs, None) for number, needs in (
        ("00", ()), ("01", ("00",)), ("02", ("00", "01")), ("03", ("01",)),
        ("04", ("02", "03", "00")))}
    assert arrows(lessons) == [("00", "01"), ("01", "02"), ("01", "03"), ("02", "04"),
                               ("03", "04")]


def test_the_picture_shows_every_lesson_and_no_text_leaves_its_box():
    numbers = [number for _, _, part in PARTS for number in part]
    lessons = LESSONS | {n: Lesson(n, "A title of two lines", 90, ("03", "04", "05", "07"), None)
                         for n in BUILDS if n not in LESSONS}
    assert numbers == COURSE
    assert sorted(lessons) == numbers + [number for _, _, part in AFTERWARDS for number in part]
    figure = draw_map(lessons)
    figure.canvas.draw()
    ax = figure.axes[0]
    boxes = [patch.get_window_extent() for patch in ax.patches if patch.get_zorder() == 3]
    texts = [text for text in ax.texts if text.get_text()]
    extents = [text.get_window_extent() for text in texts]
    assert len(boxes) == len(lessons)
    for i, (text, extent) in enumerate(zip(texts, extents)):
        inside = [box for box in boxes if box.x0 <= extent.x0 and extent.x1 <= box.x1
                  and box.y0 <= extent.y0 and extent.y1 <= box.y1]
        assert inside or text.get_rotation() == 90, text.get_text()
        assert not any(extent.overlaps(other) for other in extents[i + 1:]), text.get_text()
    matplotlib.pyplot.close(figure)
