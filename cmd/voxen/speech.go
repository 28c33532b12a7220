package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"voxen/study/speech"
)

// speechCommand is voxen speech.
func (a *app) speechCommand() *cobra.Command {
	return stepCommand(a, speech.New(), speechText, cobra.Command{
		Use:   "speech [--words TABLE] [--audio A.wav] --tr SECONDS --volumes N --out DIR",
		Short: "What any response to speech follows: words, their length and frequency, loudness",
		Long: `Write, volume by volume, what any response to speech follows whatever the model, as
regressors to stand beside it (voxen encode --baseline): of the words whose onset lies in a
volume their number (word_rate), and the means of their place in the sentence
(word_position) and in the story (story_position), their letters (word_length) and their
Zipf frequency (word_frequency), of --frequencies or as they are counted in the story; of a
recording the envelope (audio_envelope), the root mean square of hundredths of a second.
All are convolved with the haemodynamic response.

Writes a .npy (volumes, 1) of each and run.json to DIR.` + "\n" + exitHelp,
		Example: `  # a baseline of the words of Alice in Wonderland
  voxen speech --words testdata/alice/words.tsv --tr 2 --volumes 372 --out speech`,
	})
}

// speechText is the summary for people.
func speechText(s *speech.Summary) string {
	text := ""
	if s.Words > 0 {
		text = fmt.Sprintf("%d words, %d ends of sentences, %d words without a frequency\n", s.Words, s.Sentences, s.Unknown)
	}
	if s.Audio > 0 {
		text += fmt.Sprintf("%.4g s of sound\n", s.Audio)
	}
	return text + "features in " + s.Out
}
