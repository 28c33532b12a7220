// Package coupling correlates two sets of time courses, all pairs at once, and
// says how many independent samples each correlation rests on.
//
//	r_xy  = 1/N sum_t x_t y_t                                  of standardised courses
//	N_eff = N / (1 + 2 sum_k (1 - k/N) rho_x(k) rho_y(k)),     k = 1 .. N/5, at least 3
//
// With several runs, i = 1 .. R of n_i rows each, courses are standardised within
// runs and autocorrelations are those of each run. Nothing is known of the time
// between runs, so that the variances of their sums of products add:
//
//	Var(r) = 1/N^2 sum_i n_i d_i,   d_i = 1 + 2 sum_k (1 - k/n_i) rho_xi(k) rho_yi(k)
//	N_eff  = 1 / Var(r) = N / sum_i (n_i/N) d_i,               at least R + 2
//
// (Bartlett 1935; Bayley and Hammersley 1946): slow courses have few independent
// samples, and a correlation of a thousand slow samples means little. Everything
// is made of products on the engine: the correlations are one, the
// autocorrelations two (the power spectrum and back, Wiener and Khinchin), and
// the sums over lags of all pairs one more.
//
//	be, _, err := engine.Open("auto", engine.Config{})
//	st, err := coupling.Fit(ctx, be, neurons, networks, coupling.Outputs{R: r, NEff: n}, coupling.Options{})
//	p := coupling.P(r, nEff, 1)
//
// The package knows no files and corrects for no number of tests.
package coupling
