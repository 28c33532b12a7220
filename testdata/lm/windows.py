"""How rows of words become windows of tokens, and from which window each row is read: a plain restatement in Python.

usage: windows.py WORDS_TSV TOKENIZERS OUT.json      (tokenizers, numpy)

Word pieces come from Hugging Face tokenizers, rows of pieces from its offsets (causal models) or from encoding row by
row (encoders). OUT.json holds per case: family, tokenizer, rows, window, stride, positions, and what came out:
windows as [first row, end row, tokens, CRC-32 of the ids as little-endian int32], and per row [window, first token, end token].
"""
import csv, json, sys, zlib
import numpy as np
from tokenizers import Tokenizer

words_tsv, tokenizers, out = sys.argv[1:4]
table = list(csv.DictReader(open(words_tsv, encoding="utf-8"), delimiter="\t"))
rows = [(r["Words"], r["Word Onset"].strip() != "") for r in table][:400]
hard = [("Don", True), ("’t", False), ("stop", True), ("", True), ("it", True), ("s", False), ("we", True), ("ll", False), ("S", False), ("s", True),
        ("'tis", True), ("n't", False), ("👩‍👩‍👧", True), ("\u200b", True), ("two words", True), ("naïve", True), ("", False), ("nt", False), ("x" * 40, True)] * 3
CLITICS = {"s", "d", "m", "ll", "re", "ve", "nt", "n't"}


def encoder_window(tok, rows, lo, hi):
    ids, spans = [tok.token_to_id("[CLS]")], []
    for word, _ in rows[lo:hi]:
        piece = tok.encode(word, add_special_tokens=False).ids
        spans.append((len(ids), len(ids) + len(piece)))
        ids += piece
    return ids + [tok.token_to_id("[SEP]")], spans


def causal_window(tok, rows, lo, hi):
    text, where = "", []
    for i, (word, timed) in enumerate(rows[lo:hi]):
        glued = word.startswith(("'", "’")) or (not timed and word in CLITICS)
        if i and not glued:
            text += " "
        where.append((len(text), len(text) + len(word)))
        text += word
    e = tok.encode(text, add_special_tokens=False)
    start = tok.token_to_id("<s>") if tok.token_to_id("<s>") is not None else tok.token_to_id("<|begin_of_text|>")
    spans = []
    for a, b in where:
        mine = [k + 1 for k, (s, t) in enumerate(e.offsets) if s < b and t > a]
        spans.append((mine[0], mine[-1] + 1) if mine and b > a else (0, 0))
    return [start] + e.ids, spans


def read(family, tok, rows, window, stride, positions):
    make = encoder_window if family == "encoder" else causal_window
    windows, held, n = [], 0, len(rows)
    while held < n:
        lo = min(len(windows) * stride, held)
        hi = min(lo + window, n)
        while len(make(tok, rows, lo, hi)[0]) > positions:
            hi -= 1
            assert hi > lo
        ids, spans = make(tok, rows, lo, hi)
        windows.append((lo, hi, ids, spans))
        held = max(held, hi)
    where = []
    for r in range(n):
        best, context = None, None
        for k, (lo, hi, _, _) in enumerate(windows):
            if not lo <= r < hi:
                continue
            c = min(r - lo, hi - 1 - r)
            if best is None or (family == "encoder" and c > context):
                best, context = k, c
        lo, _, _, spans = windows[best]
        where.append([best, *spans[r - lo]])
    return [[lo, hi, len(ids), zlib.crc32(np.array(ids, "<i4").tobytes())] for lo, hi, ids, _ in windows], where


cases = []
for family, name in (("encoder", "bert-uncased"), ("causal", "llama2"), ("causal", "llama3")):
    tok = Tokenizer.from_file(f"{tokenizers}/{name}/tokenizer.json")
    tok.no_truncation()
    tok.no_padding()
    for which, table in (("alice", rows), ("hard", hard)):
        for window, stride, positions in ((200, 100, 4096), (200, 200, 4096), (50, 20, 90), (30, 30, 100000), (1000, 7, 120), (9, 1, 64)):
            if which == "hard" and window == 9:
                window, stride, positions = 3, 1, 70
            w, where = read(family, tok, table, window, stride, positions)
            cases.append(dict(family=family, tokenizer=name, table=which, window=window, stride=stride, positions=positions, windows=w, rows=where))
json.dump(dict(hard=[[w, t] for w, t in hard], cases=cases), open(out, "w"), separators=(",", ":"))
print(len(cases), "cases")
