package report

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"voxen/internal/stimulus"
	page "voxen/report"
	"voxen/store"
	"voxen/study/match"
	"voxen/study/step"
)

// reference is a work that the methods rest on.
type reference struct{ key, text string }

// The references, by the key with which the text cites them.
var references = []reference{
	{"Alexander-Bloch et al. 2018", "Alexander-Bloch, A. F. et al. (2018). On testing for spatial correspondence between maps of human brain structure and function. NeuroImage 178, 540–551."},
	{"Bayley and Hammersley 1946", "Bayley, G. V. and Hammersley, J. M. (1946). The “effective” number of independent observations in an autocorrelated time series. Supplement to the Journal of the Royal Statistical Society 8, 184–197."},
	{"Benjamini and Hochberg 1995", "Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate: a practical and powerful approach to multiple testing. Journal of the Royal Statistical Society B 57, 289–300."},
	{"Dupré la Tour et al. 2022", "Dupré la Tour, T., Eickenberg, M., Nunez-Elizalde, A. O. and Gallant, J. L. (2022). Feature-space selection with banded ridge regression. NeuroImage 264, 119728."},
	{"Freedman and Lane 1983", "Freedman, D. and Lane, D. (1983). A nonstochastic interpretation of reported significance levels. Journal of Business & Economic Statistics 1, 292–298."},
	{"Glover 1999", "Glover, G. H. (1999). Deconvolution of impulse response in event-related BOLD fMRI. NeuroImage 9, 416–429."},
	{"Liu et al. 2023", "Liu, X., Zhou, M., Shi, G., Du, Y., Zhao, L., Wu, Z., Liu, D., Liu, T. and Hu, X. (2023). Coupling artificial neurons in BERT and biological neurons in the human brain. Proceedings of the AAAI Conference on Artificial Intelligence 37(7), doi:10.1609/aaai.v37i7.26068; arXiv:2303.14871."},
	{"Mairal et al. 2009", "Mairal, J., Bach, F., Ponce, J. and Sapiro, G. (2009). Online dictionary learning for sparse coding. Proceedings of the 26th International Conference on Machine Learning, 689–696."},
	{"Sun et al. 2024", "Sun, H., Zhao, L., Wu, Z., Gao, X., Hu, Y., Zuo, M., Zhang, W., Han, J., Liu, T. and Hu, X. (2024). Brain-like functional organization within large language models. arXiv:2410.19542."},
	{"Wang et al. 2024", "Wang, Y., Gong, X., Meng, L., Wu, X. and Meng, H. (2024). Large language model-based FMRI encoding of language functions for subjects with neurocognitive disorder. arXiv:2407.10376."},
	{"Winkler et al. 2014", "Winkler, A. M., Ridgway, G. R., Webster, M. A., Smith, S. M. and Nichols, T. E. (2014). Permutation inference for the general linear model. NeuroImage 92, 381–397."},
	{"Yeo et al. 2011", "Yeo, B. T. T. et al. (2011). The organization of the human cerebral cortex estimated by intrinsic functional connectivity. Journal of Neurophysiology 106, 1125–1165."},
}

// methodsText collects sentences and the references they cite.
type methodsText struct {
	paragraphs []page.Block
	cited      map[string]bool
}

// add appends a paragraph and remembers the works it cites, whose keys it holds.
func (m *methodsText) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, r := range references {
		if strings.Contains(text, r.key) {
			m.cited[r.key] = true
		}
	}
	m.paragraphs = append(m.paragraphs, page.Text(text))
}

