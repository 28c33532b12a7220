// Scores of predictions and the choice of alpha, in float64.

enum { R2, R, MSE };

// The score of n predictions from the squares S and P of responses and predictions
// about their means, their products D, and the difference of the means: SSE = (S - 2 D
// + P) + n away^2, r2 = 1 - SSE/S, r = D / sqrt(S P), mse = -SSE/n. r2 and r are 0
// with responses that are constant (flat, or S is not above 0), r with predictions.
__device__ inline double score(int kind, double n, double S, double P, double D, double away, bool flat) {
    double sse = fma(n * away, away, S - 2 * D + P);
    if (kind == MSE) return -sse / n;
    if (flat || S <= 0) return 0;
    if (kind == R2) return 1 - sse / S;
    if (P <= 0) return 0;
    return D / sqrt(S * P);
}

// Scores of every alpha from the terms w'C, w'Mw and z'w of the path; centre is what
// the model subtracts from the responses, flat says where they are constant, and
// silent where w is 0.
//
// Launch: x covers columns, y alphas in strides of the grid, z batches and folds.
// Reads three terms and writes a float64 per alpha; moments stay in registers.
KERNEL(cv_score)(OUT(double, out), IN(F, terms), IN(double, moments), IN(double, centre), IN(double, flat), IN(double, silent),
                 const int *borders, int alphas, int cols, int folds, int kind) {
    int v = THREAD_X, b = blockIdx.z / folds, f = blockIdx.z % folds;
    if (v >= cols) return;
    auto t = MAT(terms, b, f);
    auto m = MAT(moments, b, f);
    auto to = MAT(out, b, f);
    double n = borders[f + 1] - borders[f], mean = m(0, v) / n, S = fma(-m(0, v), mean, m(1, v));
    double away = mean - MAT(centre, b, f)(0, v);
    bool still = MAT(flat, b, f)(0, v) != 0, nothing = MAT(silent, b, f)(0, v) != 0;
    for (int a = blockIdx.y; a < alphas; a += gridDim.y) {
        double D = 0, P = 0, p = 0;
        if (!nothing) D = t(a, v), P = t(alphas + a, v), p = t(2 * alphas + a, v) / n;
        to(a, v) = score(kind, n, S, P, D, away - p, still);
    }
}

// Scores of predictions p of responses y, each about its own mean; gap is what y is
// about less what p is about, flat says where y is constant. p is constant where its
// squares are at most n (tol mean)^2.
//
// Launch: x covers columns, z batches.
// Reads y and p twice, 8 operations an element, the sums down the rows.
KERNEL(score_predictions)(OUT(double, out), IN(F, y), IN(F, p), IN(double, flat), IN(double, gap), int rows, int cols, int kind, double tol) {
    int v = THREAD_X, b = blockIdx.z;
    if (v >= cols) return;
    auto left = MAT(y, b, 0);
    auto right = MAT(p, b, 0);
    double n = rows, my = 0, mp = 0, S = 0, P = 0, D = 0;
    for (int t = 0; t < rows; t++) my += left(t, v), mp += right(t, v);
    my /= n, mp /= n;
    for (int t = 0; t < rows; t++) {
        double e = left(t, v) - my, g = right(t, v) - mp;
        S = fma(e, e, S), P = fma(g, g, P), D = fma(e, g, D);
    }
    double bound = tol * mp;
    if (kind == R && P <= n * bound * bound) P = 0;
    MAT(out, b, 0)(0, v) = score(kind, n, S, P, D, my - mp + MAT(gap, b, 0)(0, v), MAT(flat, b, 0)(0, v) != 0);
}

#ifdef IN_F64

// The alpha with the highest score, the larger of equals, and its score.
//
// Launch: x covers columns, z batches and groups.
// Reads each score once.
KERNEL(select_alpha)(OUT(double, out), IN(double, s), const double *alphas, int count, int cols, int groups) {
    int v = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups, best = 0;
    if (v >= cols) return;
    auto in = MAT(s, b, g);
    double top = in(0, v);
    for (int a = 1; a < count; a++) {
        double x = in(a, v);
        bool equal = x == top || (x != x && top != top); // numbers come before NaN
        if (x > top || (top != top && x == x) || (equal && alphas[a] > alphas[best])) best = a, top = x;
    }
    auto to = MAT(out, b, g);
    to(0, v) = alphas[best];
    to(1, v) = top;
}

// Sums of each row over the columns whose status is 0, and in the last row their number.
//
// Launch: a block per row, x rows of the result, z batches and groups.
// Reads each score once.
KERNEL(sum_kept)(OUT(double, out), IN(double, s), IN(double, status), int rows, int cols, int groups) {
    int r = blockIdx.x, b = blockIdx.z / groups, g = blockIdx.z % groups;
    const double *from = MAT(s, b, g).row(r), *left_out = MAT(status, b, g).row(0);
    double sum = 0;
    for (int v = threadIdx.x; v < cols; v += blockDim.x)
        if (left_out[v] == 0) sum += r < rows ? from[v] : 1.0;
    sum = block_sum(sum);
    if (threadIdx.x == 0) MAT(out, b, g)(r, 0) = sum;
}

#endif
