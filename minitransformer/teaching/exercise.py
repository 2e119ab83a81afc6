"""The exercises' machinery: check an answer, give a hint, show a solution, ask for a prediction.

An item is an Exercise or a Prediction; its id is "lesson.number", and its definition stands in
exercises/lesson_NN.py, in the tuple ITEMS. Everything here prints and returns None, so that a
lesson whose exercises nobody has attempted runs from top to bottom.
"""

import importlib
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minitransformer.gradient_check import check_gradients
from minitransformer.teaching.judge import judge
from minitransformer.teaching.kept import keep
from minitransformer.teaching.source import show_source

WIDTH = 88  # characters of a line, so that a question need not be moved sideways
hints_given = {}  # {id: how many}; a learner's progress within one session


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer: the function that makes it, and what to tell who made it."""
    function: Callable
    says: str


def call(*args, **kwargs):
    """The arguments of one call, for an exercise's cases."""
    return args, kwargs


@dataclass(frozen=True)
class Exercise:
    """A task with a checker. The answer is a function, or a plain value (then cases is left out).

    solution: the published solution; for a plain value, a function without arguments.
    cases: rng -> an iterable of call(...), the inputs on which answer and solution must agree.
    results: one name for each result; "dw" is the gradient of w.
    mistakes: an answer equal to one of these is told what it says, before anything general.
    proof: optional, answer -> a sentence; printed when the answer is right.
    builds: the half of a pair that the answer is, "attention_forward"; right answers are then kept.
    """
    id: str
    title: str
    minutes: int
    solution: Callable
    mistakes: tuple
    hints: tuple
    results: tuple = ("The answer",)
    cases: Callable = lambda rng: [call()]
    proof: Callable | None = None
    tolerance: float = 1e-9
    builds: str = ""


@dataclass(frozen=True)
class Prediction:
    """A question asked before an experiment. answer: a number, or one of choices."""
    id: str
    question: str
    answer: object
    because: str
    choices: tuple = ()


def pair_exercise(id, title, minutes, *, forward, solution, names, inputs, hints, mistakes,
                  builds=""):
    """An Exercise whose answer is the backward of a pair: answer(dout, cache).

    forward: the pair's forward, as the package has it; solution: its backward.
    names: the differentiable inputs' names, "x w b".
    inputs: rng -> an iterable of call(...) for forward; let all sizes differ, and let no array
    hold only ones or zeros. dout is drawn at random. A right answer is gradient-checked as well.
    """
    def cases(rng):
        for args, options in inputs(rng):
            out, cache = forward(*args, **options)
            yield call(rng.normal(size=np.shape(out)).astype(np.result_type(out)), cache)

    def proof(answer):
        errors = []
        for args, options in inputs(np.random.default_rng(1)):
            report = check_gradients(forward, answer, *args, options=options)
            errors.append(report.worst.error)
        return f"It agrees with the complex step to {max(errors):.0e}."

    results = tuple("d" + name for name in names.split())
    return Exercise(id, title, minutes, solution, mistakes, hints, results, cases, proof,
                    builds=builds)


def lesson_items(lesson):
    """{id: item} of one lesson, given as "04"; empty when it has none."""
    name = f"minitransformer.teaching.exercises.lesson_{lesson}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return {}
    return {item.id: item for item in module.ITEMS}


def find(id, kind):
    """The item with this id. Raises ValueError when there is none, or it is of the other kind."""
    lesson = str(id).split(".")[0].zfill(2)
    items = lesson_items(lesson)
    if str(id).endswith(".F"):  # those for lecturers, which no lesson names
        items = importlib.import_module("minitransformer.teaching.further").further_items()
    if id not in items:
        known = ", ".join(items) or "none"
        raise ValueError(f"there is no exercise {id!r}; those of lesson {lesson}: {known}")
    if not isinstance(items[id], kind):
        use = "predict" if kind is Exercise else "check"
        raise ValueError(f"{id} is a {type(items[id]).__name__.lower()}: use {use}({id!r}, ...)")
    return items[id]


def check(id, answer=None):
    """Say whether the answer to an exercise is right, and if not, what is wrong with it first.

    A right answer that builds a half of a pair is kept in my_transformer.py (see kept.py).
    """
    exercise = find(id, Exercise)
    says = judge(exercise, answer)
    if says is None:
        print(f"{id} has not been attempted yet ({exercise.title}, {exercise.minutes} minutes).")
        return
    kept = keep(exercise, answer) if says.startswith("is right") else ""
    print(f"{id} {says} {kept}".rstrip())


def hint(id):
    """Print the next hint of an exercise: one with every call."""
    exercise = find(id, Exercise)
    if not exercise.hints:
        print(f"There are no hints for {id}, but check says what is wrong.")
        return
    given = hints_given.get(id, 0)
    if given == len(exercise.hints):
        print(f'There are no more hints for {id}; solution("{id}") shows the solution.')
        return
    hints_given[id] = given + 1
    print(f"Hint {given + 1} of {len(exercise.hints)} for {id}: {exercise.hints[given]}")


def solution(id):
    """The published solution of an exercise, as the last expression of a cell."""
    if str(id).endswith(".F"):
        print(f"There is no published solution of {id} ({find(id, Exercise).title}).")
        return None
    return show_source(find(id, Exercise).solution)


def predict(id, guess=None):
    """Answer a prediction's question, after a guess. Until then (None or ...), ask for one."""
    prediction = find(id, Prediction)
    asked = ", ".join(map(repr, prediction.choices)) or "a number"
    if guess is None or guess is ...:
        _say(f"{id} {prediction.question}")
        _say(f'Guess first: predict("{id}", ...) with {asked}.',
             whole=map(repr, prediction.choices))
    elif prediction.choices and guess not in prediction.choices:
        print(f"{id} Your guess {guess!r} is not one of the choices: {asked}.")
    elif not prediction.choices and not isinstance(guess, (int, float, np.number)):
        print(f"{id} Your guess {guess!r} is not a number.")
    else:
        _say(f"{id} {_closeness(guess, prediction)} {prediction.because}")


def _say(text, whole=()):
    """Print text in lines; what is in whole is not broken, so that it can be copied."""
    for words in whole:
        text = text.replace(words, words.replace(" ", "\0"))
    lines = textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    print(lines.replace("\0", " "))


def _closeness(guess, prediction):
    answer = prediction.answer
    if prediction.choices:
        return f"Yes: {answer}." if guess == answer else f"Not so: the answer is {answer}."
    says = f"You said {guess:g}; the answer is {answer:g}"
    if guess == answer or abs(guess - answer) <= 0.1 * abs(answer):
        return f"{says}: well guessed."
    if guess * answer > 0:
        ratio = max(guess / answer, answer / guess)
        return f"{says}: {'the right size' if ratio <= 2 else f'a factor of {ratio:.3g} away'}."
    return f"{says}."
