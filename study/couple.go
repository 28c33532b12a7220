package study

import "voxen/brain"

// CoupleOptions are the options of the couple step. Strings are as on the
// command line; "" is the default.
type CoupleOptions struct {
	Responses  string   // (T, N): artificial neurons, aligned to volumes
	Biological string   // (T, M): time courses of biological neurons; or
	Bold       []string // images or arrays of one recording each, from which they are learned
	Mask       string   // voxels of the images
	Detrend    string   // of the BOLD: none, linear or cosine:SECONDS
	TR, Start  float64  // seconds between volumes, and when the first one starts
	Out        string

	// of the dictionary of the BOLD
	Atoms, Epochs, Batch int
	Lambda               float64
	Seed                 uint64

	Q           float64 // false discovery rate of the coupled pairs
	Words       string  // word table: what drives the anchored pairs
	WordColumns brain.WordColumns
	HRF         string // that the responses were convolved with: none, glover or spm
	TopWords    int
}

// CoupleSummary is what the couple step found.
type CoupleSummary struct {
	Out        string  `json:"out"`
	Rows       int     `json:"rows"`
	Artificial int     `json:"artificial"`
	Biological int     `json:"biological"`
	Pairs      int     `json:"pairs"`    // tested
	Coupled    int     `json:"coupled"`  // q below the rate
	Anchored   int     `json:"anchored"` // mutual best and coupled
	Constant   int     `json:"constant"` // artificial neurons left out
	Device     string  `json:"device"`
	Seconds    float64 `json:"seconds"`
}