// methods writes what was done, as a paper would say it, from the options that
// the steps recorded.
func (b *reporter) methods(context.Context) error {
	s := b.page.Section("methods", "Methods", "Text for a paper, made from the options that the steps recorded; steps that are not in this report are not described.")
	m := &methodsText{cited: map[string]bool{}}
	if b.o.Simulated != "" {
		m.add("These data are simulated. %s", b.o.Simulated)
	}
	if b.o.plain() {
		m.add("Encoding models of every voxel were fitted with voxen %s.", b.version())
	} else {
		m.add("The analysis couples sub-groups of artificial neurons of language models with functional brain networks (Sun et al. 2024), with voxen %s.", b.version())
	}
	for _, model := range b.o.Models {
		b.modelMethods(m, model)
	}
	if run := b.of("organize"); run != nil {
		m.add("A neuron's share on an atom is the absolute value of its code over the sum of all; it belongs to the sub-group of the network on whose atoms its shares sum highest, if that sum reaches %s. Intervals are bootstraps over subjects (%s resamplings).",
			option(run, "--threshold", "0.5"), option(run, "--bootstraps", "1000"))
	}
	for _, model := range b.o.Models {
		if run := b.of(model.Name + ": lesion"); run != nil {
			m.add("%s", lesions(model.Name, run))
		}
	}
	s.Add(m.paragraphs...)
	s.Add(page.Heading("Software"), page.Text(b.software()))
	s.Add(page.Heading("References"))
	for _, r := range references {
		if m.cited[r.key] {
			s.Add(page.Text(r.text))
		}
	}
	return nil
}

// modelMethods describes the steps of a model.
func (b *reporter) modelMethods(m *methodsText, model Model) {
	if run := b.of(model.Name + ": extract"); run != nil {
		m.add("%s", extraction(model.Name, run))
	}
	if run := b.of(model.Name + ": align"); run != nil {
		response := map[string]string{"glover": "were convolved with the haemodynamic response of Glover 1999", "spm": "were convolved with the haemodynamic response of SPM"}[option(run, "--hrf", "none")]
		if response == "" {
			response = "were not convolved"
		}
		m.add("Responses of %s per word were combined (%s) within volumes of %s s and %s%s.", model.Name, option(run, "--within", "mean"), option(run, "--tr", "?"), response, stepsOf(run))
	}
	if run := b.of(model.Name + ": learn"); run != nil {
		m.add("The response of each neuron of %s was scaled (%s), and %s atoms were learned by online dictionary learning with an L1 penalty λ = %s on the codes in %s passes over batches of %s signals (seed %s; Mairal et al. 2009).",
			model.Name, option(run, "--standardize", "none"), option(run, "--atoms", "?"), option(run, "--lambda", "?"), option(run, "--epochs", "?"), option(run, "--batch", "?"), option(run, "--seed", "0"))
	}
	if n := len(model.Encode); n > 0 {
		if run := b.of(model.Name + ": encode " + model.Subjects[0]); run != nil {
			m.add("With %s as fixed regressors, %s was fitted to every voxel of %d %s. %s; features and responses were detrended (%s), freed of %s and scaled (%s) within runs%s%s. %s%s%s",
				regressors(model, run)+delaysOf(run), regression(run), n, plural(n, "subject", "subjects"), penaltyOf(run), option(run, "--detrend", "none"), confoundsOf(run), option(run, "--per-run", "none"), trimmed(run), censoredIn(run), heldOutOf(run), chanceOf(run), methodOf(run))
		}
	}
	if run := b.of(model.Name + ": match"); run != nil {
		m.add("The mean over subjects of each atom's %s was compared with the network templates %s by spatial correlation; its best match is the template of the largest |r|, of either sign. Its p-value is (1 + b)/(1 + n), the largest of those from the distributions of the maximum of |r| over templates in %s; the false discovery rate over atoms was held at %s (Benjamini and Hochberg 1995).",
			b.mapsOfAtoms(model), templateNames(run), nullsOf(run, b.of(model.Name+": null")), option(run, "--fdr", "0.05"))
	}
	if run := b.of(model.Name + ": couple"); run != nil {
		m.add("Every artificial neuron of %s was correlated with every biological neuron (Liu et al. 2023), the time course of a functional network%s. The significance of a correlation rests on the effective number of samples N/(1 + 2 Σ (1 − k/N) ρx(k) ρy(k)), k = 1 … N/5, at least 3 (Bayley and Hammersley 1946)%s, and the false discovery rate over all pairs was held at %s (Benjamini and Hochberg 1995).",
			model.Name, learnedFrom(run), overRuns(run), option(run, "--fdr", "0.05"))
	}
	if run := b.of(model.Name + ": group"); run != nil && run.Results["means_only"] > 0 {
		m.add("Means over subjects of the %s are given without a test: there is no null to take off.", mapsOf(run))
	} else if run != nil {
		if run.Results["nulls"] > 0 {
			m.add("The mean of its null was taken off each subject's %s.", mapsOf(run))
		}
		m.add("Means over subjects were tested by flipping the signs of subjects (%s draws, or all flips where they are fewer), with the familywise error by the maximum statistic (Winkler et al. 2014).", option(run, "--permutations", "?"))
		if scores := option(run, "--scores", ""); scores != "" {
			held := option(run, "--covariates", "")
			if held == "" {
				held = "no covariates"
			}
			m.add("The brain score of a subject is the mean %s over a region; its partial correlation with %s, with %s held constant, was tested by permuting residuals (Freedman and Lane 1983), with the false discovery rate over regions (Benjamini and Hochberg 1995), as in the study of brain scores and cognition of Wang et al. 2024.", mapsOf(run), scores, held)
		}
	}
}

