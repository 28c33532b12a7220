"""A synthetic Llama of 1.2 billion parameters, the shape of Llama 3.2 1B, with random bfloat16 weights.

usage: llama.py TOKENIZER_JSON OUT_DIR
Needs torch, transformers. TOKENIZER_JSON is a byte-level tokenizer, as of testdata/lm/tokenizers/llama3.
"""
import json, os, shutil, sys
import torch
from transformers import LlamaConfig, LlamaForCausalLM

tokenizer, out = sys.argv[1:3]
torch.manual_seed(0)
special = {t["content"]: t["id"] for t in json.load(open(tokenizer, encoding="utf-8"))["added_tokens"]}
config = LlamaConfig(vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
                     num_key_value_heads=8, head_dim=64, max_position_embeddings=131072, rms_norm_eps=1e-5, tie_word_embeddings=True,
                     bos_token_id=special["<|begin_of_text|>"], eos_token_id=special["<|end_of_text|>"],
                     rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                          original_max_position_embeddings=8192))
torch.set_default_dtype(torch.bfloat16)
model = LlamaForCausalLM(config)
print(sum(p.numel() for p in model.parameters()), "parameters")
model.save_pretrained(out, max_shard_size="1GB")
shutil.copy(tokenizer, os.path.join(out, "tokenizer.json"))
