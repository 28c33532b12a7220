// Package coupling correlates two sets of time courses, all pairs at once, and
// says how many independent samples each correlation rests on.
//
//	r_xy  = 1/N sum_t x_t y_t                                  of standardised courses
//	N_eff = N / (1 + 2 sum_k (1 - k/N) rho_x(k) rho_y(k)),     k = 1 .. N/5, at least 3
//
// (Bartlett 1935; Bayley and Hammersley 1946): slow courses have few independent
// samples, and a correlation of a thousand slow samples means little. Everything
// is made of products on the engine: the correlations are one, the
// autocorrelations two (the power spectrum and back, Wiener and Khinchin), and
// the sums over lags of all pairs one more.
//
//	be, _, err := engine.Open("auto", engine.Config{})
//	st, err := coupling.Fit(ctx, be, neurons, networks, coupling.Outputs{R: r, NEff: n}, coupling.Options{})
//	p := coupling.P(r, nEff)
//
// The package knows no files and corrects for no number of tests.
package coupling