// extraction says what of a language model was read, and how.
func extraction(name string, run *store.Run) string {
	taps := strings.Split(option(run, "--tap", "?"), ",")
	for i, tap := range taps {
		if words := tapsInWords[tap]; words != "" {
			taps[i] = words + " (" + tap + ")"
		}
	}
	layers := "all layers"
	if l := option(run, "--layers", "all"); l != "all" {
		layers = "layers " + l + " (counted from 0)"
	}
	units := strings.Join(taps, " and ") + " of " + layers
	if inputsAs(run, "--sae") > 0 {
		units = "the features of a sparse autoencoder on " + units
	}
	text := fmt.Sprintf("The language model %s gave %s", name, units)
	switch stride := option(run, "--stride", ""); {
	case inputsAs(run, "--ids") > 0:
		return text + ", a row for each token, all tokens in one window."
	case option(run, "--context", "") != "":
		text += " for each word with " + option(run, "--context", "") + " words before it"
	case stride == "":
		text += " in windows of " + option(run, "--window", "?") + " words"
	default:
		text += fmt.Sprintf(" in windows of %s words, a new one every %s", option(run, "--window", "?"), stride)
	}
	if option(run, "--pieces", "mean") == "last" {
		return text + "; a word's response is that of its last word piece."
	}
	return text + "; a word's response is the mean over its word pieces."
}

// tapsInWords are the places at which language models are read.
var tapsInWords = map[string]string{
	"ffn.out":    "the outputs of the second feed-forward layer",
	"ffn.act":    "the activations between the two feed-forward layers",
	"attn.out":   "the outputs of attention's projection",
	"attn.heads": "the outputs of the attention heads",
	"attn.q":     "the queries of the attention heads",
	"attn.k":     "the keys of the attention heads",
	"attn.qk":    "the products of queries and mean keys of the attention heads",
	"hidden":     "the states after each block",
	"embed":      "the embeddings of the word pieces",
}

// stepsOf says what align did to every column after the convolution.
func stepsOf(run *store.Run) string {
	var text string
	if d := option(run, "--detrend", "none"); d != "none" {
		text += ", detrended (" + d + ")"
	}
	if z := option(run, "--standardize", "none"); z != "none" {
		text += ", standardised (" + z + ")"
	}
	return text
}

// delaysOf says by how many rows regressors were delayed.
func delaysOf(run *store.Run) string {
	if d := option(run, "--delays", ""); d != "" {
		return ", delayed by " + strings.ReplaceAll(d, ",", ", ") + " volumes side by side,"
	}
	return ""
}

