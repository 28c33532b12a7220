"""What transformers' AutoTokenizer makes of a text where tokenizer_config.json says something beside or against tokenizer.json,
and what sentencepiece makes of a model with symbols of the user's.

usage: tokenizer_configs.py TOKENIZERS      (torch is not needed; transformers, tokenizers, sentencepiece)

TOKENIZERS/configs.json: a list of folder, model_type, config (tokenizer_config.json), added (added_tokens put into
tokenizer.json), and per text the ids with and without the tokens around it. TOKENIZERS/symbols/tokenizer.model and
cases-model.json: a small SentencePiece BPE with user-defined symbols, of which one has a space.
"""
import json, os, sys, tempfile
import sentencepiece as spm
from transformers import AutoTokenizer
from tokenizers import Tokenizer

out = sys.argv[1]
texts = ["Alice was beginning", "naïve CAFÉ", "日本 中文", "</s> a<s>b </s>", "rabbit <x> hole<x>", "[MASK] alice ALICE alicealice _alice", " two", ""]


def token(content, **flags):
    return dict(dict(content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False), **flags)


bert = dict(tokenizer_class="BertTokenizer", do_lower_case=True)
llama = dict(tokenizer_class="LlamaTokenizer", bos_token="<s>", eos_token="</s>", unk_token="<unk>")
gpt2 = dict(tokenizer_class="GPT2Tokenizer", bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>")
plain = dict(tokenizer_class="PreTrainedTokenizerFast")
cases = [("bert-uncased", "bert", c, []) for c in (
    bert, dict(bert, do_lower_case=False), dict(bert, strip_accents=False), dict(bert, tokenize_chinese_chars=False),
    dict(bert, do_lower_case=False, strip_accents=True), dict(bert, tokenizer_class="BertTokenizerFast", do_lower_case=False),
    dict(plain, do_lower_case=False), dict(bert, cls_token="[SEP]", sep_token="[MASK]"))]
cases += [("bert-cased", "bert", c, []) for c in (dict(bert, do_lower_case=False), bert)]
cases += [("llama2", "llama", dict(llama, **c), []) for c in (
    dict(legacy=False), dict(legacy=True), dict(add_prefix_space=False), dict(add_prefix_space=True, legacy=True), dict(legacy=False, add_bos_token=True),
    dict(legacy=False, add_bos_token=False), dict(legacy=False, add_bos_token=True, add_eos_token=True))]
cases += [("llama2-metaspace", "llama", dict(plain, bos_token="<s>", legacy=True, add_prefix_space=False), [])]
cases += [("gpt2", "gpt2", dict(gpt2, **c), []) for c in (dict(add_prefix_space=False), dict(add_prefix_space=True), dict(add_prefix_space=False, add_bos_token=True))]
# A class that does not know the steps of tokenizer.json takes them as they are.
cases += [("llama3", "llama", dict(llama, bos_token="<|begin_of_text|>", eos_token="<|end_of_text|>", unk_token=None, add_prefix_space=True, legacy=False), [])]
cases += [("qwen2", "qwen2", dict(tokenizer_class="Qwen2Tokenizer", bos_token=None, unk_token=None, eos_token="<|endoftext|>", pad_token="<|endoftext|>", add_prefix_space=p), []) for p in (False, True)]
cases += [("neox", "gpt_neox", dict(tokenizer_class="GPTNeoXTokenizer", bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>", add_prefix_space=p), [])
          for p in (False, True)]
cases += [("opt", "opt", dict(tokenizer_class="GPT2Tokenizer", bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="<pad>", add_prefix_space=False, add_bos_token=True), [])]
cases += [("gemma2", "gemma2", dict(tokenizer_class="GemmaTokenizer", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>", add_bos_token=True), [])]
# Added tokens by every flag, in tokenizer.json and in added_tokens_decoder.
flags = [dict(), dict(normalized=True), dict(single_word=True), dict(lstrip=True), dict(rstrip=True), dict(lstrip=True, rstrip=True, normalized=True, special=True),
         dict(single_word=True, normalized=True)]
for name, kind in (("bert-uncased", "bert"), ("llama2", "llama"), ("gpt2", "gpt2")):
    n = Tokenizer.from_file(f"{out}/{name}/tokenizer.json").get_vocab_size()
    cases += [(name, kind, plain, [dict(token("ALICE", **f), id=n), dict(token("<x>", **f), id=n + 1)]) for f in flags]
    cases += [(name, kind, dict(plain, added_tokens_decoder={str(n): token("<x>", **f)}), []) for f in flags[:4]]
cases += [("llama2", "llama", dict(plain, additional_special_tokens=["<x>", "ALICE"]), []), ("llama2", "llama", dict(plain, pad_token="<x>"), [])]

res = []
for name, kind, config, added in cases:
    with tempfile.TemporaryDirectory() as d:
        j = json.load(open(f"{out}/{name}/tokenizer.json"))
        j["added_tokens"] += added
        j["truncation"] = j["padding"] = None
        json.dump(j, open(d + "/tokenizer.json", "w"))
        json.dump(config, open(d + "/tokenizer_config.json", "w"))
        json.dump(dict(model_type=kind), open(d + "/config.json", "w"))
        tok = AutoTokenizer.from_pretrained(d)
        res.append(dict(folder=name, config=config, added=added, texts=[dict(text=t, ids=tok(t, add_special_tokens=False)["input_ids"], all=tok(t)["input_ids"]) for t in texts]))
json.dump(res, open(f"{out}/configs.json", "w"), separators=(",", ":"))

os.makedirs(f"{out}/symbols", exist_ok=True)
with tempfile.TemporaryDirectory() as d:
    text = [l.split("\t")[0] for l in open(os.path.join(os.path.dirname(__file__), "../alice/words.tsv"), encoding="utf-8")][1:]
    open(d + "/t.txt", "w").write("\n".join(" ".join(text[i:i + 20]) for i in range(0, len(text), 20)))
    spm.SentencePieceTrainer.train(input=d + "/t.txt", model_prefix=d + "/m", vocab_size=400, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
                                   add_dummy_prefix=True, remove_extra_whitespaces=False, user_defined_symbols=["<sep>", "<sep><sep>", "▁▁", "the rabbit", "ice"],
                                   bos_piece="<begin>", bos_id=2, eos_id=1, num_threads=1, minloglevel=2)
    os.replace(d + "/m.model", f"{out}/symbols/tokenizer.model")
sp = spm.SentencePieceProcessor(model_file=f"{out}/symbols/tokenizer.model")
json.dump([dict(text=t, ids=sp.encode(t)) for t in ("Alice", "ab<sep>cd", "<sep>", "<sep><sep><sep> x", "x  y   z", "the rabbit hole", "ice<sep> ice", "Alice’s naïve 日本 🇫🇷", "", " ", "a <sep> b")],
          open(f"{out}/symbols/cases-model.json", "w"), separators=(",", ":"))
