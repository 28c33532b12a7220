// Dictionary learning: codes, losses, statistics of codes, atoms. Signals, atoms
// and codes are rows.

// op.SparseCode.Shrink.
__device__ __forceinline__ F shrink(F x, F lambda, int nonnegative) {
    if (x > lambda) return x - lambda;
    if (x < -lambda && !nonnegative) return x + lambda;
    return 0;
}

// Lasso codes of signals by coordinate descent in Gram space, a warp per signal.
//
//   a = argmin 1/2 a'G a - c'a + lambda |a|_1   (a >= 0 if nonnegative)
//
// A lane has the coordinates lane, lane + 32, ...: their codes, 1/G[k,k], and
// correlations with the residual, c - G a, all in registers. The correlations are in
// float64: they take every step there is, thousands where atoms are alike. A sweep
// first asks all coordinates at once which would move (a vote), then updates those in
// order: the lane that owns one computes its step, all get it by a shuffle, and each
// subtracts its part of a row of G, which is in shared memory; up to 64 atoms as
// float64, so that a change converts nothing but its step. A sweep costs what
// moves: one row of G per change, 2 rank operations. The last sweep is that in which
// none would move by more than tol max|c| / (1 + sweeps / 64): a descent that takes
// long shortens its steps slowly, and what is left of the way grows like their number.
//
// Launch: a block of CODE_WARPS warps, signals in strides of the grid, z batches;
// shared memory rank^2 float64 (up to 64 atoms) or rank^2 values, or 0 with G read
// from the second-level cache.
// Moves 2 rank values per signal, and G once per block.
#define CODE_WARPS 8

// A if it is so, else B.
template <bool so, class A, class B> struct Select { typedef A type; };
template <class A, class B> struct Select<false, A, B> { typedef B type; };

// The largest step with which a descent may end.
__device__ __forceinline__ F last_step(F limit, int sweep) { return limit * 64 / (64 + sweep); }

template <int PER, class Gram> // coordinates of a lane; type of the copy of G
__device__ __forceinline__ void lasso(Matrix<F> a, Matrix<const F> c, const Gram *G, long long ld, int signals, int rank, F lambda, F tol,
                                      int sweeps, int nonnegative) {
    int lane = threadIdx.x % WARP;
    double own[PER]; // G[k,k], or 0
    F inverse[PER];  // its inverse, or 0
#pragma unroll
    for (int i = 0; i < PER; i++) {
        int k = i * WARP + lane;
        F g = k < rank ? (F)G[k * ld + k] : (F)0;
        own[i] = g > 0 ? g : (F)0;
        inverse[i] = g > 0 ? 1 / g : (F)0;
    }
    for (int v = blockIdx.x * CODE_WARPS + threadIdx.x / WARP; v < signals; v += gridDim.x * CODE_WARPS) {
        F code[PER], top = 0;
        double rest[PER];
#pragma unroll
        for (int i = 0; i < PER; i++) {
            int k = i * WARP + lane;
            F x = k < rank ? c(v, k) : (F)0;
            code[i] = 0;
            rest[i] = x;
            top = abs(x) > top ? abs(x) : top;
        }
        auto next = [&](int i) { return shrink((F)fma(own[i], (double)code[i], rest[i]), lambda, nonnegative) * inverse[i]; };
        F limit = tol * warp_max(top);
        for (int sweep = 0; sweep < sweeps; sweep++) {
            unsigned move[PER], far = 0;
#pragma unroll
            for (int i = 0; i < PER; i++) {
                F step = next(i) - code[i];
                move[i] = __ballot_sync(FULL, step != 0);
                far |= __ballot_sync(FULL, abs(step) > last_step(limit, sweep));
            }
#pragma unroll
            for (int i = 0; i < PER; i++)
                while (move[i]) {
                    int owner = __ffs(move[i]) - 1;
                    move[i] &= move[i] - 1;
                    F to = next(i), step = __shfl_sync(FULL, to - code[i], owner);
                    if (lane == owner) code[i] = to;
                    const Gram *row = G + (i * WARP + owner) * ld;
#pragma unroll
                    for (int j = 0; j < PER; j++)
                        if (j * WARP + lane < rank) rest[j] = fma(-(double)step, (double)row[j * WARP + lane], rest[j]);
                }
            if (!far) break;
        }
#pragma unroll
        for (int i = 0; i < PER; i++)
            if (i * WARP + lane < rank) a(v, i * WARP + lane) = code[i];
    }
}

