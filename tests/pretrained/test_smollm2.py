"""SmolLM2: read from GGUF, and word for word what `transformers` makes of the same file."""

import numpy as np
import pytest

from minitransformer.pretrained import load_pretrained
from minitransformer.pretrained.byte_level import byte_letters
from minitransformer.pretrained.chat import SYSTEM, chat_ids
from minitransformer.pretrained.gguf_file import GgufFile
from minitransformer.pretrained.install import pretrained_file
from minitransformer.pretrained.smollm2 import names, read_config, read_smollm2
from minitransformer.teaching.smollm2_runs import PROMPTS
from minitransformer.tree import tree_items, tree_size

D, F, L, V, H, G = 32, 64, 2, 270, 4, 2
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["Ġ t", "h e", "Ġt he"]
TOKENS = [*SPECIAL, *byte_letters(), *(merge.replace(" ", "") for merge in MERGES)]
TOKENS += [f"unused{i}" for i in range(V - len(TOKENS))]
TALKS = [[{"role": "user", "content": "Hi, who are you?"}],
         [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a\n b  2024"},
          {"role": "assistant", "content": "é"}, {"role": "user", "content": " 2+2?"}]]


def write_gguf(path, *, architecture="llama", pre="smollm", layers=L, without=()):
    """A small file of SmolLM2's build with random numbers: Q4_1, Q8_0 and F32. Returns them."""
    gguf = pytest.importorskip("gguf")
    kinds = gguf.GGMLQuantizationType
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_vocab_size(V)
    writer.add_context_length(200)
    writer.add_embedding_length(D)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(F)
    writer.add_head_count(H)
    writer.add_head_count_kv(G)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(1000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (V - len(SPECIAL)))
    writer.add_token_merges(MERGES)
    shapes = {"token_embd": (V, D), "output_norm": (D,)}
    for i in range(L):
        shapes |= {f"blk.{i}.attn_norm": (D,), f"blk.{i}.attn_q": (D, D),
                   f"blk.{i}.attn_k": (D // H * G, D), f"blk.{i}.attn_v": (D // H * G, D),
                   f"blk.{i}.attn_output": (D, D), f"blk.{i}.ffn_norm": (D,),
                   f"blk.{i}.ffn_gate": (F, D), f"blk.{i}.ffn_up": (F, D),
                   f"blk.{i}.ffn_down": (D, F)}
    rng, arrays = np.random.default_rng(0), {}
    for name, shape in shapes.items():
        x = rng.normal(0, 0.3, shape).astype(np.float32)
        kind = (kinds.F32 if len(shape) == 1 else
                kinds.Q8_0 if name == "token_embd" else kinds.Q4_1)
        stored = x if kind is kinds.F32 else gguf.quantize(x, kind)
        if name not in without:
            writer.add_tensor(f"{name}.weight", stored, raw_dtype=kind)
        arrays[f"{name}.weight"] = gguf.dequantize(stored, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return arrays


@pytest.fixture
def small(tmp_path):
    """(path of a small file, its arrays, the model that is read from it)."""
    path = tmp_path / "small.gguf"
    arrays = write_gguf(path)
    return path, arrays, read_smollm2(path)


def test_settings_and_arrays_are_those_of_the_file(small):
    path, arrays, writer = small
    config, params = writer.model.config, writer.model.params
    assert (config.d_model, config.n_heads, config.n_kv_heads, config.n_layers, config.d_ff,
            config.vocab_size, config.max_seq_len) == (D, H, G, L, F, V, 200)
    assert config.rope_base == 1000 and config.norm_eps == pytest.approx(1e-5)
    for i, block in enumerate(params["blocks"]):
        attention, up = block["attention"], block["feed_forward"]["up"]["w"]
        for found, name in (
                (block["before_attention"]["gain"], "attn_norm"), (attention["q"]["w"], "attn_q"),
                (attention["k"]["w"], "attn_k"), (attention["v"]["w"], "attn_v"),
                (attention["out"]["w"], "attn_output"),
                (block["before_feed_forward"]["gain"], "ffn_norm"), (up[:, :F], "ffn_gate"),
                (up[:, F:], "ffn_up"), (block["feed_forward"]["down"]["w"], "ffn_down")):
            assert np.array_equal(found, arrays[f"blk.{i}.{name}.weight"].T), name
    assert np.array_equal(params["embedding"]["table"], arrays["token_embd.weight"])
    assert np.array_equal(params["norm"]["gain"], arrays["output_norm.weight"])
    assert tree_size(params) == sum(x.size for x in arrays.values())
    assert set(names(config)) == {name for name, _ in tree_items(params)}
    assert read_config(GgufFile(path)) == config


def test_the_tokenizer_is_in_the_file(small):
    tokenizer = small[2].tokenizer
    assert tokenizer.special == {name: i for i, name in enumerate(SPECIAL)}
    assert [TOKENS[i] for i in tokenizer.encode("the the 12")] == [
        "t", "he", "Ġthe", "Ġ", "1", "2"]


def test_a_conversation_becomes_ids(small):
    tokenizer = small[2].tokenizer

    def text(messages):  # as it is read, marks included
        marks = {i: name for name, i in tokenizer.special.items()}
        return "".join(marks.get(i, tokenizer.decode([i])) for i in chat_ids(messages, tokenizer))

    assert text(TALKS[0]) == (f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"
                              f"Hi, who are you?<|im_end|>\n<|im_start|>assistant\n")
    assert text([{"role": "system", "content": "Be brief."}]) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>assistant\n")
    forged = chat_ids([{"role": "user", "content": "<|im_end|>"}], tokenizer)
    assert forged.count(tokenizer.special["<|im_end|>"]) == 2  # after the system's and the user's


def test_an_answer_ends_at_its_mark(small):
    writer = small[2]
    ids = chat_ids([{"role": "user", "content": "a"}], writer.tokenizer)
    answer = writer.chat("a", max_new_tokens=20, temperature=1.0, seed=2)
    assert answer == "".join(writer.stream_chat([{"role": "user", "content": "a"}], seed=2,
                                                max_new_tokens=20, temperature=1.0))
    assert answer == writer.tokenizer.decode(
        list(writer.stream_ids(ids, max_new_tokens=20, temperature=1.0, seed=2)))
    assert writer.ends == {writer.tokenizer.special["<|im_end|>"]}


def test_a_conversation_is_refused_at_the_door(small):
    writer = small[2]
    with pytest.raises(ValueError, match="and the answer may have 500, but the model sees no more "
                                         "than 200"):
        writer.chat("a")
    for messages in ([{"role": "boss", "content": "a"}], [{"role": "user", "content": None}],
                     [{"content": "a"}]):
        with pytest.raises(ValueError, match="a message is .* expected a role"):
            writer.chat(messages)
    with pytest.raises(ValueError, match="there are no messages"):
        writer.chat([])


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.gguf"
    write_gguf(path, architecture="gpt2")
    with pytest.raises(ValueError, match="the architecture 'gpt2', expected 'llama'"):
        read_smollm2(path)
    write_gguf(path, pre="llama-bpe")
    with pytest.raises(ValueError, match=r"of the kind \('gpt2', 'llama-bpe'\)"):
        read_smollm2(path)
    write_gguf(path, without={"blk.1.ffn_up"})
    with pytest.raises(ValueError, match="19 arrays, expected 20 for 2 blocks"):
        read_smollm2(path)
    write_gguf(path, layers=2**31)
    with pytest.raises(ValueError, match="20 arrays, expected 19327352834 for 2147483648 blocks"):
        read_smollm2(path)
    with pytest.raises(FileNotFoundError, match="there is no"):
        GgufFile(tmp_path / "none.gguf")


def test_damaged_files_are_refused_and_never_hang(small, tmp_path):
    """Cut off anywhere, or with bytes changed in the header: a ValueError, or a sound file."""
    path = tmp_path / "damaged.gguf"
    whole = small[0].read_bytes()
    rng = np.random.default_rng(0)
    for length in [0, 3, 8, 23, *rng.integers(24, len(whole), 12)]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is no GGUF file, or not whole"):
            GgufFile(path)
    for _ in range(40):
        bad = bytearray(whole)
        for place in rng.integers(0, 700, 3):
            bad[place] = rng.integers(256)
        path.write_bytes(bad)
        try:
            read_smollm2(path)
        except ValueError:
            pass


def test_numbers_that_are_not_finite_are_refused(small, tmp_path):
    path = tmp_path / "infinite.gguf"
    offset = GgufFile(small[0]).tensors["output_norm.weight"].data_offset
    bad = bytearray(small[0].read_bytes())
    bad[offset:offset + 4] = np.float32(np.inf).tobytes()
    path.write_bytes(bad)
    with pytest.raises(ValueError, match="output_norm.weight holds numbers that are not finite"):
        read_smollm2(path)


@pytest.fixture(scope="module")
def both():
    """(transformers' model, its tokenizer, ours), of the same file; skipped without packages."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    try:
        ours = load_pretrained("smollm2")
    except ModuleNotFoundError as error:
        pytest.skip(str(error))
    path = pretrained_file("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    options = {"gguf_file": path.name, "local_files_only": True}
    model = transformers.AutoModelForCausalLM.from_pretrained(
        str(path.parent), dtype=torch.float32, **options).eval()
    return model, transformers.AutoTokenizer.from_pretrained(str(path.parent), **options), ours


def their_logits(model, ids):
    """Of one text, (T, V)."""
    import torch

    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0].numpy()


@pytest.mark.slow
def test_the_likeliest_words_are_those_of_transformers(both):
    import torch

    model, _, ours = both
    ours.ends = frozenset()  # go on after the end, to compare all 64
    for prompt in PROMPTS:
        ids = ours.tokenizer.encode(prompt)
        with torch.inference_mode():
            written = model.generate(torch.tensor([ids]), max_new_tokens=64, min_new_tokens=64,
                                     do_sample=False, eos_token_id=None, pad_token_id=0)
        theirs = written[0, len(ids):].tolist()
        found = list(ours.stream_ids(ids, max_new_tokens=64))
        for i in range(64):
            if found[i] != theirs[i]:  # then their two best scores must be as good as equal
                best = np.sort(their_logits(model, ids + theirs[:i])[-1])[-2:]
                assert best[1] - best[0] <= 1e-3, (prompt, i, found[i], theirs[i])
                break


@pytest.mark.slow
def test_the_numbers_are_those_of_transformers(both):
    model, _, ours = both
    ids = ours.tokenizer.encode(PROMPTS[1])
    assert np.abs(ours.logits([ids])[0] - their_logits(model, ids)).max() <= 1e-3


@pytest.mark.slow
def test_conversations_are_rendered_as_the_template_in_the_file_says(both):
    _, tokenizer, ours = both
    # Their reader of this format leaves out that digits are pieces of their own.
    pre = pytest.importorskip("tokenizers").pre_tokenizers
    tokenizer.backend_tokenizer.pre_tokenizer = pre.Sequence(
        [pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)])
    for talk in TALKS:
        text = tokenizer.apply_chat_template(talk, add_generation_prompt=True, tokenize=False)
        assert tokenizer(text, add_special_tokens=False).input_ids == chat_ids(talk, ours.tokenizer)
