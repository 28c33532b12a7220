package study

// OrganizeModel is one model's part of the organise step: what learn, align and
// match wrote for it.
type OrganizeModel struct {
	// Codes is codes.npz of learn. columns.tsv beside it names the neurons.
	Codes string
	// Matches is matches.tsv of match. What match wrote beside it (subjects.npz,
	// null.npy) gives consistency over subjects and intervals.
	Matches string
	// Responses, (time, neurons), are what was learned from: for compactness. ""
	// leaves it out.
	Responses string
}

// OrganizeOptions are the options of the organise step (docs/study.md,
// "organize"). Models are shown in the order given.
type OrganizeOptions struct {
	Models     []OrganizeModel
	Threshold  float64 // least summed share of a sub-group's neuron; 0: 0.5
	FDR        float64 // an atom belongs to its best match below this q; 0: 0.05
	Bootstraps int     // resamplings of subjects; 0: 1,000
	Seed       uint64
	Out        string
}

// OrganizeSummary is what the organise step found.
type OrganizeSummary struct {
	Out     string         `json:"out"`
	Models  []ModelSummary `json:"models"`
	Seconds float64        `json:"seconds"`
}

// ModelSummary is the row of models.tsv of one model. Numbers that cannot be
// had (consistency of one layer, say) are nil.
type ModelSummary struct {
	Model       string   `json:"model"`
	Layers      int      `json:"layers"`
	Neurons     int      `json:"neurons"`
	Assigned    int      `json:"assigned"`    // to the sub-group of a network
	Diversity   *float64 `json:"diversity"`   // mean over layers
	Consistency *float64 `json:"consistency"` // over layers
}
