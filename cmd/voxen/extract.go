package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"voxen/brain"
	"voxen/lm"
	"voxen/study/extract"
)

// extractCommand is voxen extract.
func (a *app) extractCommand() *cobra.Command {
	o := extract.Defaults()
	columns := ""
	cmd := &cobra.Command{
		Use:   "extract --model DIR (--words words.tsv | --text FILE | --ids ids.npy) --out FILE.npy",
		Short: "Neuron responses of a language model to a text, a row per word",
		Long: `Run a language model (BERT, RoBERTa, GPT-2, OPT, GPT-NeoX and Pythia, Llama 1 to 3,
Mistral, Qwen 2 to 3, Gemma 2) in a Hugging Face folder over a text and write the
responses of its units: a row per word, a column per unit, layer by layer. A word's
response is the mean over its word pieces.

Taps, one or more, separated by commas:
  ffn.out   output of the second feed-forward layer, before dropout, residual and norm
  ffn.act   its input (Llama: act(gate) * up)
  attn.out  output of the attention's projection, before the residual
  attn.q    query units of every head, before any rotation by position
  attn.k    key units, likewise
  attn.qk   a query unit times the mean of its key unit over the window
  hidden    the residual stream after the block, before any final norm

Writes FILE, FILE.columns.tsv (which column is which unit), with --text the table of
words FILE.words.tsv, and FILE.run.json. A model larger than --memory goes through
layer by layer.` + "\n" + exitHelp,
		Example: `  # the Alice words through MiniLM (make minilm gets the folder)
  voxen extract --model build/minilm --words testdata/alice/words.tsv --out alice.npy

  # a text read at 2.5 words per second, query-key units of two layers, in half precision
  voxen extract --model Llama-3.2-1B --text story.txt --rate 2.5 --tap attn.qk --layers 0,15 \
    --dtype float16 --out story.safetensors`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Columns, err = wordColumns(columns); err != nil {
				return err
			}
			if !cmd.Flags().Changed("stride") {
				o.Stride = min(o.Stride, max(o.Window, 1))
			}
			sum, err := extract.Run(cmd.Context(), a.env(), o)
			if err != nil {
				return err
			}
			a.printer.result("extract", sum, extractText(sum))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Model, "model", "", "Hugging Face model folder: config.json, safetensors, tokenizer")
	f.StringVar(&o.Words, "words", "", "word table, .tsv or .csv; a row of responses per row")
	f.StringVar(&o.Text, "text", "", "UTF-8 text; a row of responses per word between white space")
	f.StringVar(&o.IDs, "ids", "", "token ids (.npy), all in one window; a row of responses per id")
	f.StringVar(&o.Out, "out", "", "responses, .npy or .safetensors")
	f.StringVar(&o.Tap, "tap", o.Tap, "where to read, one or more of the taps above")
	f.StringVar(&o.Layers, "layers", o.Layers, "all, or layers from 0 as in 0,3,5-7")
	f.IntVar(&o.Window, "window", o.Window, "words that the model sees together")
	f.IntVar(&o.Stride, "stride", o.Stride, "words from one window to the next, at most the window")
	f.StringVar(&o.DType, "dtype", o.DType, "float32 or float16, of the file")
	f.StringVar(&columns, "columns", "", "word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier")
	f.Float64Var(&o.Rate, "rate", 0, "words per second of --text, for the times in its table of words")
	taps := make([]string, len(lm.Taps))
	for i, t := range lm.Taps {
		taps[i] = string(t)
	}
	choices(cmd, map[string][]string{"tap": taps, "layers": {"all"}, "dtype": {"float32", "float16"}})
	cmd.MarkFlagRequired("model")
	cmd.MarkFlagRequired("out")
	return cmd
}

// wordColumns reads --columns.
func wordColumns(s string) (brain.WordColumns, error) {
	if s == "" {
		return brain.WordColumns{}, nil
	}
	names := strings.Split(s, ",")
	if len(names) == 1 {
		return brain.WordColumns{Word: s}, nil
	}
	if len(names) != 3 || names[0] == "" || names[1] == "" || names[2] == "" {
		return brain.WordColumns{}, usageError{fmt.Errorf("--columns %q, expected the names of three columns: word,onset,offset; or of one, the words", s)}
	}
	return brain.WordColumns{Word: names[0], Onset: names[1], Offset: names[2]}, nil
}

// extractText is the summary for people.
func extractText(s extract.Summary) string {
	text := fmt.Sprintf("%d rows of %d units in %d layers, %d windows: on %s in %s", s.Rows, s.Columns, s.Layers, s.Windows, s.Device,
		time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond))
	if s.Rate > 0 {
		text += fmt.Sprintf(", %.0f tokens/s", s.Rate)
	}
	if s.Streamed {
		text += "\nthe model is larger than --memory allows: its weights went through layer by layer"
	}
	if s.Empty > 0 {
		text += fmt.Sprintf("\nrows without a word piece (zero): %d", s.Empty)
	}
	return text + "\nresults in " + s.Out
}
