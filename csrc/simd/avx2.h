/* simd.h on AVX2 with FMA: comparisons are vectors of all-ones lanes, tails use maskload. */
#define V(name) PL_JOIN(_mm256_, name##_, PL_X86_TYPE)
#define PL_HAS_MASKED_LOAD 1

typedef ivec vmask;
#if PL_REAL_BITS == 64
typedef long long pl_mask_lane;
#else
typedef int pl_mask_lane;
#endif

PL_INLINE vec v_set1(real x) { return V(set1)(x); }
PL_INLINE vec v_fma(vec a, vec b, vec c) { return V(fmadd)(a, b, c); }
PL_INLINE vec v_sqrt(vec x) { return V(sqrt)(x); }

PL_INLINE vmask v_lt(vec a, vec b) { return (vmask)(a < b); }
PL_INLINE vmask v_le(vec a, vec b) { return (vmask)(a <= b); }
PL_INLINE vmask v_eq(vec a, vec b) { return (vmask)(a == b); }
PL_INLINE vmask v_is_nan(vec x) { return (vmask)(x != x); }
PL_INLINE vmask m_or(vmask a, vmask b) { return a | b; }
PL_INLINE vmask m_and(vmask a, vmask b) { return a & b; }
PL_INLINE vmask m_not(vmask a) { return ~a; }
PL_INLINE vec v_select(vmask m, vec yes, vec no) { return V(blendv)(no, yes, (vec)m); }
PL_INLINE vec v_keep(vmask m, vec x) { return (vec)((ivec)x & m); }
PL_INLINE unsigned m_to_bits(vmask m) { return (unsigned)V(movemask)((vec)m); }

/* One-bits for the lanes 0 .. n-1: a window into a row of ones followed by zeros. */
PL_INLINE vmask m_first(ptrdiff_t n) {
    static const bits ones_then_zeros[2 * PL_LANES] = {
#if PL_REAL_BITS == 64
        -1, -1, -1, -1
#else
        -1, -1, -1, -1, -1, -1, -1, -1
#endif
    };
    vmask m;
    memcpy(&m, ones_then_zeros + PL_LANES - n, sizeof m);
    return m;
}

PL_INLINE vmask m_from_bits(unsigned b) {
#if PL_REAL_BITS == 64
    const ivec lane = {1, 2, 4, 8};
#else
    const ivec lane = {1, 2, 4, 8, 16, 32, 64, 128};
#endif
    return (vmask)((i_set1((bits)b) & lane) == lane);
}

typedef vmask vtail;
PL_INLINE vtail tail_of(ptrdiff_t n) { return m_first(n >= PL_LANES ? PL_LANES : n); }
PL_INLINE vec v_load_tail(const real *p, vtail t) {
#if PL_REAL_BITS == 64
    return _mm256_maskload_pd(p, (__m256i)t);
#else
    return _mm256_maskload_ps(p, (__m256i)t);
#endif
}
PL_INLINE void v_store_tail(real *p, vec x, vtail t) {
#if PL_REAL_BITS == 64
    _mm256_maskstore_pd(p, (__m256i)t, x);
#else
    _mm256_maskstore_ps(p, (__m256i)t, x);
#endif
}
PL_INLINE vec v_load_part(const real *p, ptrdiff_t n) { return v_load_tail(p, m_first(n)); }
/* In halves, n < PL_LANES: pooling with masked stores took up to twice as long (Zen 4). */
PL_INLINE void v_store_part(real *p, vec x, ptrdiff_t n) {
#if PL_REAL_BITS == 64
    __m128d part = _mm256_castpd256_pd128(x);
    if (n & 2) {
        _mm_storeu_pd(p, part);
        part = _mm256_extractf128_pd(x, 1);
    }
    if (n & 1) _mm_store_sd(p + (n & 2), part);
#else
    __m128 part = _mm256_castps256_ps128(x);
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(x, 1);
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(p + (n & 4)), part);
        part = _mm_movehl_ps(part, part);
    }
    if (n & 1) _mm_store_ss(p + (n & 6), part);
#endif
}

/* Past the caches: p is aligned to the vector; v_fence after the last one. */
PL_INLINE void v_stream(real *p, vec x) { V(stream)(p, x); }
PL_INLINE void v_fence(void) { _mm_sfence(); }

