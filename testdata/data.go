// Package testdata embeds the real inputs that voxen ships, so that the demo runs
// from the binary alone. README.md beside it gives provenance and licences.
package testdata

import "embed"

// Files holds the Haxby BOLD runs with their events, and the Alice words and
// MiniLM responses.
//
//go:embed README.md haxby2001 alice/words.tsv alice/bold.json alice/minilm_neurons_tr.npy
var Files embed.FS
