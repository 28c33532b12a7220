package study

// GroupOptions are the options of the group step. Strings are as on the command
// line; "" is the default.
type GroupOptions struct {
	Maps     []string // a map per subject: an image of one volume or a vector
	Subjects []string // their names; from sub-NAME in the paths if empty
	Mask     string   // voxels of the images
	Atlas    string   // label image: regions over which maps are averaged
	Labels   string   // its table; beside it if empty
	FisherZ  bool     // maps are correlations: test atanh(r)

	Indices   string   // table with participant_id and a column per index
	Contrasts []string // "a-b": differences of columns of Indices; all columns if empty

	Participants string   // participants.tsv
	Scores       []string // its columns that hold cognitive scores
	Covariates   []string // its columns that are held constant

	Permutations int
	Seed         uint64
	Out          string
}

// GroupSummary is what the group step found.
type GroupSummary struct {
	Out          string  `json:"out"`
	Subjects     int     `json:"subjects"`
	Voxels       int     `json:"voxels"`
	Regions      int     `json:"regions"`
	Tests        int     `json:"tests"`       // rows of group.tsv
	Significant  int     `json:"significant"` // of them, q < 0.05
	Permutations int     `json:"permutations"`
	Exact        bool    `json:"exact"` // all sign flips were taken
	Device       string  `json:"device"`
	Seconds      float64 `json:"seconds"`
}