// trimmed says which rows were cut from the ends of runs.
func trimmed(run *store.Run) string {
	var text string
	for _, t := range []struct{ option, what string }{{"--trim", "runs"}, {"--trim-features", "the runs of features"}} {
		if head, tail, ok := strings.Cut(option(run, t.option, ""), ":"); ok {
			text += fmt.Sprintf(", after %s rows at the head and %s at the tail of %s were cut", head, tail, t.what)
		}
	}
	return text
}

// chanceOf says what the p of voxels rest on, after a space.
func chanceOf(run *store.Run) string {
	kind, draws, ok := strings.Cut(option(run, "--null", ""), ":")
	if !ok {
		return ""
	}
	draws, _, _ = strings.Cut(draws, ",")
	how := map[string]string{
		"shift":  "the whole fit was repeated with the features shifted circularly within runs",
		"phase":  "the whole fit was repeated with the phases of the features drawn anew within runs",
		"blocks": "contiguous blocks of predictions were permuted within held-out runs",
	}[kind]
	if kind == "blocks" && option(run, "--nested", "") == "true" {
		how = "the whole fit was repeated with contiguous blocks of features permuted within folds"
	}
	return fmt.Sprintf(" For the p of a voxel's held-out score, %s (n = %s%s); the false discovery rate is over voxels (Benjamini and Hochberg 1995).", how, draws, seedOf(run))
}

// seedOf names the seed of a run's draws, after a semicolon.
func seedOf(run *store.Run) string {
	if seed := option(run, "--seed", ""); seed != "" {
		return "; seed " + seed
	}
	return ""
}

// mapsOfAtoms says what the maps are that match compared.
func (b *reporter) mapsOfAtoms(m Model) string {
	if len(m.Encode) == 0 {
		return "weight map"
	}
	switch option(b.of(m.Name+": encode "+m.Subjects[0]), "--maps", "") {
	case "product":
		return "map (the product measure of its contribution to held-out predictions, with the sign of its weight)"
	case "weights":
		return "weight map, summed over delays,"
	}
	return "weight map"
}

// regressors says what an encoding model was fitted to.
func regressors(m Model, run *store.Run) string {
	what := "the atoms of " + m.Name
	if m.plain() {
		what = "the features of " + m.Name
		if by := option(run, "--by", ""); by == "layer" || by == "head" {
			return fmt.Sprintf("the units of each %s of %s by themselves (the best %s of a voxel being that with the highest score of training rows)", by, m.Name, by)
		}
	}
	var bands []string
	for _, part := range strings.Split(option(run, "--bands", ""), ",") {
		if name, _, ok := strings.Cut(part, "="); ok && !slices.Contains(bands, name) {
			bands = append(bands, name)
		}
	}
	if len(bands) == 0 {
		return what
	}
	text := "the feature spaces " + strings.Join(bands, ", ") + " as bands with a penalty each"
	if base := option(run, "--baseline", ""); base != "" {
		text += fmt.Sprintf(" (%s being the baseline that the others are compared with)", base)
	}
	return text
}

// regression names the model of a voxel.
func regression(run *store.Run) string {
	if option(run, "--bands", "") != "" {
		return "banded ridge by random search"
	}
	switch model := option(run, "--model", "ridge"); {
	case model == "ridge":
		return "a ridge regression"
	case model == "lasso":
		return "a lasso"
	default:
		return "an elastic net (L1 share " + strings.TrimPrefix(model, "enet:") + ")"
	}
}

// methodOf names the paper of the fit, after a space.
func methodOf(run *store.Run) string {
	if option(run, "--model", "ridge") != "ridge" {
		return ""
	}
	return " The method is that of voxel-wise encoding with cross-validated ridge (Dupré la Tour et al. 2022)."
}

// mapsOf says which score the maps of a group are, by the names of their files.
func mapsOf(run *store.Run) string {
	for _, in := range run.Inputs {
		if in.Role != "--maps" {
			continue
		}
		for _, k := range scoreKinds {
			if strings.HasPrefix(filepath.Base(in.Path), k.file) {
				return k.name
			}
		}
	}
	return "value of the map"
}

