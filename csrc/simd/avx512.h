/* simd.h on AVX-512 (F, BW, DQ, VL): comparisons live in mask registers, tails are masked. */
#define V(name) PL_JOIN(_mm512_, name##_, PL_X86_TYPE)
#define PL_HAS_MASKED_LOAD 1

#if PL_REAL_BITS == 64
typedef __mmask8 vmask;
#define COMPARE(a, b, how) _mm512_cmp_pd_mask(a, b, how)
#else
typedef __mmask16 vmask;
#define COMPARE(a, b, how) _mm512_cmp_ps_mask(a, b, how)
#endif

PL_INLINE vec v_set1(real x) { return V(set1)(x); }
PL_INLINE vec v_fma(vec a, vec b, vec c) { return V(fmadd)(a, b, c); }
PL_INLINE vec v_sqrt(vec x) { return V(sqrt)(x); }

PL_INLINE vmask v_lt(vec a, vec b) { return COMPARE(a, b, _CMP_LT_OQ); }
PL_INLINE vmask v_le(vec a, vec b) { return COMPARE(a, b, _CMP_LE_OQ); }
PL_INLINE vmask v_eq(vec a, vec b) { return COMPARE(a, b, _CMP_EQ_OQ); }
PL_INLINE vmask v_is_nan(vec x) { return COMPARE(x, x, _CMP_UNORD_Q); }
PL_INLINE vmask m_or(vmask a, vmask b) { return (vmask)(a | b); }
PL_INLINE vmask m_and(vmask a, vmask b) { return (vmask)(a & b); }
PL_INLINE vmask m_not(vmask a) { return (vmask)~a; }
PL_INLINE vec v_select(vmask m, vec yes, vec no) { return V(mask_blend)(m, no, yes); }
PL_INLINE vec v_keep(vmask m, vec x) { return V(maskz_mov)(m, x); }
/* Lane i is bit i. */
PL_INLINE unsigned m_to_bits(vmask m) { return m; }
PL_INLINE vmask m_from_bits(unsigned b) { return (vmask)b; }
PL_INLINE vmask m_first(ptrdiff_t n) { return (vmask)((1u << n) - 1); }

PL_INLINE vec v_load_part(const real *p, ptrdiff_t n) { return V(maskz_loadu)(m_first(n), p); }
PL_INLINE void v_store_part(real *p, vec x, ptrdiff_t n) { V(mask_storeu)(p, m_first(n), x); }

/* A load whose mask was made before the loop: all lanes, or the first few. */
typedef vmask vtail;
PL_INLINE vtail tail_of(ptrdiff_t n) { return n >= PL_LANES ? (vtail)~(vtail)0 : m_first(n); }
PL_INLINE vec v_load_tail(const real *p, vtail t) { return V(maskz_loadu)(t, p); }
PL_INLINE void v_store_tail(real *p, vec x, vtail t) { V(mask_storeu)(p, t, x); }

/* Past the caches: p is aligned to the vector; v_fence after the last one. */
PL_INLINE void v_stream(real *p, vec x) { V(stream)(p, x); }
PL_INLINE void v_fence(void) { _mm_sfence(); }

/* i_plus_one: x + 1 in the lanes of m. */
#if PL_REAL_BITS == 64
PL_INLINE vmask i_eq(ivec a, ivec b) { return _mm512_cmpeq_epi64_mask((__m512i)a, (__m512i)b); }
PL_INLINE ivec i_plus_one(vmask m, ivec x) {
    return (ivec)_mm512_mask_add_epi64((__m512i)x, m, (__m512i)x, _mm512_set1_epi64(1));
}
#else
PL_INLINE vmask i_eq(ivec a, ivec b) { return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b); }
PL_INLINE ivec i_plus_one(vmask m, ivec x) {
    return (ivec)_mm512_mask_add_epi32((__m512i)x, m, (__m512i)x, _mm512_set1_epi32(1));
}
#endif

/* Integers kept in memory as bytes: the first n lanes, 0 < n; the others are 0 and not touched. */
PL_INLINE ivec i_load_u8(const uint8_t *p, ptrdiff_t n) {
    const __m128i x = _mm_maskz_loadu_epi8((__mmask16)tail_of(n), p);
#if PL_REAL_BITS == 64
    return (ivec)_mm512_cvtepu8_epi64(x);
#else
    return (ivec)_mm512_cvtepu8_epi32(x);
#endif
}
PL_INLINE void i_store_u8(uint8_t *p, ivec x, ptrdiff_t n) {
#if PL_REAL_BITS == 64
    const __m128i narrow = _mm512_cvtepi64_epi8((__m512i)x);
#else
    const __m128i narrow = _mm512_cvtepi32_epi8((__m512i)x);
#endif
    if (n >= PL_LANES)
        memcpy(p, &narrow, PL_LANES);
    else
        _mm_mask_storeu_epi8(p, (__mmask16)m_first(n), narrow);
}

/* Lane i is lane from[i] of a followed by b; from[i] < 2 * PL_LANES. */
PL_INLINE vec v_lookup(vec a, vec b, ivec from) { return V(permutex2var)(a, (__m512i)from, b); }

/* Lane i is lane from[i] of x; from[i] < PL_LANES. */
PL_INLINE vec v_permute(vec x, ivec from) { return V(permutexvar)((__m512i)from, x); }

/* All lanes in one, by halves: lane i with lane i + LANES/2, and so on down to 0 with 1. */
#if PL_REAL_BITS == 64
#define ACROSS(name, op)                                                                         \
    PL_INLINE real name(vec x) {                                                                 \
        const __m256d y = _mm256_##op##_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1)); \
        const __m128d z = _mm_##op##_pd(_mm256_castpd256_pd128(y), _mm256_extractf128_pd(y, 1)); \
        return _mm_cvtsd_f64(_mm_##op##_sd(z, _mm_unpackhi_pd(z, z)));                           \
    }
#else
#define ACROSS(name, op)                                                                         \
    PL_INLINE real name(vec x) {                                                                 \
        const __m256 y = _mm256_##op##_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1)); \
        const __m128 z = _mm_##op##_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));  \
        const __m128 w = _mm_##op##_ps(z, _mm_movehl_ps(z, z));                                  \
        return _mm_cvtss_f32(_mm_##op##_ss(w, _mm_movehdup_ps(w)));                              \
    }
#endif
ACROSS(v_sum, add)
ACROSS(v_highest, max)
