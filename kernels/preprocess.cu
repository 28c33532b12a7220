// Preprocessing of responses run by run, and delayed features.

#define REGRESSORS 8 // dot products that a thread keeps at once

// Removes the span of an orthonormal basis c from each column within each run. What
// is left of a column becomes 0 where its sum of squares is at most n (tol size)^2;
// without sizes it stays.
//
//   z = y - c (c' y)
//
// Launch: x covers columns, y runs, z batches.
// Reads y once for every 8 of the q regressors and once more to subtract, and what
// is left once with sizes; 4 q operations an element, the sums down the rows in float64.
KERNEL(residualize)(OUT(F, z), IN(F, y), IN(F, c), IN(double, size), const int *borders, int q, int cols, double tol) {
    int v = THREAD_X, b = blockIdx.z, lo = borders[blockIdx.y], hi = borders[blockIdx.y + 1];
    if (v >= cols) return;
    auto in = MAT(y, b, 0);
    auto basis = MAT(c, b, 0);
    auto out = MAT(z, b, 0);
    for (int j0 = 0; j0 < q; j0 += REGRESSORS) {
        double dot[REGRESSORS];
#pragma unroll
        for (int j = 0; j < REGRESSORS; j++) dot[j] = 0;
        for (int t = lo; t < hi; t++) {
            double x = in(t, v);
#pragma unroll
            for (int j = 0; j < REGRESSORS; j++)
                if (j0 + j < q) dot[j] = fma((double)basis(t, j0 + j), x, dot[j]);
        }
        for (int t = lo; t < hi; t++) {
            double rest = j0 == 0 ? in(t, v) : out(t, v);
#pragma unroll
            for (int j = 0; j < REGRESSORS; j++)
                if (j0 + j < q) rest = fma(-(double)basis(t, j0 + j), dot[j], rest);
            out(t, v) = (F)rest;
        }
    }
    if (!size_p) return;
    double square = 0, bound = tol * MAT(size, b, blockIdx.y)(0, v);
    for (int t = lo; t < hi; t++) square = fma((double)out(t, v), (double)out(t, v), square);
    if (square <= (hi - lo) * bound * bound)
        for (int t = lo; t < hi; t++) out(t, v) = 0;
}

// Centres each column within each run and, with unit, divides it by its SD there. A
// column becomes 0 where its sum of squares about the mean is at most n (tol size)^2;
// without sizes that is its root mean square.
//
// Launch: x covers columns, y runs, z batches.
// Reads y three times, the later ones from a cache where a run fits; the sums run
// down the rows in float64.
KERNEL(run_scale)(OUT(F, z), IN(F, y), IN(double, size), const int *borders, int cols, int unit, double tol) {
    int v = THREAD_X, b = blockIdx.z, lo = borders[blockIdx.y], hi = borders[blockIdx.y + 1];
    if (v >= cols) return;
    auto in = MAT(y, b, 0);
    auto out = MAT(z, b, 0);
    double n = hi - lo, mean = 0, square = 0, scale = 1;
    for (int t = lo; t < hi; t++) mean += in(t, v);
    mean /= n;
    for (int t = lo; t < hi; t++) {
        double d = in(t, v) - mean;
        square = fma(d, d, square);
    }
    double bound = tol * (size_p ? MAT(size, b, blockIdx.y)(0, v) : sqrt(fma(mean, mean, square / n)));
    if (square <= n * bound * bound) scale = 0;
    else if (unit) scale = 1 / sqrt(square / n);
    for (int t = lo; t < hi; t++) out(t, v) = (F)((in(t, v) - mean) * scale);
}

// Shifted copies of features side by side, where they have to be in memory (see
// fir.cu).
//
//   out[t, j cols + k] = x[from[j, t], k], or pad[k] (0 without it) where that is -1
//
// Launch: x covers the columns of the result, y rows in strides of the grid, z batches.
// Moves 2 values per element.
KERNEL(delay)(OUT(F, out), IN(F, x), IN(F, pad), const int *from, int count, int rows, int cols) {
    int c = THREAD_X, b = blockIdx.z;
    if (c >= count * cols) return;
    int j = c / cols, k = c % cols;
    auto in = MAT(x, b, 0);
    auto to = MAT(out, b, 0);
    F outside = pad_p ? pad_p[k] : (F)0;
    for (int t = blockIdx.y; t < rows; t += gridDim.y) {
        int r = from[j * rows + t];
        to(t, c) = r >= 0 ? in(r, k) : outside;
    }
}
