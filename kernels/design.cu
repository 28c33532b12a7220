// What a ridge design needs besides products, once per job. Model m is trained on
// all rows but fold m, the last one on all.

// The rows that model m is not trained on.
__device__ __forceinline__ void held_out(const int *borders, int folds, int m, int *lo, int *hi) {
    *lo = m < folds ? borders[m] : 0;
    *hi = m < folds ? borders[m + 1] : 0;
}

// 1/SD of each feature from its sum and sum of squares over rows[g] rows.
//
// Launch: x covers columns, z batches and groups.
KERNEL(feature_scale)(OUT(F, out), IN(F, s), const double *rows, int cols, int groups) {
    int k = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (k >= cols) return;
    auto in = MAT(s, b, g);
    double mean = in(0, k) / rows[g], square = in(1, k) / rows[g];
    MAT(out, b, g)(0, k) = (F)inverse_sd(square - mean * mean, square);
}

// The mean of every row of a kernel over the training rows of each model, for
// center_kernel. means has a row per batch and model.
//
// Launch: a block per row, x rows, z batches and models.
// Reads each element once.
KERNEL(center_means)(IN(F, k), double *means, const int *borders, int n, int models) {
    int lo, hi, b = blockIdx.z / models, m = blockIdx.z % models;
    held_out(borders, models - 1, m, &lo, &hi);
    const F *row = MAT(k, b, m).row(blockIdx.x);
    double sum = 0;
    for (int j = threadIdx.x; j < n; j += blockDim.x)
        if (j < lo || j >= hi) sum += row[j];
    sum = block_sum(sum);
    if (threadIdx.x == 0) means[(long long)blockIdx.z * n + blockIdx.x] = sum / (n - (hi - lo));
}

// A kernel centred on the training rows of each model, u the mean over them.
//
//   out = (I - 1 u') K (I - u 1')
//
// Launch: x covers columns, y rows in strides of the grid, z batches and models.
// Moves 2 values per element.
KERNEL(center_kernel)(OUT(F, out), IN(F, k), const double *means, const int *borders, int n, int models) {
    int lo, hi, c = THREAD_X, b = blockIdx.z / models, m = blockIdx.z % models;
    held_out(borders, models - 1, m, &lo, &hi);
    means += (long long)blockIdx.z * n;
    double total = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        if (i < lo || i >= hi) total += means[i];
    total = block_sum(total) / (n - (hi - lo));
    if (c >= n) return;
    auto from = MAT(k, b, m);
    auto to = MAT(out, b, m);
    for (int r = blockIdx.y; r < n; r += gridDim.y) to(r, c) = (F)(from(r, c) - means[r] - means[c] + total);
}

// A kernel without the columns of rows that a model is not trained on and, with
// both, without those rows.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and models.
// Moves 2 values per element.
KERNEL(train_kernel)(OUT(F, out), IN(F, k), const int *borders, int n, int models, int both) {
    int lo, hi, c = THREAD_X, b = blockIdx.z / models, m = blockIdx.z % models;
    held_out(borders, models - 1, m, &lo, &hi);
    if (c >= n) return;
    auto from = MAT(k, b, m);
    auto to = MAT(out, b, m);
    for (int r = blockIdx.y; r < n; r += gridDim.y) {
        bool cleared = (c >= lo && c < hi) || (both && r >= lo && r < hi);
        to(r, c) = cleared ? (F)0 : from(r, c);
    }
}

// The rows of fold f from group f; fold[t] is the fold of row t.
//
// Launch: x covers columns, y rows in strides of the grid, z batches.
// Moves 2 values per element.
KERNEL(fold_rows)(OUT(F, out), IN(F, x), const int *fold, int rows, int cols) {
    int c = THREAD_X, b = blockIdx.z;
    if (c >= cols) return;
    auto to = MAT(out, b, 0);
    for (int t = blockIdx.y; t < rows; t += gridDim.y) to(t, c) = MAT(x, b, fold[t])(t, c);
}

#ifdef IN_F64

// Clears eigenvectors and eigenvalues that are nothing but rounding: those of at
// most ratio times the largest value. The last row holds the values, ascending.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 values per element.
KERNEL(drop_null)(OUT(double, out), IN(double, x), int cols, int groups, double ratio) {
    int c = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (c >= cols) return;
    auto from = MAT(x, b, g);
    auto to = MAT(out, b, g);
    const double *values = from.row(cols);
    double limit = ratio * values[cols - 1];
    for (int r = blockIdx.y; r <= cols; r += gridDim.y) to(r, c) = values[r < cols ? r : c] > limit ? from(r, c) : 0.0;
}

// Sums s and sums of squares q about another centre.
//
//   s - n c,  q - 2 c s + n c^2
//
// Launch: x covers columns, z batches and folds.
KERNEL(moments_about)(OUT(double, out), IN(double, s), IN(double, centre), const int *borders, int cols, int folds) {
    int v = THREAD_X, b = blockIdx.z / folds, f = blockIdx.z % folds;
    if (v >= cols) return;
    auto in = MAT(s, b, f);
    auto to = MAT(out, b, f);
    double n = borders[f + 1] - borders[f], c = MAT(centre, b, f)(0, v);
    to(0, v) = fma(-n, c, in(0, v));
    to(1, v) = fma(n * c, c, fma(-2 * c, in(0, v), in(1, v)));
}

#endif
