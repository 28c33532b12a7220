// Package testdata embeds the real inputs that voxen ships, so that the demo runs
// from the binary alone. README.md beside it gives provenance and licences.
package testdata

import "embed"

// Files holds the Haxby BOLD runs with their events, the Alice words and MiniLM
// responses, and the seven networks of Yeo et al. (2011).
//
//go:embed README.md haxby2001 alice/words.tsv alice/bold.json alice/minilm_neurons_tr.npy networks/yeo7_space-MNI_res-3_label.nii.gz networks/yeo7.tsv
var Files embed.FS

// Templates holds the inflated and pial surfaces of fsaverage5 and the T1 template of
// the MNI at 3 mm, which voxen plot draws maps on.
//
//go:embed templates/LICENSE templates/*.gz
var Templates embed.FS
