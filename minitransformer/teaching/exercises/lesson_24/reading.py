"""Lesson 24's exercises on reading: what kind of sentence it is, and which mistakes are silent."""

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction


def my_kinds():
    """1 says what a word means. 2 has a number, a rival, the data and the runs.

    3 could be measured, and is not: how large, for which text? 4 says what one should do.
    5 says what the text will do. 6 paints a picture: what would have to be seen to refute it?
    7 could be measured, and is not: steadier by what measure, beside what?
    """
    return "dmcapfc"


def my_fates():
    """1 is right: T rows for T tokens. 2 stops: rows (2, 4) do not fit beside (3, 4).

    3 runs: each token of a sentence gets the row of its sentence. 4 runs: the scale is missing.
    5 runs: padding counts. 6 stops: a float has no item. 7 runs: nothing takes a step.
    8 runs: the decoder reads what it is asked for.
    """
    return "rswwwsww"


def instead(right, place, letter):
    """A function that gives the right answer with another letter at this place, from 1."""
    letters = right()
    return lambda: letters[:place - 1] + letter + letters[place:]


ITEMS = (
    Exercise(
        "24.1", "what kind of sentence is it?", 5,
        solution=my_kinds,
        results=("The letters",),
        mistakes=(
            Mistake(lambda: "dccapfc",
                    "The second has all that a measurement needs: a number, a rival, the size of "
                    "the data, and how many runs."),
            Mistake(lambda: "dmmapfc",
                    "\"A large memory\" is no measurement: how large, at which length?"),
            Mistake(lambda: "dmcapfm",
                    "\"Steadier\" is a claim. A measurement would say by what, beside what, and "
                    "how often it was tried."),
            Mistake(lambda: "dmcapcc",
                    "Nothing that one could observe would show that attention is not the heart: a "
                    "figure of speech."),
            Mistake(lambda: "dmcaafc",
                    "The fifth advises nothing yet. It promises that something will follow."),
            Mistake(lambda: "cmcapfc",
                    "The first says what is meant by a word. One can agree on it, not measure it."),
        ),
        hints=("Ask of each: what would I have to see to believe it, and what to give it up?",
               "A definition and a promise cannot be refuted by an experiment; advice can, once it "
               "says what it is good for.",
               "Only one of the seven brings its own evidence."),
    ),
    Prediction(
        "24.2", "The article makes its claims in sections 1, 2.1 to 2.5 and 7. How many of these "
        "sentences come with a number that was measured, or with a source?",
        answer=0,
        because="There is no table, no plot and no reference. The only numbers in it are the "
                "settings of its programs.",
    ),
    Prediction(
        "24.3", "The second program is run as it stands, by itself. Where does it stop first?",
        answer="where the model is made (line 34)",
        choices=("where a class is written (lines 6 to 20)", "where the model is made (line 34)",
                 "at the data (lines 41 to 48)", "in the first step of training (line 55)"),
        because="A class may contain any nonsense: Python looks at a function's body when it is "
                "called. Line 34 is the first that calls anything of the model, and names two "
                "sizes that nobody has defined.",
    ),
    Exercise(
        "24.4", "stops, wrong, or right?", 8,
        solution=my_fates,
        results=("The letters",),
        mistakes=(
            Mistake(instead(my_fates, 2, "w"),
                    "In the second, (2, 3, 4) meets (2, 4): from the right, 4 fits 4, and then 3 "
                    "meets 2. Nothing can be copied there."),
            Mistake(instead(my_fates, 3, "s"),
                    "In the third, (2, 1, 4) fits (2, 3, 4): the axis of size 1 is copied. So it "
                    "runs. But who gets which row?"),
            Mistake(instead(my_fates, 3, "r"),
                    "In the third, each sentence has one row for all of its tokens."),
            Mistake(instead(my_fates, 4, "r"),
                    "In the fourth, compare with lesson 04's formula: something divides the "
                    "scores."),
            Mistake(instead(my_fates, 5, "r"),
                    "In the fifth, some of the targets are padding, and they count."),
            Mistake(instead(my_fates, 6, "w"),
                    "In the sixth, 3.5 is a float of Python. What methods has it?"),
            Mistake(instead(my_fates, 7, "r"),
                    "In the seventh, look for the line that changes a parameter."),
            Mistake(instead(my_fates, 8, "r"),
                    "In the eighth, what has the decoder read before it is asked for a token?"),
            Mistake(lambda: "rsssssss",
                    "Most mistakes do not stop a program. Only shapes, names and types do."),
        ),
        hints=("Write the shapes down: x (2, 3, 4), pe (10, 4). NumPy compares them from the "
               "right.",
               "Two of the eight stop, one is right.",
               "You may run them: an error says s. Silence says r or w, and that you have to find "
               "out yourself."),
    ),
    Prediction(
        "24.5", "The second program, mended only until nothing stops it, trains for five epochs. "
        "What have its weights learned then?",
        answer="nothing: they are what they were",
        choices=("nothing: they are what they were", "a little, in the right direction",
                 "to copy, since the targets are not shifted"),
        because="There is no backward and no step. The printed losses go up and down all the same: "
                "dropout draws another mask each time.",
    ),
)
