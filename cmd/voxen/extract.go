package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"voxen/study/extract"
	"voxen/study/step"
)

// extractCommand is voxen extract.
func (a *app) extractCommand() *cobra.Command {
	o := extract.New()
	cmd := stepCommand(a, o, extractText, cobra.Command{
		Use:   "extract --model DIR (--words words.tsv | --text FILE | --ids ids.npy) --out FILE.npy",
		Short: "Neuron responses of a language model to a text, a row per word",
		Long: `Run a language model (BERT, RoBERTa, GPT-2, OPT, GPT-NeoX and Pythia, Llama 1 to 3,
Mistral, Qwen 2 to 3, Gemma 2) in a Hugging Face folder over a text and write the
responses of its units: a row per word, a column per unit, layer by layer. A word's
response is the mean over its word pieces.

Taps, one or more, separated by commas:
  ffn.out     output of the second feed-forward layer, before dropout, residual and norm
  ffn.act     its input (Llama: act(gate) * up)
  attn.out    output of the attention's projection, before the residual
  attn.heads  its input: what every head gives
  attn.q      query units of every head, before any rotation by position
  attn.k      key units, likewise
  attn.qk     a query unit times the mean of its key unit over the window
  hidden      the residual stream after the block, before any final norm
  embed       input embeddings of word pieces alone, static, in layer 0

Writes FILE, FILE.columns.tsv (which column is which unit), with --text the table of
words FILE.words.tsv, with --surprisal FILE.surprisal.tsv, and FILE.run.json. With --zero
some units are 0 while the model runs, and --loss writes FILE.loss.tsv: the mean surprisal
of a word (BERT: with it masked) with and without them, and without random sets of as many units of each layer
with a mean |response| within 10%; use words that no dictionary was learned from. A model
larger than --memory goes through layer by layer.` + "\n" + exitHelp,
		Example: `  # the Alice words through MiniLM (make minilm gets the folder)
  voxen extract --model build/minilm --words testdata/alice/words.tsv --out alice.npy

  # a text read at 2.5 words per second, query-key units of two layers, in half precision
  voxen extract --model Llama-3.2-1B --text story.txt --rate 2.5 --tap attn.qk --layers 0,15 \
    --dtype float16 --out story.safetensors

  # does the model need the units that prefer sentences to predict words?
  voxen extract --model gpt2 --text sentences.txt --window 4 --stride 4 --out sentences.npy
  voxen extract --model gpt2 --text nonwords.txt --window 4 --stride 4 --out nonwords.npy
  voxen localize --preferred sentences.npy --other nonwords.npy --top 5 --fdr 1 --out preferred
  voxen extract --model gpt2 --words words.tsv --zero preferred/neurons.tsv --loss --loss-draws 20 --out lesion.npy

  # every word with 1 and with 10 words before it: g.npy.context-1.npy, g.npy.context-10.npy
  voxen extract --model gpt2 --words words.tsv --context 1,10 --surprisal --out g.npy`,
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		runs, err := o.Runs()
		if err != nil {
			return err
		}
		for _, run := range runs {
			sum, err := step.Do[*extract.Summary](cmd.Context(), a.env(), run)
			if err != nil {
				return err
			}
			a.printer.result("extract", sum, extractText(sum))
		}
		return nil
	}
	return cmd
}

// extractText is the summary for people.
func extractText(s *extract.Summary) string {
	text := fmt.Sprintf("%d rows of %d units in %d layers, %d windows: on %s in %s", s.Rows, s.Columns, s.Layers, s.Windows, s.Device,
		time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.Rate > 0 {
		text += fmt.Sprintf(", %.0f tokens/s", s.Rate)
	}
	if s.Streamed {
		text += "\nthe model is larger than --memory allows: its weights went through layer by layer"
	}
	if s.Zeroed > 0 {
		text += fmt.Sprintf("\nunits that were 0: %d", s.Zeroed)
	}
	if s.Loss != nil {
		text += "\n" + s.Loss.String()
	}
	if s.Empty > 0 {
		text += fmt.Sprintf("\nrows without a word piece (zero): %d", s.Empty)
	}
	return text + "\nresults in " + s.Out
}
