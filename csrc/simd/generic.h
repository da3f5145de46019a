/* Comparisons, masks and tails for ISAs without masked loads (neon, portable). */
typedef ivec vmask;

PL_INLINE vmask v_lt(vec a, vec b) { return (vmask)(a < b); }
PL_INLINE vmask v_le(vec a, vec b) { return (vmask)(a <= b); }
PL_INLINE vmask v_eq(vec a, vec b) { return (vmask)(a == b); }
PL_INLINE vmask v_is_nan(vec x) { return (vmask)(x != x); }
PL_INLINE vmask m_or(vmask a, vmask b) { return a | b; }
PL_INLINE vmask m_and(vmask a, vmask b) { return a & b; }
PL_INLINE vmask m_not(vmask a) { return ~a; }
PL_INLINE vec v_select(vmask m, vec yes, vec no) {
    return (vec)(((ivec)yes & m) | ((ivec)no & ~m));
}
PL_INLINE vec v_keep(vmask m, vec x) { return (vec)((ivec)x & m); }

PL_INLINE unsigned m_to_bits(vmask m) {
    unsigned b = 0;
    for (int i = 0; i < PL_LANES; i++) b |= (unsigned)(m[i] & 1) << i;
    return b;
}
PL_INLINE vmask m_from_bits(unsigned b) {
    vmask m;
    for (int i = 0; i < PL_LANES; i++) m[i] = -(bits)((b >> i) & 1);
    return m;
}
/* The lanes 0 .. n-1. */
PL_INLINE vmask m_first(ptrdiff_t n) {
    vmask m;
    for (int i = 0; i < PL_LANES; i++) m[i] = -(bits)(i < n);
    return m;
}

PL_INLINE vec v_load_part(const real *p, ptrdiff_t n) {
    vec x = {0};
    memcpy(&x, p, (size_t)n * sizeof(real));
    return x;
}
PL_INLINE void v_store_part(real *p, vec x, ptrdiff_t n) { memcpy(p, &x, (size_t)n * sizeof(real)); }

/* No masked loads here: a tail is a count, and the drivers hand leaves padded panels instead. */
#define PL_HAS_MASKED_LOAD 0
typedef ptrdiff_t vtail;
PL_INLINE vtail tail_of(ptrdiff_t n) { return n; }
PL_INLINE vec v_load_tail(const real *p, vtail t) {
    return t >= PL_LANES ? v_load(p) : v_load_part(p, t);
}
PL_INLINE void v_store_tail(real *p, vec x, vtail t) {
    if (t >= PL_LANES)
        v_store(p, x);
    else
        v_store_part(p, x, t);
}

/* Stores past the caches are an x86 matter. */
PL_INLINE void v_stream(real *p, vec x) { *(vec_anywhere *)p = x; }
PL_INLINE void v_fence(void) {}

PL_INLINE vmask i_eq(ivec a, ivec b) { return (vmask)(a == b); }
/* x + 1 in the lanes of m. */
PL_INLINE ivec i_plus_one(vmask m, ivec x) { return x - m; }

/* Integers kept in memory as bytes: the first n lanes, 0 < n; the others are 0 and not touched. */
typedef uint8_t words8 __attribute__((vector_size(PL_LANES)));
PL_INLINE ivec i_load_u8(const uint8_t *p, ptrdiff_t n) {
    words8 x = {0};
    if (n >= PL_LANES)
        memcpy(&x, p, sizeof x);
    else
        for (ptrdiff_t i = 0; i < n; i++) x[i] = p[i];
    return __builtin_convertvector(x, ivec);
}
PL_INLINE void i_store_u8(uint8_t *p, ivec x, ptrdiff_t n) {
    const words8 narrow = __builtin_convertvector(x, words8);
    if (n >= PL_LANES)
        memcpy(p, &narrow, sizeof narrow);
    else
        for (ptrdiff_t i = 0; i < n; i++) p[i] = narrow[i];
}

/* Lane i is lane from[i] of x; from[i] < PL_LANES. */
PL_INLINE vec v_permute(vec x, ivec from) {
    vec y;
    for (int i = 0; i < PL_LANES; i++) y[i] = x[from[i]];
    return y;
}

/* Lane i is lane from[i] of a followed by b; from[i] < 2 * PL_LANES. */
PL_INLINE vec v_lookup(vec a, vec b, ivec from) {
    vec x;
    for (int i = 0; i < PL_LANES; i++) x[i] = from[i] < PL_LANES ? a[from[i]] : b[from[i] - PL_LANES];
    return x;
}

/* All lanes in one, by halves: lane i with lane i + LANES/2, and so on down to 0 with 1. */
PL_INLINE real v_sum(vec x) {
    for (int half = PL_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) x[i] = x[i] + x[i + half];
    return x[0];
}
PL_INLINE real v_highest(vec x) {
    for (int half = PL_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) x[i] = x[i] > x[i + half] ? x[i] : x[i + half];
    return x[0];
}