PL_INLINE vmask i_eq(ivec a, ivec b) { return (vmask)(a == b); }
/* x + 1 in the lanes of m. */
PL_INLINE ivec i_plus_one(vmask m, ivec x) { return x - m; }

/* Integers kept in memory as bytes: the first n lanes, 0 < n; the others are 0 and not touched. */
PL_INLINE ivec i_load_u8(const uint8_t *p, ptrdiff_t n) {
    uint64_t bytes = 0;
    if (n >= PL_LANES)
        memcpy(&bytes, p, PL_LANES);
    else {
        uint32_t four = 0;
        uint16_t two = 0;
        if (n & 4) memcpy(&four, p, 4);
        if (n & 2) memcpy(&two, p + (n & 4), 2);
        if (n & 1) bytes = p[n - 1];
        bytes = four | ((uint64_t)two | bytes << 8 * (n & 2)) << 8 * (n & 4);
    }
#if PL_REAL_BITS == 64
    return (ivec)_mm256_cvtepu8_epi64(_mm_cvtsi64_si128((long long)bytes));
#else
    return (ivec)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes));
#endif
}
PL_INLINE void i_store_u8(uint8_t *p, ivec x, ptrdiff_t n) {
    /* The low byte of each lane moves to the front of its half; then the halves are joined. */
#if PL_REAL_BITS == 64
    const __m256i low = _mm256_set1_epi64x(0x0800);
#else
    const __m256i low = _mm256_set1_epi64x(0x0c080400);
#endif
    const __m256i front = _mm256_shuffle_epi8((__m256i)x, low);
    const uint64_t half = (uint64_t)_mm256_extract_epi64(front, 2) << 8 * (PL_LANES / 2);
    const uint64_t mask = ((uint64_t)1 << 8 * (PL_LANES / 2)) - 1;
    uint64_t bytes = ((uint64_t)_mm256_extract_epi64(front, 0) & mask) | half;
    if (n >= PL_LANES)
        memcpy(p, &bytes, PL_LANES);
    else {
        if (n & 4) {
            memcpy(p, &bytes, 4);
            bytes >>= 32;
        }
        if (n & 2) {
            memcpy(p + (n & 4), &bytes, 2);
            bytes >>= 16;
        }
        if (n & 1) p[n - 1] = (uint8_t)bytes;
    }
}

#if PL_REAL_BITS == 32
/* Four vectors of integers from 0 to 255 as bytes. */
#define PL_PACKS_BYTES
PL_INLINE void i_store_u8_4(uint8_t *p, const ivec *x) {
    /* Both packs work by halves: four bytes of each vector in turn, first those of the low halves. */
    const __m256i low = _mm256_packs_epi32((__m256i)x[0], (__m256i)x[1]);
    const __m256i high = _mm256_packs_epi32((__m256i)x[2], (__m256i)x[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
    _mm256_storeu_si256((__m256i *)p, bytes);
}
#endif

/* Lane i is lane from[i] of x; from[i] < PL_LANES. */
PL_INLINE vec v_permute(vec x, ivec from) {
#if PL_REAL_BITS == 64
    from = (from * 2) | ((from * 2 + 1) << 32); /* doubles move as pairs of 32-bit lanes */
#endif
    return (vec)_mm256_permutevar8x32_epi32((__m256i)x, (__m256i)from);
}

/* Lane i is lane from[i] of a followed by b; from[i] < 2 * PL_LANES. */
PL_INLINE vec v_lookup(vec a, vec b, ivec from) {
    return v_select((vmask)(from >= PL_LANES), v_permute(b, from), v_permute(a, from));
}

/* All lanes in one, by halves: lane i with lane i + LANES/2, and so on down to 0 with 1. */
#if PL_REAL_BITS == 64
#define ACROSS(name, op)                                                                         \
    PL_INLINE real name(vec x) {                                                                 \
        const __m128d z = _mm_##op##_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1)); \
        return _mm_cvtsd_f64(_mm_##op##_sd(z, _mm_unpackhi_pd(z, z)));                           \
    }
#else
#define ACROSS(name, op)                                                                         \
    PL_INLINE real name(vec x) {                                                                 \
        const __m128 z = _mm_##op##_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));  \
        const __m128 w = _mm_##op##_ps(z, _mm_movehl_ps(z, z));                                  \
        return _mm_cvtss_f32(_mm_##op##_ss(w, _mm_movehdup_ps(w)));                              \
    }
#endif
ACROSS(v_sum, add)
ACROSS(v_highest, max)
