/* Philox4x32-10 for one ISA: lanes run over blocks, one 32-bit word in each 64-bit lane.
 *
 * The multiply takes the low halves of its lanes and gives all 64 bits, so what lies in the high
 * halves needs no clearing before the end: a round is two multiplies, two shifts, four xors. */
#include "random/random.h"
#include "simd/philox.h"
#include "simd/simd.h"

/* Words on the stack between Philox and its users: 4 KiB, in L1. */
enum { WORDS = 1024 };

static void words(const pl_philox_key *key, uint64_t first, uint32_t *to, ptrdiff_t n) {
    uint32_t group[PL_PHILOX_WORDS];
    while (n > 0) {
        const ptrdiff_t skip = (ptrdiff_t)(first % 4);
        const ptrdiff_t count = pl_min(PL_PHILOX_WORDS - skip, n);
        const int whole = count == PL_PHILOX_WORDS;
        philox_group(key->seed, key->stream, key->step, first / 4, whole ? to : group);
        if (!whole) memcpy(to, group + skip, (size_t)count * sizeof *to);
        first += (uint64_t)count;
        to += count;
        n -= count;
    }
}

static void kept(const pl_philox_key *key, uint64_t first, uint64_t threshold, uint8_t *mask,
                 ptrdiff_t n) {
    uint32_t drawn[WORDS];
    for (ptrdiff_t i = 0; i < n; i += WORDS) {
        const ptrdiff_t count = pl_min(WORDS, n - i);
        if (threshold > 0) words(key, first + (uint64_t)i, drawn, pl_round_up(count, 8));
        for (ptrdiff_t j = 0; j < count; j += 8) {
            unsigned bits =
                threshold > 0 ? words_above(drawn + j, (uint32_t)(threshold - 1)) : 0xff;
            if (count - j < 8) bits &= (1u << (count - j)) - 1;
            mask[(i + j) / 8] = (uint8_t)bits;
        }
    }
}

PL_INLINE double unit(uint32_t word) { return ((double)word + 0.5) * 0x1p-32; }

static void uniform(const pl_philox_key *key, uint64_t first, double low, double range, void *to,
                    ptrdiff_t n) {
    real *y = to;
    uint32_t drawn[WORDS];
    for (ptrdiff_t i = 0; i < n; i += WORDS) {
        const ptrdiff_t count = pl_min(WORDS, n - i);
        words(key, first + (uint64_t)i, drawn, count);
        for (ptrdiff_t j = 0; j < count; j++) y[i + j] = (real)(low + range * unit(drawn[j]));
    }
}

/* ---- the normal quantile, AS 241 (PPND16) ---------------------------------------------------- */

/* clang-format off */
static const double centre_above[] = {
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
    1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
    3.3430575583588128105e4, 2.5090809287301226727e3};
static const double centre_below[] = {
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
    2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
    5.2264952788528545610e3};
static const double tail_above[] = {
    1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
    3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
    2.27238449892691845833e-2, 7.74545014278341407640e-4};
static const double tail_below[] = {
    1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
    1.05075007164441684324e-9};
static const double odd_reciprocals[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9, 1.0 / 11,
                                         1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
/* clang-format on */

PL_INLINE double polynomial(const double *c, const int n, double x) {
    double y = c[n - 1];
#pragma GCC unroll 16
    for (int i = n - 2; i >= 0; i--) y = y * x + c[i];
    return y;
}

/* log(x), x positive and normal: e log(2) + 2 atanh((m - 1) / (m + 1)), x = m 2^e. */
PL_INLINE double logarithm(double x) {
    int64_t b;
    memcpy(&b, &x, sizeof b);
    int32_t e = (int32_t)(b >> 52) - 1022;
    b = (b & 0xfffffffffffff) | 0x3fe0000000000000; /* 1/2 <= m < 1 */
    double m;
    memcpy(&m, &b, sizeof m);
    const int small = m < 0.7071067811865476;
    m = small ? m + m : m;
    e = small ? e - 1 : e;
    const double s = (m - 1.0) / (m + 1.0);
    return (double)e * 0.6931471805599453 + (s + s) * polynomial(odd_reciprocals, 11, s * s);
}

PL_INLINE double quantile(double u) {
    const double q = u - 0.5, r = 0.180625 - q * q;
    const double centre = q * (polynomial(centre_above, 8, r) / polynomial(centre_below, 8, r));
    const double other = 1.0 - u, near = u < other ? u : other;
    const double t = __builtin_sqrt(-logarithm(near)) - 1.6;
    const double tail = polynomial(tail_above, 8, t) / polynomial(tail_below, 8, t);
    const double distance = q < 0 ? -q : q;
    return distance <= 0.425 ? centre : q < 0 ? -tail : tail;
}

static void normal(const pl_philox_key *key, uint64_t first, double mean, double std, void *to,
                   ptrdiff_t n) {
    real *y = to;
    uint32_t drawn[WORDS];
    for (ptrdiff_t i = 0; i < n; i += WORDS) {
        const ptrdiff_t count = pl_min(WORDS, n - i);
        words(key, first + (uint64_t)i, drawn, count);
        for (ptrdiff_t j = 0; j < count; j++)
            y[i + j] = (real)(mean + std * quantile(unit(drawn[j])));
    }
}

const pl_random_kernels PL_KERNEL(random) = {
    .words = words, .kept = kept, .uniform = uniform, .normal = normal};
