// Package lm reads language models of the BERT and Llama families from Hugging
// Face folders, runs them as tensor graphs on an engine.Backend, and gives the
// responses of their neurons to a text, word by word.
package lm
