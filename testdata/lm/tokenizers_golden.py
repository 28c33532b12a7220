"""Small tokenizers of each family, trained on the Alice words, and what Hugging Face tokenizers make of hard texts.

usage: tokenizers_golden.py WORDS_TSV OUT_DIR [NAME...]      all tokenizers, or those of the names given
Needs tokenizers, sentencepiece, transformers (versions are written into OUT_DIR/versions.json).

Writes OUT_DIR/<name>/tokenizer.json (and tokenizer.model for llama2), OUT_DIR/<name>/cases.json (text, ids, offsets in
characters, without special tokens), OUT_DIR/words.json (bert: ids and row of each piece of the Alice words,
is_split_into_words) and OUT_DIR/unicode.tsv: for every block of 256 characters of Unicode the first 8 hex digits of
SHA-256 of what the BERT normaliser and pre-tokeniser (uncased, cased) and the byte-level patterns (gpt2, llama3) make
of each, the pattern of Qwen 2, and NFC after and before an accent; surrogates left out. Names: bert-uncased bert-cased llama2 llama2-metaspace
llama3 gpt2 qwen2 gemma2 opt neox unicode; each has the steps and the kinds of added tokens of the published tokenizer of its family.
"""
import csv, hashlib, json, os, re, shutil, sys, tempfile
import sentencepiece as spm
import tokenizers, transformers
from tokenizers import Tokenizer, Regex, models, normalizers, pre_tokenizers, decoders, processors, trainers, AddedToken

words_tsv, out, names = sys.argv[1], sys.argv[2], sys.argv[3:]
words = [r["Words"] for r in csv.DictReader(open(words_tsv, encoding="utf-8"), delimiter="\t")]
text = " ".join(words)
corpus = [" ".join(words[i:i + 20]) for i in range(0, len(words), 20)]
extra = ["naïve café, “Oh dear!” — it’s 1865; 3.14 and 1,000. don't I'LL we've", "日本 中文 한국 Ångström É 👩 👍", "tab\tnew\nline\r\n  x"]

QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def save(name, tok):
    folder = os.path.join(out, name)
    if names and name not in names:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    tok.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    cases = CASES + (BERT_CASES if name.startswith("bert") else [])
    res = []
    for c in cases:
        e = tok.encode(c, add_special_tokens=False)
        res.append(dict(text=c, ids=e.ids, offsets=e.offsets))
    json.dump(res, open(os.path.join(folder, "cases.json"), "w"), ensure_ascii=True, separators=(",", ":"))
    return folder


def blocks(start, stop):
    return ["".join(chr(c) for c in range(a, min(a + 32, stop))) for a in range(start, stop, 32)]


CASES = ["", " ", "   ", "a", " a", "a ", "  two  spaces ", "tab\tand\nnew\r\n\r\nlines\n", "’s ‘quoted’ “text” …", "naïve café Ångström ÀÉ",
         "👩‍👩‍👧‍👦 🇫🇷 👍🏽 ok", "👩 x", "don't DON'T I'LL we’ve 'S 'ſ 'RE're", "1234567 3.14 1,000 ٣٤٥٦ Ⅻ½", "日本語の文 中文 한국어 ไทย", "\u200b\u00ad\ufeff x\u00a0y\u2003z\u3000w",
         "ſ İ ß ﬁ Ǆ ΑΣ ὈΔΥΣΣΕΎΣ", "a\u0301e\u0308o\u0302\u0301", "<s> </s> x<s>y [CLS] a[MASK]b [SEP]x <|begin_of_text|>hi<|end_of_text|>",
         "   \n\n  x  \n \t ", "x" * 130, "ab" * 60 + " z", "▁a ▁ b▁c", "_a__b", "a\u0000b\ufffdc", "\U0001f9ff\U000e0001\U0010ffff", "...!!! ??--", "rabbit-hole (after) it, and",
         text[:1500], text[1500:3000].upper()] + blocks(0, 0x300) + [b.replace("", " ") for b in blocks(0x20, 0x80)]