// sparse_code with up to 32 PER coordinates.
#define SPARSE_CODE(PER)                                                                                                                     \
    BOUNDED(sparse_code_##PER, CODE_WARPS *WARP)                                                                                             \
    (OUT(F, a), IN(F, G), IN(F, c), int signals, int rank, int groups, int sweeps, int nonnegative, int shared, double lambda, double tol) { \
        int b = blockIdx.z / groups, g = blockIdx.z % groups;                                                                                \
        auto gram = MAT(G, b, g);                                                                                                            \
        typedef Select<PER <= 2, double, F>::type Staged;                                                                                    \
        SHARED(Staged, staged);                                                                                                              \
        if (PER <= 2 || shared)                                                                                                              \
            for (int e = threadIdx.x; e < rank * rank; e += blockDim.x) staged[e] = gram(e / rank, e % rank);                                \
        __syncthreads();                                                                                                                     \
        if (PER <= 2 || shared)                                                                                                              \
            lasso<PER>(MAT(a, b, g), MAT(c, b, g), (const Staged *)staged, rank, signals, rank, (F)lambda, (F)tol, sweeps, nonnegative);     \
        else                                                                                                                                 \
            lasso<PER>(MAT(a, b, g), MAT(c, b, g), gram.p, gram.ld, signals, rank, (F)lambda, (F)tol, sweeps, nonnegative);                  \
    }
SPARSE_CODE(1)
SPARSE_CODE(2)
SPARSE_CODE(4)
SPARSE_CODE(8)
#undef SPARSE_CODE

// sparse_code with any number of coordinates: codes are kept in the result and
// correlations in rest (signals x rank for each batch), lane by lane.
//
// Launch: as sparse_code; shared memory a vote of 4 bytes per warp and 32 coordinates.
BOUNDED(sparse_code_any, CODE_WARPS *WARP)
(OUT(F, a), IN(F, G), IN(F, c), double *rest, int signals, int rank, int groups, int sweeps, int nonnegative, double lambda, double tol) {
    int b = blockIdx.z / groups, m = blockIdx.z % groups, lane = threadIdx.x % WARP, parts = (rank + WARP - 1) / WARP;
    auto gram = MAT(G, b, m);
    SHARED(unsigned, votes);
    unsigned *move = votes + threadIdx.x / WARP * parts;
    for (int v = blockIdx.x * CODE_WARPS + threadIdx.x / WARP; v < signals; v += gridDim.x * CODE_WARPS) {
        const F *from = MAT(c, b, m).row(v);
        F *code = MAT(a, b, m).row(v), top = 0;
        double *r = rest + ((long long)blockIdx.z * signals + v) * rank;
        for (int k = lane; k < rank; k += WARP) {
            code[k] = 0;
            r[k] = from[k];
            top = abs(from[k]) > top ? abs(from[k]) : top;
        }
        F limit = (F)tol * warp_max(top);
        auto next = [&](int k) { // what coordinate k would become, by the arithmetic of lasso
            F own = k < rank && gram(k, k) > 0 ? gram(k, k) : (F)0, inverse = own > 0 ? 1 / own : (F)0;
            return own > 0 ? shrink((F)fma((double)own, (double)code[k], r[k]), (F)lambda, nonnegative) * inverse : (F)0;
        };
        for (int sweep = 0; sweep < sweeps; sweep++) {
            unsigned far = 0;
            for (int i = 0; i < parts; i++) {
                int k = i * WARP + lane;
                F step = k < rank ? next(k) - code[k] : (F)0;
                unsigned vote = __ballot_sync(FULL, step != 0);
                if (lane == 0) move[i] = vote;
                far |= __ballot_sync(FULL, abs(step) > last_step(limit, sweep));
            }
            __syncwarp();
            for (int i = 0; i < parts; i++)
                for (unsigned left = move[i]; left; left &= left - 1) {
                    int owner = __ffs(left) - 1, k = i * WARP + lane;
                    F to = k < rank ? next(k) : (F)0, step = __shfl_sync(FULL, k < rank ? to - code[k] : (F)0, owner);
                    if (lane == owner) code[k] = to;
                    const F *row = gram.row(i * WARP + owner);
                    for (int j = lane; j < rank; j += WARP) r[j] = fma(-(double)step, (double)row[j], r[j]);
                }
            __syncwarp();
            if (!far) break;
        }
    }
}

// Codes of the lasso brought to its optimum where a descent fell short of it, as op.FinishCodes, a warp per signal.
//
// With r = c - G a the conditions are r = lambda sign(a) where a is not 0 and |r| <= lambda elsewhere. Codes that meet
// them to within 4 tol max|c| are copied. Others are solved by an active set in float64 (feature-sign search, Lee et
// al. 2007), as on the processor (sparse.Finisher says why so): a Newton step on the codes that are not 0, with a search
// along it through changes of sign; then the atom that breaks its condition most joins, and so on. Lanes have places
// of the set, or rows of its factor, in turns.
//
// Launch: blocks of one warp, signals of all matrices in strides of the grid; mem holds FINISH_WORDS(rank) float64 per
// block.
// Reads 2 rank values per signal, and rank values of G per code that is not 0; a step is set^3/3 operations more.
#define FINISH_WORDS(rank) ((long long)(rank) * ((rank) + 6))
#define FINISH_SLACK 4
#define FINISH_RIDGE 1e-11

struct ActiveSet {
    int rank, lane, count, entered, nonnegative;
    double lambda, tol;
    Matrix<const double> G;
    double *factor, *c, *x, *r, *step, *cross;
    int *places;

    __device__ double sign(int i) const { // of the code at place i, or that it will have
        int k = places[i];
        return (k == entered ? r[k] : x[k]) < 0 ? -1 : 1;
    }

    // Finds r, the worst of the conditions, and where off is: the worst of codes that are 0.
    __device__ void conditions(double *on, double *off, int *worst) {
        double used = 0, unused = 0;
        int at = 0;
        __syncwarp();
        for (int j = lane; j < rank; j += WARP) {
            double sum = c[j];
            for (int k = 0; k < rank; k++)
                if (x[k] != 0) sum = fma(-x[k], G(k, j), sum);
            r[j] = sum;
            if (!(G(j, j) > 0)) continue;
            if (x[j] != 0) {
                double miss = abs(x[j] < 0 ? sum + lambda : sum - lambda);
                used = miss > used ? miss : used;
                continue;
            }
            double miss = (!nonnegative && sum < 0 ? -sum : sum) - lambda;
            if (miss > unused) unused = miss, at = j;
        }
        *on = warp_max(used);
        *off = warp_max(unused);
        unsigned has = __ballot_sync(FULL, unused == *off && unused > 0); // of equals any lane will do, the first
        *worst = __shfl_sync(FULL, at, has ? __ffs(has) - 1 : 0);
        __syncwarp();
    }

    // Lists the codes that move.
    __device__ void choose() {
        count = 0;
        for (int k0 = 0; k0 < rank; k0 += WARP) {
            int k = k0 + lane;
            bool in = k < rank && (x[k] != 0 || k == entered) && G(k, k) > 0;
            unsigned all = __ballot_sync(FULL, in);
            if (in) places[count + __popc(all & ((1u << lane) - 1))] = k;
            count += __popc(all);
        }
        __syncwarp();
    }

    // Finds the step to where codes of the set would meet their conditions: L L' step = r - lambda sign.
    __device__ void newton() {
        int n = count;
        for (int i = lane; i < n; i += WARP) step[i] = r[places[i]] - lambda * sign(i);
        __syncwarp();
        for (int j = 0; j < n; j++) { // column j of L, and element j of what L times it gives
            int pj = places[j];
            for (int i = j + lane; i < n; i += WARP) {
                double sum = G(places[i], pj);
                if (i == j) sum = fma(FINISH_RIDGE, sum, sum);
                for (int m = 0; m < j; m++) sum = fma(-factor[(long long)i * n + m], factor[(long long)j * n + m], sum);
                factor[(long long)i * n + j] = sum;
            }
            __syncwarp();
            double least = FINISH_RIDGE * G(pj, pj), pivot = factor[(long long)j * n + j], root = sqrt(pivot > least ? pivot : least);
            double done = step[j] / root;
            __syncwarp();
            for (int i = j + lane; i < n; i += WARP) {
                double x = i == j ? root : factor[(long long)i * n + j] / root;
                factor[(long long)i * n + j] = x;
                step[i] = i == j ? done : fma(-x, done, step[i]);
            }
            __syncwarp();
        }
        for (int i = n - 1; i >= 0; i--) {
            double done = step[i] / factor[(long long)i * n + i];
            __syncwarp();
            for (int j = lane; j <= i; j += WARP) step[j] = j == i ? done : fma(-factor[(long long)i * n + j], done, step[j]);
            __syncwarp();
        }
    }

    // Goes along the step to where the objective is least; the share that it went.
    __device__ double advance() {
        double slope = 0, lost = 0, t;
        for (int i = lane; i < count; i += WARP) {
            slope = fma(step[i], r[places[i]] - lambda * sign(i), slope);
            cross[i] = step[i] * sign(i) < 0 ? -x[places[i]] / step[i] : infinity();
        }
        slope = warp_sum(slope);
        int stop = -1;
        for (;;) {
            t = 1 - lost / slope;
            double near = infinity();
            int at = 0;
            for (int i = lane; i < count; i += WARP)
                if (cross[i] < near) near = cross[i], at = i;
            double nearest = -warp_max(-near);
            unsigned has = __ballot_sync(FULL, near == nearest);
            at = __shfl_sync(FULL, at, has ? __ffs(has) - 1 : 0);
            if (!(nearest < t)) break;
            lost = fma(2 * lambda, abs(step[at]), lost);
            t = nearest;
            if (nonnegative || (1 - t) * slope <= lost) {
                stop = at;
                break;
            }
            __syncwarp();
            if (lane == 0) cross[at] = infinity();
            __syncwarp();
        }
        for (int i = lane; i < count; i += WARP) {
            int k = places[i];
            x[k] = i == stop ? 0 : fma(t, step[i], x[k]);
        }
        __syncwarp();
        return t;
    }

    // Moves x from where the conditions miss by on and off to the optimum, or as near as it comes.
    __device__ void solve(double on, double off, int worst) {
        for (int i = 0; i < 64 + 4 * rank && (on > tol || off > tol); i++) {
            entered = on <= tol ? worst : -1;
            choose();
            newton();
            if (advance() == 0) return;
            conditions(&on, &off, &worst);
        }
    }
};

BOUNDED(finish_codes, WARP)
(OUT(F, out), IN(double, G), IN(F, c), IN(F, a), double *mem, int batches, int groups, int signals, int rank, int nonnegative, double lambda, double tol) {
    ActiveSet s;
    double *own = mem + blockIdx.x * FINISH_WORDS(rank);
    s.rank = rank, s.lane = threadIdx.x, s.count = 0, s.entered = -1, s.nonnegative = nonnegative;
    s.factor = own, own += (long long)rank * rank;
    s.c = own, s.x = own + rank, s.r = own + 2 * rank, s.step = own + 3 * rank, s.cross = own + 4 * rank, s.places = (int *)(own + 5 * rank);
    s.tol = tol;
    for (long long i = blockIdx.x; i < (long long)batches * groups * signals; i += gridDim.x) {
        int v = (int)(i % signals), g = (int)(i / signals % groups), b = (int)(i / signals / groups);
        const F *cross = MAT(c, b, g).row(v), *from = MAT(a, b, g).row(v);
        F *to = MAT(out, b, g).row(v);
        s.G = MAT(G, b, g);
        double top = 0;
        for (int k = s.lane; k < rank; k += WARP) {
            double x = abs((double)cross[k]);
            top = x > top ? x : top;
        }
        top = warp_max(top);
        double unit = 1 / top; // a signal of any size is solved near 1
        bool sized = unit < infinity();
        s.lambda = sized ? lambda / top : 0;
        for (int k = s.lane; k < rank; k += WARP) {
            to[k] = from[k];
            s.c[k] = sized ? (double)cross[k] / top : 0;
            s.x[k] = sized ? (double)from[k] / top : 0;
        }
        double on = 0, off = 0, before, after;
        int worst = 0;
        s.conditions(&on, &off, &worst);
        before = on > off ? on : off;
        if (!(before > FINISH_SLACK * tol)) continue; // the same in all lanes
        s.solve(on, off, worst);
        for (int k = s.lane; k < rank; k += WARP) s.x[k] = (double)(F)(s.x[k] * top) / top;
        s.conditions(&on, &off, &worst);
        after = on > off ? on : off;
        if (after < before)
            for (int k = s.lane; k < rank; k += WARP) to[k] = (F)(s.x[k] * top);
        __syncwarp();
    }
}

// The objective at each signal, in float64, a warp per signal.
//
//   loss[v] = 1/2 |s_v|^2 - c_v'a_v + 1/2 a_v'G a_v + lambda |a_v|_1
//
// Only rows of G of codes that are not 0 are read, each lane its columns.
//
// Launch: blocks of CODE_WARPS warps, signals in strides of the grid, z batches.
// Moves 2 rank values per signal, and 2 rank operations per code that is not 0.
KERNEL(code_loss)(OUT(double, loss), IN(F, a), IN(F, c), IN(F, G), IN(double, squares), int signals, int rank, int groups, double lambda) {
    int b = blockIdx.z / groups, g = blockIdx.z % groups, lane = threadIdx.x % WARP;
    auto gram = MAT(G, b, g);
    for (int v = blockIdx.x * CODE_WARPS + threadIdx.x / WARP; v < signals; v += gridDim.x * CODE_WARPS) {
        const F *code = MAT(a, b, g).row(v), *cross = MAT(c, b, g).row(v);
        double sum = 0;
        for (int k0 = 0; k0 < rank; k0 += WARP) {
            F mine = k0 + lane < rank ? code[k0 + lane] : (F)0;
            for (unsigned used = __ballot_sync(FULL, mine != 0); used; used &= used - 1) {
                int k = k0 + __ffs(used) - 1;
                double x = code[k], Ga = 0;
                for (int j = lane; j < rank; j += WARP) Ga = fma((double)gram(k, j), (double)code[j], Ga);
                sum = fma(x, Ga / 2, sum);
            }
            sum = fma((double)mine, -(double)(k0 + lane < rank ? cross[k0 + lane] : (F)0), sum);
            sum = fma(lambda, abs((double)mine), sum);
        }
        sum = warp_sum(sum);
        if (lane == 0) MAT(loss, b, g)(0, v) = MAT(squares, b, g)(0, v) / 2 + sum;
    }
}

// A sweep over the atoms, atom after atom (Mairal et al. 2009, algorithm 2).
//
//   u = d_k + (b_k - sum_j A[k,j] d_j) / A[k,k],  d_k = u / max(|u|, 1)
//
// Atoms go by groups of 8. For a group, b_k - sum_j A[k,j] d_j comes first for all 8
// at once, each d_j read once; then, atom by atom, the change of one is taken off
// the rest of those after it. A thread has some of the times t in all atoms, so
// that threads meet only for the norms.
//
// Launch: one block of up to 1024 threads per batch and group; rest holds 8 x
// length values, in shared memory or where rest points to.
// rank^2 length (1 + 8/rank) multiplications, rank norms of two barriers each.
#define ATOM_GROUP 8
#define ATOM_STAGED 64 // columns of A in shared memory at once
BOUNDED(atom_update, 1024)
(OUT(F, out), IN(F, atoms), IN(double, A), IN(F, B), F *rest, int rank, int length, int groups) {
    __shared__ F staged[ATOM_STAGED][ATOM_GROUP], corner[ATOM_GROUP][ATOM_GROUP];
    int b = blockIdx.z / groups, g = blockIdx.z % groups;
    SHARED(F, shared_rest);
    F *r = rest ? rest + (long long)blockIdx.z * ATOM_GROUP * length : shared_rest;
    auto old = MAT(atoms, b, g);
    auto gram = MAT(A, b, g);
    auto cross = MAT(B, b, g);
    auto d = MAT(out, b, g);
    for (int k = 0; k < rank; k++)
        for (int t = threadIdx.x; t < length; t += blockDim.x) d(k, t) = old(k, t);
    for (int k0 = 0; k0 < rank; k0 += ATOM_GROUP) {
        int here = min(ATOM_GROUP, rank - k0);
        __syncthreads();
        for (int e = threadIdx.x; e < here * here; e += blockDim.x) corner[e / here][e % here] = (F)gram(k0 + e / here, k0 + e % here);
        for (int j0 = 0; j0 < rank; j0 += ATOM_STAGED) {
            __syncthreads();
            for (int e = threadIdx.x; e < ATOM_STAGED * ATOM_GROUP; e += blockDim.x) {
                int k = k0 + e % ATOM_GROUP, j = j0 + e / ATOM_GROUP;
                staged[e / ATOM_GROUP][e % ATOM_GROUP] = k < rank && j < rank ? (F)gram(k, j) : (F)0;
            }
            __syncthreads();
            for (int t = threadIdx.x; t < length; t += blockDim.x) {
                F sum[ATOM_GROUP];
#pragma unroll
                for (int i = 0; i < ATOM_GROUP; i++) sum[i] = i >= here ? (F)0 : j0 == 0 ? cross(k0 + i, t) : r[i * length + t];
                for (int j = j0; j < rank && j < j0 + ATOM_STAGED; j++) {
                    F x = d(j, t);
#pragma unroll
                    for (int i = 0; i < ATOM_GROUP; i++) sum[i] = fma(-staged[j - j0][i], x, sum[i]);
                }
#pragma unroll
                for (int i = 0; i < ATOM_GROUP; i++)
                    if (i < here) r[i * length + t] = sum[i];
            }
        }
        for (int i = 0; i < here; i++) {
            int k = k0 + i;
            double used = gram(k, k), square = 0;
            if (!(used > 0)) continue; // the same for the whole block
            for (int t = threadIdx.x; t < length; t += blockDim.x) {
                F u = d(k, t) + (F)(r[i * length + t] / used);
                r[i * length + t] = u;
                square = fma((double)u, (double)u, square);
            }
            double norm = sqrt(block_sum(square));
            F scale = (F)(1 / (norm > 1 ? norm : 1.0));
            for (int t = threadIdx.x; t < length; t += blockDim.x) {
                F u = scale * r[i * length + t], change = u - d(k, t);
                d(k, t) = u;
                for (int n = i + 1; n < here; n++) r[n * length + t] = fma(-corner[n][i], change, r[n * length + t]);
            }
        }
    }
}

// Puts the worst-coded signals in the place of dead atoms: the i-th dead atom
// becomes the signal with the i-th largest loss, scaled to unit norm, of equal
// losses the earlier; signals of norm 0 are never taken.
//
// Launch: one block of 256 per batch and group.
// Copies the atoms; for each dead atom reads the losses once and one signal.
KERNEL(replace_atoms)(OUT(F, out), IN(F, atoms), IN(double, dead), IN(F, signals), IN(double, loss), int rank, int length, int count, int groups) {
    __shared__ double best[WARP];
    __shared__ int where[WARP];
    int b = blockIdx.z / groups, g = blockIdx.z % groups, lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    auto old = MAT(atoms, b, g);
    auto d = MAT(out, b, g);
    const double *l = MAT(loss, b, g).row(0);
    double last = 0; // loss and place of the signal taken last, -1 before the first
    int taken = -1;
    bool left = true;
    for (int k = 0; k < rank; k++) {
        bool replaced = false;
        while (left && MAT(dead, b, g)(0, k) != 0 && !replaced) {
            // the next in the order of falling losses and rising places
            double top = 0;
            int at = -1;
            for (int v = threadIdx.x; v < count; v += blockDim.x) {
                bool after = taken < 0 || l[v] < last || (l[v] == last && v > taken);
                if (after && (at < 0 || l[v] > top)) top = l[v], at = v;
            }
            for (int o = WARP / 2; o > 0; o >>= 1) {
                double t = __shfl_xor_sync(FULL, top, o);
                int v = __shfl_xor_sync(FULL, at, o);
                if (v >= 0 && (at < 0 || t > top || (t == top && v < at))) top = t, at = v;
            }
            __syncthreads();
            if (lane == 0) best[warp] = top, where[warp] = at;
            __syncthreads();
            top = best[0], at = where[0];
            for (int w = 1; w < (int)(blockDim.x / WARP); w++)
                if (where[w] >= 0 && (at < 0 || best[w] > top || (best[w] == top && where[w] < at))) top = best[w], at = where[w];
            if (at < 0) {
                left = false;
                break;
            }
            last = top, taken = at;
            const F *s = MAT(signals, b, g).row(at);
            double square = 0;
            for (int t = threadIdx.x; t < length; t += blockDim.x) square = fma((double)s[t], (double)s[t], square);
            square = block_sum(square);
            if (!(square > 0)) continue;
            double norm = sqrt(square);
            for (int t = threadIdx.x; t < length; t += blockDim.x) d(k, t) = (F)(s[t] / norm);
            replaced = true;
        }
        if (!replaced)
            for (int t = threadIdx.x; t < length; t += blockDim.x) d(k, t) = old(k, t);
    }
}

#ifdef IN_F64

// Marks atoms that codes hardly use: A[k,k] <= ratio max_j A[j,j].
//
// Launch: one block of 256 per batch and group.
KERNEL(dead_atoms)(OUT(double, dead), IN(double, A), int rank, int groups, double ratio) {
    int b = blockIdx.z / groups, g = blockIdx.z % groups;
    auto gram = MAT(A, b, g);
    double top = 0;
    for (int k = threadIdx.x; k < rank; k += blockDim.x) top = fmax(top, gram(k, k));
    top = block_max(top);
    for (int k = threadIdx.x; k < rank; k += blockDim.x) MAT(dead, b, g)(0, k) = top > 0 && gram(k, k) <= ratio * top;
}

#endif
