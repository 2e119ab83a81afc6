"""Exercises 23.4 and 23.5: the gradients of keys that went round a ring; what a step sends."""

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_gradients_at_home(parts):
    """parts[r][n], what process r added to dk at meeting n -> dk, the list of all pieces' own.

    At meeting n, piece j is on process j + n, counted round the ring.
    """
    N = len(parts)
    return [sum(parts[(j + n) % N][n] for n in range(N)) for j in range(N)]


def ring_mistake(where, *, meetings=lambda N: range(N), scale=lambda N: 1):
    """my_gradients_at_home with piece j at meeting n taken from process where(j, n)."""
    def at_home(parts):
        N = len(parts)
        return [sum(parts[where(j, n) % N][n] for n in meetings(N)) * scale(N) for j in range(N)]
    return at_home


def piece_of_the_meeting(parts):
    """The queries' sum: all that happened on process r."""
    return [sum(meetings) for meetings in parts]


def ring_cases(rng):
    for N in (3, 4, 2):
        yield call([list(rng.normal(size=(N, 5, 2))) for _ in range(N)])


ITEMS = (
    Exercise(
        "23.4", "bring the gradients home", 6,
        solution=my_gradients_at_home,
        results=("dk",),
        cases=ring_cases,
        mistakes=(
            Mistake(piece_of_the_meeting,
                    "You added up what happened on one process: there another piece was met each "
                    "time. That is the sum for dq."),
            Mistake(ring_mistake(lambda j, n: j - n),
                    "The keys travel to the next process: at meeting 1, piece 0 is on process 1. "
                    "Here it was taken for the one before. (With two processes that is the same.)"),
            Mistake(ring_mistake(lambda j, n: n - j),
                    "Piece 0 is right. Piece 1 was taken from process 0 at meeting 1, but its keys "
                    "are on process 2 then: process = piece + meeting, and you took meeting = "
                    "process + piece. (With two processes that is the same.)"),
            Mistake(ring_mistake(lambda j, n: j, meetings=lambda N: range(1)),
                    "This is the share of the piece's own process alone. Each process has one."),
            Mistake(ring_mistake(lambda j, n: j + n, meetings=lambda N: range(1, N)),
                    "Meeting 0, on the piece's own process, is missing."),
            Mistake(ring_mistake(lambda j, n: j + n, meetings=lambda N: range(N - 1)),
                    "The last meeting is missing: N meetings, with N - 1 shifts between them."),
            Mistake(ring_mistake(lambda j, n: j + n, scale=lambda N: 1 / N),
                    "This is a mean. What is used several times adds its gradients."),
            Mistake(lambda parts: [sum(meetings[n] for meetings in parts)
                                   for n in range(len(parts))],
                    "You added up one meeting of all processes: N different pieces met there."),
        ),
        hints=("In the picture: in which squares does \"keys 1\" stand?",
               "Piece j is on process j at meeting 0, on process j + 1 at meeting 1, and so on "
               "round the ring: (j + n) % N.",
               "[sum(parts[(j + n) % N][n] for n in range(N)) for j in range(N)]"),
    ),
    Prediction(
        "23.5", "A model of 355 million parameters (width 1024, 24 blocks), a step of a million "
        "tokens. How many times the bytes of data parallel does tensor parallel send?",
        answer=297,
        because="Data parallel sends each of 355 million gradients once. Tensor parallel sends 98 "
                "sums of 1024 numbers for each token, 100 thousand numbers times a million.",
    ),
)