// confoundsOf says what was regressed out besides trends.
func confoundsOf(run *store.Run) string {
	columns := option(run, "--confound-columns", "")
	switch {
	case inputsAs(run, "--confounds") == 0 || columns == step.NoColumns:
		return "no confounds"
	case columns == "":
		return "all columns of the confounds tables"
	}
	return step.ControlsInWords(strings.Split(columns, ","))
}

// censoredIn says which rows were left out.
func censoredIn(run *store.Run) string {
	if c := option(run, "--censor", ""); c != "" {
		return ", rows with " + c + " left out of every sum, at their place in time"
	}
	return ""
}

// folds says how the cross-validation cut the rows.
func folds(run *store.Run) string {
	cv := option(run, "--cv", "")
	switch {
	case cv == "runs", cv == "" && inputsAs(run, "--responses")+inputsAs(run, "--runs") > 1:
		return "leaving one run out"
	case cv == "":
		return "5 contiguous folds"
	}
	switch {
	case cv == "loo":
		return "leaving one row out"
	case cv == "gcv":
		return "generalised"
	case strings.HasPrefix(cv, "chunks:"):
		return "random chunks of rows held out, " + cv
	}
	return strings.TrimPrefix(cv, "kfold:") + " contiguous folds"
}

// penaltyOf says how the penalty came about.
func penaltyOf(run *store.Run) string {
	alphas := option(run, "--alphas", "?")
	if oneAlpha(run) {
		return fmt.Sprintf("The penalty was %s at every voxel, and scores are of %s (%s)", alphas, folds(run), option(run, "--score", "?"))
	}
	whom := "for each voxel"
	if option(run, "--alpha-per", "voxel") == "all" {
		whom = "for all voxels together"
	}
	return fmt.Sprintf("The penalty (%s) was chosen %s by cross-validation (%s; score %s)", alphas, whom, folds(run), option(run, "--score", "?"))
}

// oneAlpha reports whether there was no penalty to choose.
func oneAlpha(run *store.Run) bool {
	_, err := strconv.ParseFloat(option(run, "--alphas", "?"), 64)
	return err == nil
}

