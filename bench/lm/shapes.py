"""Models of random weights in the shapes of GPT-2 (124 million parameters) and Qwen2-0.5B, for speed.py: the arithmetic does not mind.

usage: shapes.py gpt2|qwen2 TOKENIZER_JSON OUT_DIR
Needs torch and transformers. TOKENIZER_JSON is that of testdata/lm/tokenizers of the same name: a small vocabulary, of which the
embedding has as many rows more as the published one has.
"""
import json, os, shutil, sys
import torch
from transformers import AutoModelForCausalLM, GPT2Config, Qwen2Config

shape, tokenizer, out = sys.argv[1:4]
start = {t["content"]: t["id"] for t in json.load(open(tokenizer, encoding="utf-8"))["added_tokens"]}["<|endoftext|>"]
ids = dict(bos_token_id=start, eos_token_id=start)
config = {"gpt2": lambda: GPT2Config(**ids),
          "qwen2": lambda: Qwen2Config(vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
                                       num_key_value_heads=2, max_position_embeddings=32768, rope_theta=1e6, tie_word_embeddings=True, **ids)}[shape]()
torch.manual_seed(0)
AutoModelForCausalLM.from_config(config).save_pretrained(out)
shutil.copy(tokenizer, os.path.join(out, "tokenizer.json"))
