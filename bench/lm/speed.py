"""Tokens per second of voxen extract and of Hugging Face transformers, in turns, in one run.

usage: speed.py MODEL_DIR [--voxen bin/voxen] [--rounds 5] [--windows 20] [--threads 2] [--device cpu] [--attention sdpa]
Needs numpy, torch, transformers.

Both read the same windows of 256 tokens, one after the other, in float32. Every round runs voxen extract as a process of its
own, all taps' work included (the responses of every layer's feed-forward output are written to a file), and takes the rate
that it reports, which leaves out the reading of the weights; then as many forward passes of the model in transformers, loaded
before the first round. The rates are printed round by round, then the medians and their ratio, and how far the responses differ.
"""
import argparse, json, os, subprocess, tempfile, time
import numpy as np, torch, transformers
from transformers import AutoModel, PreTrainedTokenizerFast

TOKENS = 256
p = argparse.ArgumentParser()
p.add_argument("model")
p.add_argument("--voxen", default="bin/voxen")
p.add_argument("--rounds", type=int, default=5)
p.add_argument("--windows", type=int, default=20)
p.add_argument("--threads", type=int, default=2)
p.add_argument("--device", default="cpu")
p.add_argument("--attention", default="sdpa")
a = p.parse_args()
torch.set_num_threads(a.threads)
model = AutoModel.from_pretrained(a.model, dtype=torch.float32, attn_implementation=a.attention).eval().to(a.device)
tok = PreTrainedTokenizerFast(tokenizer_file=os.path.join(a.model, "tokenizer.json"))
bert = model.config.model_type == "bert"
ends = 2 if bert else 1  # [CLS] and [SEP], or the start token

# Words of one piece each, so that a window of words is one of as many tokens.
candidates = sorted({t.lstrip("Ġ▁") for t in tok.get_vocab()})
pieces = lambda text: len(tok(text, add_special_tokens=False)["input_ids"])
words = [w for w in candidates if w.isascii() and w.isalpha() and pieces(w) == pieces(" " + w) == 1]
rng = np.random.default_rng(0)
story = [[words[i] for i in rng.integers(0, len(words), TOKENS - ends)] for _ in range(a.windows)]
if bert:
    windows = [tok(s, is_split_into_words=True)["input_ids"] for s in story]
else:
    windows = [[model.config.bos_token_id] + tok(" ".join(s), add_special_tokens=False)["input_ids"] for s in story]
assert all(len(w) == TOKENS for w in windows), [len(w) for w in windows]
windows = torch.tensor(windows).to(a.device)

OUTPUTS = {"bert": lambda: [l.output.dense for l in model.encoder.layer], "gpt2": lambda: [l.mlp.c_proj for l in model.h]}
got = []
for m in OUTPUTS.get(model.config.model_type, lambda: [l.mlp.down_proj for l in model.layers])():
    m.register_forward_hook(lambda m, i, y: got.append(y[0].detach()))
wait = torch.cuda.synchronize if a.device != "cpu" else (lambda: None)


def peer():
    start = time.perf_counter()
    with torch.no_grad():
        for w in windows:
            got.clear()
            model(w[None])
    wait()
    return TOKENS * a.windows / (time.perf_counter() - start)


def ours(folder):
    table, out = os.path.join(folder, "words.tsv"), os.path.join(folder, "r.npy")
    with open(table, "w") as f:
        f.write("word\tonset\toffset\n" + "".join(f"{w}\t{i}\t{i + 1}\n" for i, w in enumerate(sum(story, []))))
    n = str(TOKENS - ends)
    lines = subprocess.run([a.voxen, "extract", "--model", a.model, "--words", table, "--window", n, "--stride", n, "--out", out, "--json",
                            "--threads", str(a.threads), "--device", "cuda" if a.device != "cpu" else "cpu"],
                           check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    sum_ = json.loads(lines[-1])["extract"]
    assert sum_["tokens"] == TOKENS * a.windows, sum_
    return sum_["tokens_per_second"], out


peer()  # the first pass of torch is slower
rates = {"voxen": [], "transformers": []}
with tempfile.TemporaryDirectory() as folder:
    for r in range(a.rounds):
        rate, out = ours(folder)
        rates["voxen"].append(rate)
        rates["transformers"].append(peer())
        print(f"round {r + 1}: voxen {rates['voxen'][-1]:.0f}, transformers {rates['transformers'][-1]:.0f} tokens/s", flush=True)
    last = np.load(out, mmap_mode="r")[-(TOKENS - ends):]
want = torch.cat(got, dim=1).cpu().numpy()[1:TOKENS - ends + 1]
print(f"responses of the last window differ by {np.linalg.norm(last - want) / np.linalg.norm(want):.1e} of their norm")
m = {k: float(np.median(v)) for k, v in rates.items()}
print(f"median of {a.rounds} rounds on {a.threads} threads, {a.device}: voxen {m['voxen']:.0f}, transformers {transformers.__version__} (torch {torch.__version__}, "
      f"{a.attention}) {m['transformers']:.0f} tokens/s; ratio {m['voxen'] / m['transformers']:.2f}")
