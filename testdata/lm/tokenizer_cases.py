"""What Hugging Face tokenizers make of hard texts, for a tokenizer.json that is not shipped.

usage: tokenizer_cases.py WORDS_TSV DIR...     writes DIR/cases.json beside each DIR/tokenizer.json
"""
import csv, json, os, sys
from tokenizers import Tokenizer

words = [r["Words"] for r in csv.DictReader(open(sys.argv[1], encoding="utf-8"), delimiter="\t")]
cases = ["", " ", "  two  spaces ", "tab\tand\nnew\r\n\r\nlines", "’s ‘quoted’ “text”", "naïve café Ångström ÀÉ", "👩‍👩‍👧‍👦 🇫🇷 👍🏽 ok",
         "don't DON'T I'LL we’ve", "1234567 3.14 1,000", "日本語の文 中文 한국어", "\u200b\u00ad\ufeff x", "ſ İ ß ﬁ Ǆ", "a\u0301e\u0308",
         "<s> </s> [CLS] [MASK] <|begin_of_text|>", "   \n\n  x  \n", " ".join(words), "\n\n".join(" ".join(words[i:i + 30]).upper() for i in range(0, 600, 30))]
cases += sorted(set(words))
for a in [*range(0, 0x3400, 64), *range(0xA000, 0xD800, 256), *range(0xF900, 0x10000, 64), *range(0x10000, 0x20000, 256), *range(0x1F300, 0x1FB00, 64)]:
    chars = [chr(c) for c in range(a, a + 64)]
    cases += ["".join(chars), " ".join(chars)]
for folder in sys.argv[2:]:
    tok = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tok.no_truncation()
    tok.no_padding()
    res = []
    for c in cases:
        e = tok.encode(c, add_special_tokens=False)
        res.append(dict(text=c, ids=e.ids, offsets=e.offsets))
    json.dump(res, open(os.path.join(folder, "cases.json"), "w"), separators=(",", ":"))
    print(folder, len(res))
