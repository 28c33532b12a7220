// What a ridge design needs besides products, once per job. Model m is trained on
// all rows but fold m, the last one on all.

// The rows that model m is not trained on.
__device__ __forceinline__ void held_out(const int *borders, int folds, int m, int *lo, int *hi) {
    *lo = m < folds ? borders[m] : 0;
    *hi = m < folds ? borders[m + 1] : 0;
}

// 1/SD of each feature from its sum and sum of squares over rows[g] rows; 1 where the
// variance is at most 1e-13 of the mean square.
//
// Launch: x covers columns, z batches and groups.
KERNEL(feature_scale)(OUT(F, out), IN(F, s), const double *rows, int cols, int groups) {
    int k = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (k >= cols) return;
    auto in = MAT(s, b, g);
    double mean = in(0, k) / rows[g], square = in(1, k) / rows[g];
    double variance = square - mean * mean;
    MAT(out, b, g)(0, k) = variance > 1e-13 * square ? (F)(1 / sqrt(variance)) : (F)1;
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

#endif