// nullsOf lists the nulls that take part in p, with their draws and seeds; stimulus is
// the run of the stimulus null, if the report has it.
func nullsOf(run, stimulus *store.Run) string {
	asked := strings.Split(option(run, "--nulls", "maps,subjects,stimulus"), ",")
	draws, seed := option(run, "--draws", "?"), option(run, "--seed", "0")
	var list []string
	if slices.Contains(asked, "maps") {
		list = append(list, fmt.Sprintf("n = %s surrogates that keep the spatial autocorrelation (random fields with the variogram of the map in volumes, rotations of the templates on surfaces: Alexander-Bloch et al. 2018; seed %s)", draws, seed))
	}
	if slices.Contains(asked, "subjects") && run.Results["subjects"] >= match.FewestInP {
		others, _ := strconv.Atoi(draws)
		text := "maps of which the signs of subjects were flipped (n = %d; Winkler et al. 2014)"
		n, all := match.Flips(int(run.Results["subjects"]), others)
		if all {
			text = "maps of which the signs of subjects were flipped (all %d ways; Winkler et al. 2014)"
		}
		list = append(list, fmt.Sprintf(text, n))
	}
	if inputsAs(run, "--stimulus-null") > 0 && slices.Contains(asked, "stimulus") {
		text := "maps of encoding models that were fitted again, any choice of the penalty included, to atoms " + unheard(stimulus)
		if n := run.Results["stimulus_draws"]; n > 0 {
			text += fmt.Sprintf(" (n = %g%s)", n, seedOf(stimulus))
		}
		list = append(list, text)
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// unheard says how the stimulus null changed the atoms; nil where its run is not known.
func unheard(run *store.Run) string {
	switch {
	case run == nil:
		return "that were shifted against the responses or whose phases were drawn anew"
	case run.Results["shifts"] >= stimulus.FewestShifts:
		return "that were shifted against the responses"
	}
	return "whose phases were drawn anew"
}

// heldOutOf says of which data the scores are that models were not chosen by.
func heldOutOf(run *store.Run) string {
	var list []string
	if n := inputsAs(run, "--test-responses"); n > 0 {
		list = append(list, fmt.Sprintf("Models were tested on %d held-out %s (test score).", n, plural(n, "run", "runs")))
	}
	if option(run, "--nested", "") == "true" {
		text := "Each fold was also predicted by a model whose penalty was chosen on the other folds alone and which was fitted to them (nested score)."
		if oneAlpha(run) {
			text = "Each fold was predicted by a model that was fitted to the others (nested score)."
		}
		list = append(list, text)
	}
	if len(list) == 0 && oneAlpha(run) {
		return ""
	}
	if len(list) == 0 {
		return "No data were held out from the choice of the penalty."
	}
	return strings.Join(list, " ")
}

// templateNames lists the files of templates that match read.
func templateNames(run *store.Run) string {
	var names []string
	for _, in := range run.Inputs {
		if in.Role == "--templates" {
			name := filepath.Base(in.Path)
			if strings.Contains(name, "yeo") || strings.Contains(name, "Yeo") {
				name += " (Yeo et al. 2011)"
			}
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "that were given"
	}
	return strings.Join(names, ", ")
}

// overRuns says how couple put several runs together.
func overRuns(run *store.Run) string {
	if runs := run.Results["runs"]; runs > 1 {
		return fmt.Sprintf(" for each of the %g runs, within which courses were standardised, and the variances of the runs' sums of products were added", runs)
	}
	return ""
}

// learnedFrom says where biological neurons come from.
func learnedFrom(run *store.Run) string {
	if n := int(run.Results["subjects"]); n > 0 {
		return fmt.Sprintf(", learned from the BOLD of %d %s (detrending within runs: %s; %s regressed out%s) by the same dictionary learning with %s atoms",
			n, plural(n, "subject", "subjects"), option(run, "--detrend", "none"), confoundsOf(run), censoredIn(run), option(run, "--atoms", "?"))
	}
	return ", which was given"
}

// software names devices and libraries of all steps.
func (b *reporter) software() string {
	var devices, libraries, versions []string
	for _, r := range b.steps {
		if r.run == nil {
			continue
		}
		note := func(list *[]string, s string) {
			if s != "" && !slices.Contains(*list, s) {
				*list = append(*list, s)
			}
		}
		note(&versions, r.run.Version)
		d := deviceName(r.run.Device)
		if r.run.Device.Driver != "" {
			d += ", driver " + r.run.Device.Driver
		}
		note(&devices, d)
		for name, version := range r.run.Device.Libraries {
			note(&libraries, name+" "+version)
		}
	}
	sort.Strings(libraries)
	text := "Steps ran with voxen " + strings.Join(versions, ", ") + " on " + strings.Join(devices, "; ")
	if len(libraries) > 0 {
		text += ", with " + strings.Join(libraries, ", ")
	}
	return text + "."
}

// lesions says how a model was run without its sub-groups.
func lesions(name string, run *store.Run) string {
	text := fmt.Sprintf("Whether %s needs the units of a sub-group was asked by holding them at 0 while it read a text", name)
	if inputsAs(run, "--seen") > 0 {
		text += " that its dictionary had not seen"
	}
	return text + fmt.Sprintf(" (%g words). The loss, the mean over words of −log2 of the probability that the model gives their pieces, was compared with that without %s random sets of as many units of every layer whose mean |response| was within 10%% (seed %s): p = (1 + b)/(1 + n), b of the n sets losing at least as much, with the false discovery rate over sub-groups (Benjamini and Hochberg 1995); sub-groups with fewer than 19 other sets like them were not tested.",
		run.Results["words"], option(run, "--draws", "?"), option(run, "--seed", "0"))
}
