package study

// MatchOptions are the options of the match step (docs/study.md, "match").
// Strings are as on the command line; "" is the default.
type MatchOptions struct {
	Maps      []string // a file per subject: (atoms, voxels) .npy, 4-D NIfTI, dscalar or dtseries
	Mask      string   // voxels of the maps; default: mask.nii.gz beside the first map if there is one
	Templates string   // labels or one volume per network: NIfTI or CIFTI
	Table     string   // index, name and color of label templates; default: the .tsv beside them
	Spheres   []string // GIFTI spheres, left then right, for maps on a surface
	Draws     int      // surrogates; 0: 5,000
	Seed      uint64
	FDR       float64 // an atom belongs to its best match below this q; 0: 0.05
	Out       string
}

// MatchSummary is what the match step found.
type MatchSummary struct {
	Out      string  `json:"out"`
	Subjects int     `json:"subjects"`
	Atoms    int     `json:"atoms"`
	Networks int     `json:"networks"`
	Voxels   int     `json:"voxels"`   // compared: in both grids, finite in every map
	LeftOut  int     `json:"left_out"` // voxels of the maps that were not
	Draws    int     `json:"draws"`
	Null     string  `json:"null"` // variogram or spin
	Matched  int     `json:"matched"`
	Device   string  `json:"device"`
	Seconds  float64 `json:"seconds"`
}
