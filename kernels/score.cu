// Scores of predictions and the choice of alpha, in float64.

enum { R2, R, MSE };

// The score of n rows from the sums of y, y^2, p, p^2 and y p about one centre
// (op.Score.Of): r2 is 1 - SSE/SST, r Pearson's correlation, mse -SSE/n.
__device__ inline double score(int kind, double n, double y, double yy, double p, double pp, double py) {
    double sse = yy - 2 * py + pp;
    if (kind == MSE) return -sse / n;
    double sst = yy - y * y / n;
    if (sst != sst) return sst;
    if (!(sst > CONSTANT_RATIO * yy)) return 0;
    if (kind == R2) return 1 - sse / sst;
    double variance = pp - p * p / n;
    if (variance != variance) return variance;
    // pp comes in working precision: below its rounding a prediction is constant
    if (!(variance > CONSTANT_RATIO * pp)) return 0;
    return (py - p * y / n) / sqrt(variance * sst);
}

// Scores of every alpha from the terms w'C, w'Mw and z'w of the path.
//
// Launch: x covers columns, y alphas in strides of the grid, z batches and folds.
// Reads three terms and writes a float64 per alpha; moments stay in registers.
KERNEL(cv_score)(OUT(double, out), IN(F, terms), IN(double, moments), const int *borders, int alphas, int cols, int folds, int kind) {
    int v = THREAD_X, b = blockIdx.z / folds, f = blockIdx.z % folds;
    if (v >= cols) return;
    auto t = MAT(terms, b, f);
    auto m = MAT(moments, b, f);
    auto to = MAT(out, b, f);
    double y = m(0, v), yy = m(1, v), n = borders[f + 1] - borders[f];
    for (int a = blockIdx.y; a < alphas; a += gridDim.y)
        to(a, v) = score(kind, n, y, yy, t(2 * alphas + a, v), t(alphas + a, v), t(a, v));
}

// Scores of predictions p of responses y, from sums about the mean of y.
//
// Launch: x covers columns, z batches.
// Reads y twice and p once, 8 operations an element, the sums down the rows.
KERNEL(score_predictions)(OUT(double, out), IN(F, y), IN(F, p), int rows, int cols, int kind) {
    int v = THREAD_X, b = blockIdx.z;
    if (v >= cols) return;
    auto left = MAT(y, b, 0);
    auto right = MAT(p, b, 0);
    double n = rows, mean = 0, sy = 0, syy = 0, sp = 0, spp = 0, spy = 0;
    for (int t = 0; t < rows; t++) mean += left(t, v);
    mean /= n;
    for (int t = 0; t < rows; t++) {
        double e = left(t, v) - mean, g = right(t, v) - mean;
        sy += e, sp += g;
        syy = fma(e, e, syy), spp = fma(g, g, spp), spy = fma(e, g, spy);
    }
    // responses that are constant up to the rounding of their mean are constant
    if (syy <= n * CONSTANT_RATIO * mean * mean) sy = syy = 0;
    MAT(out, b, 0)(0, v) = score(kind, n, sy, syy, sp, spp, spy);
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
        if (x > top || (!(x < top) && alphas[a] > alphas[best])) best = a, top = x;
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
