// Package lm reads language models from Hugging Face folders (BERT, GPT-2, Llama
// and their heirs: a file each, listed in families), runs them as tensor graphs on
// an engine.Backend, and gives the responses of their neurons to a text, word by
// word.
package lm