BERT_CASES = blocks(0x300, 0x600) + blocks(0x1e00, 0x2100) + blocks(0x3000, 0x3100) + blocks(0xff00, 0xffe0)

special = [AddedToken(t, special=True, normalized=False) for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
for name, lower in (("bert-uncased", True), ("bert-cased", False)):
    if names and name not in names:
        continue
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = normalizers.BertNormalizer(lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(corpus + extra * 3 + ["é à ß ﬁ ǆ"], trainers.WordPieceTrainer(vocab_size=700, special_tokens=special, show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    t.decoder = decoders.WordPiece()
    t.enable_truncation(16)  # what a model folder asks for must not shorten a story
    t.enable_padding(length=16)
    folder = os.path.join(out, name)
    t2 = Tokenizer.from_str(t.to_str())
    t2.no_truncation(); t2.no_padding()
    save(name, t2)
    t.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    if lower:
        e = t2.encode(words, is_pretokenized=True, add_special_tokens=False)
        json.dump(dict(ids=e.ids, rows=e.word_ids), open(os.path.join(out, "words.json"), "w"), separators=(",", ":"))

with tempfile.TemporaryDirectory() as d:
    open(d + "/t.txt", "w").write("\n".join(corpus + extra * 3))
    spm.SentencePieceTrainer.train(input=d + "/t.txt", model_prefix=d + "/m", vocab_size=700, model_type="bpe", byte_fallback=True,
                                   normalization_rule_name="identity", add_dummy_prefix=True, remove_extra_whitespaces=False,
                                   split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.99995, num_threads=1,
                                   unk_surface=" \u2047 ", minloglevel=2)
    sp = spm.SentencePieceProcessor(model_file=d + "/m.model")
    vocab = {sp.id_to_piece(i): i for i in range(sp.get_piece_size())}
    # Merges in the order of their scores, as transformers' converter makes them.
    merges = []
    for piece, i in vocab.items():
        local = []
        for k in range(1, len(piece)):
            a, b = piece[:k], piece[k:]
            if a in vocab and b in vocab and not sp.is_byte(i) and not sp.is_control(i):
                local.append((a, b, sp.get_score(i)))
        local.sort(key=lambda m: (vocab[m[0]], vocab[m[1]]))
        merges += local
    merges = [(a, b) for a, b, s in sorted(merges, key=lambda m: m[2], reverse=True)]

    def llama2():
        t = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True, ignore_merges=False))
        t.add_special_tokens([AddedToken(x, special=True, normalized=False) for x in ("<unk>", "<s>", "</s>")])
        t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
        t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        return t

    t = llama2()
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    folder = save("llama2", t)
    if not names or "llama2" in names:
        shutil.copy(d + "/m.model", os.path.join(folder, "tokenizer.model"))
        # What sentencepiece itself makes of the cases: the reference for a folder without tokenizer.json.
        json.dump([dict(text=c, ids=sp.encode(c)) for c in CASES if not re.search("<s>|</s>|\0", c)],
                  open(os.path.join(folder, "cases-model.json"), "w"), separators=(",", ":"))
    t = llama2()
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    save("llama2-metaspace", t)

    # Gemma: words end behind a space, runs of spaces and line ends are added tokens.
    runs = ["\n" * n for n in range(1, 6)] + ["▁" * n for n in range(2, 6)]
    spm.SentencePieceTrainer.train(input=d + "/t.txt", model_prefix=d + "/g", vocab_size=700, model_type="bpe", byte_fallback=True,
                                   normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False, split_digits=True,
                                   allow_whitespace_only_pieces=True, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", bos_piece="<bos>", eos_piece="<eos>",
                                   user_defined_symbols=["<mask>", "<start_of_turn>", "<end_of_turn>"] + runs, num_threads=1, minloglevel=2)
    sp = spm.SentencePieceProcessor(model_file=d + "/g.model")
    vocab = {sp.id_to_piece(i): i for i in range(sp.get_piece_size())}
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"]
    scored = {p: sp.get_score(i) for p, i in vocab.items() if not sp.is_byte(i) and not sp.is_control(i) and p not in special and p not in runs}
    merges = sorted(((-scored[p], vocab[p[:k]], vocab[p[k:]], p[:k], p[k:]) for p in scored for k in range(1, len(p)) if p[:k] in scored and p[k:] in scored))
    t = Tokenizer(models.BPE(vocab, [m[3:] for m in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True, ignore_merges=False))
    t.add_special_tokens([AddedToken(x, special=True, normalized=False) for x in special])
    t.add_tokens([AddedToken(x, special=False, normalized=False) for x in runs])
    t.normalizer = normalizers.Replace(" ", "▁")
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    folder = save("gemma2", t)
    if not names or "gemma2" in names:
        shutil.copy(d + "/g.model", os.path.join(folder, "tokenizer.model"))
        json.dump([dict(text=c, ids=sp.encode(c)) for c in CASES if not re.search("<s>|</s>|\0", c)],
                  open(os.path.join(folder, "cases-model.json"), "w"), separators=(",", ":"))

byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
for name in ("llama3", "gpt2", "qwen2", "opt", "neox"):
    t = Tokenizer(models.BPE(ignore_merges=name == "llama3"))
    start, special, plain = None, ["<|endoftext|>"], []
    if name == "llama3":
        t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), byte_level])
        start, special = "<|begin_of_text|>", ["<|begin_of_text|>", "<|end_of_text|>"]
    elif name == "qwen2":
        t.normalizer = normalizers.NFC()
        t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"), byte_level])
        special, plain = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], [AddedToken("<tool_call>", normalized=False)]
    else:
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name == "opt":
        start, special = "</s>", ["<pad>", "</s>", "<unk>"]
    if name == "neox":  # runs of spaces are tokens of the normalised text
        t.normalizer = normalizers.NFC()
        special, plain = ["<|endoftext|>", "<|padding|>"], [AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)]
    t.train_from_iterator(corpus + extra * 3, trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.add_special_tokens([AddedToken(x, special=True, normalized=name == "opt") for x in special])
    t.add_tokens(plain)
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    if start:
        t.post_processor = processors.Sequence([t.post_processor, processors.TemplateProcessing(
            single=f"{start} $A", special_tokens=[(start, t.token_to_id(start))])])
    save(name, t)


def digest(parts):
    return hashlib.sha256("\x01".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]


bert = {n: (normalizers.BertNormalizer(lowercase=l), pre_tokenizers.BertPreTokenizer()) for n, l in (("uncased", True), ("cased", False))}
split = {"gpt2": pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "isolated"),
         "llama3": pre_tokenizers.Split(Regex(LLAMA3), "isolated"), "qwen2": pre_tokenizers.Split(Regex(QWEN2), "isolated")}
if names and "unicode" not in names:
    sys.exit()
nfc = normalizers.NFC()
with open(os.path.join(out, "unicode.tsv"), "w") as f:
    f.write("block\tuncased\tcased\tgpt2\tllama3\tqwen2\tnfc\n")
    for a in range(0, 0x110000, 256):
        chars = [chr(c) for c in range(a, a + 256) if not 0xd800 <= c < 0xe000]
        if not chars:
            continue
        row = [f"{a:06x}"]
        for n in ("uncased", "cased"):
            norm, pre = bert[n]
            row.append(digest("\x02".join(p for p, _ in pre.pre_tokenize_str(norm.normalize_str("a" + c + "b"))) for c in chars))
        for n in ("gpt2", "llama3", "qwen2"):
            row.append(digest("\x02".join(p for p, _ in split[n].pre_tokenize_str(f"a{c}1{c} {c}\n{c}'{c}")) for c in chars))
        row.append(digest(nfc.normalize_str(f"a{c}\u0323\u0301{c}") for c in chars))
        f.write("\t".join(row) + "\n")
json.dump(dict(tokenizers=tokenizers.__version__, transformers=transformers.__version__, sentencepiece=spm.__version__),
          open(os.path.join(out, "versions.json"), "w"), indent=1)
