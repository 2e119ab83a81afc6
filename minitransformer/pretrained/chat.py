"""Conversations with a language model that was trained on them, in the form called ChatML.

    <|im_start|>system
    You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
    <|im_start|>user
    What is the capital of France?<|im_end|>
    <|im_start|>assistant
    The capital of France is Paris.<|im_end|>

The model goes on after "assistant" and its line's end, until it writes <|im_end|> itself.
"""

from minitransformer.pretrained.writer import Reading, Writer

START, END = "<|im_start|>", "<|im_end|>"
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
ROLES = ("system", "user", "assistant")


class ChatWriter(Writer):
    """A Writer that answers, too."""

    def __init__(self, model, tokenizer):
        super().__init__(model, tokenizer, ends=(tokenizer.special[END],))

    def chat(self, messages, **choice):
        """The answer to a conversation, a text. Takes and raises what `stream_chat` does."""
        return "".join(self.stream_chat(messages, **choice))

    def conversation(self, system=SYSTEM):
        """A Conversation, whose earlier messages are not read again; system: its instructions."""
        return Conversation(self, system)

    def stream_chat(self, messages, *, max_new_tokens=500, **choice):
        """Yield the answer to a conversation piece by piece.

        messages: [{"role": "user", "content": "..."}, ...]; or a text, which is one question.
        choice: as in stream_ids. Raises ValueError for a message of another kind, and when
        the conversation and its answer do not fit into max_seq_len tokens.
        """
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        ids = chat_ids(messages, self.tokenizer)
        room = self.model.config.max_seq_len - len(ids)
        if room < max_new_tokens:
            raise ValueError(f"the conversation has {len(ids)} tokens and the answer may have "
                             f"{max_new_tokens}, but the model sees no more than "
                             f"{self.model.config.max_seq_len}: start a new one, or ask for fewer")
        return self.tokenizer.decode_stream(
            self.stream_ids(ids, max_new_tokens=max_new_tokens, **choice))


class Conversation:
    """Questions and answers, one after another. messages: all of them so far."""

    def __init__(self, writer, system=SYSTEM):
        self.writer = writer
        self.messages = [{"role": "system", "content": system}]
        self.reading = Reading(writer.model)

    def ask(self, question, **choice):
        """Yield the answer piece by piece. choice, and what it raises: as in stream_chat.

        If nobody listens to the end, what was said until then is the answer.
        """
        asked = [*self.messages, {"role": "user", "content": question}]
        pieces = self.writer.stream_chat(asked, reading=self.reading, **choice)
        return self._answer(asked, pieces)

    def _answer(self, asked, pieces):
        said = []
        try:
            for piece in pieces:
                said.append(piece)
                yield piece
        finally:
            self.messages = [*asked, {"role": "assistant", "content": "".join(said)}]


def chat_ids(messages, tokenizer):
    """The ids of a conversation whose next word is the assistant's.

    Without a system message first, SYSTEM is put there. The marks are put in by their ids, so
    nothing that a message says can end it. Raises ValueError for no messages, or one without a
    role of ROLES and a text.
    """
    if not messages:
        raise ValueError("there are no messages: give at least one")
    for message in messages:
        if message.get("role") not in ROLES or not isinstance(message.get("content"), str):
            raise ValueError(f"a message is {message!r}, expected a role ({', '.join(ROLES)}) and "
                             f"a content, which is text")
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM}, *messages]
    start, end = tokenizer.special[START], tokenizer.special[END]
    ids = []
    for message in messages:
        ids += [start, *tokenizer.encode(f"{message['role']}\n{message['content']}"),
                end, *tokenizer.encode("\n")]
    return [*ids, start, *tokenizer.encode("assistant\n")]
