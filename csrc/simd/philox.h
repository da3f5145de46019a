/* One vector of Philox4x32-10 blocks. See random/random_simd.c for the form. */
#ifndef PL_SIMD_PHILOX_H
#define PL_SIMD_PHILOX_H

#include "simd/simd.h"

typedef uint64_t uvec __attribute__((vector_size(PL_VECTOR_BYTES)));
typedef uint64_t uvec_anywhere __attribute__((vector_size(PL_VECTOR_BYTES), aligned(4), may_alias));

enum { PL_PHILOX_BLOCKS = PL_VECTOR_BYTES / 8, PL_PHILOX_WORDS = 4 * PL_PHILOX_BLOCKS };

/* The product of the low halves of each lane. */
PL_INLINE uvec u_multiply_low(uvec a, uvec b) {
#if defined(PL_ISA_AVX512)
    return (uvec)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(PL_ISA_AVX2)
    return (uvec)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(PL_ISA_NEON)
    return (uvec)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#else
    for (int i = 0; i < PL_PHILOX_BLOCKS; i++) a[i] = (a[i] & 0xffffffff) * (b[i] & 0xffffffff);
    return a;
#endif
}

/* Lane 0 of a, lane 0 of b, lane 1 of a ...: the first vector, then the second. */
PL_INLINE void u_interleave(uvec a, uvec b, uint32_t *to) {
#if defined(PL_ISA_AVX512)
    const uvec low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    const uvec high = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#elif defined(PL_ISA_AVX2)
    const uvec low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const uvec high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
#else
    const uvec low = {a[0], b[0]}, high = {a[1], b[1]};
#endif
    *(uvec_anywhere *)to = low;
    *(uvec_anywhere *)(to + PL_PHILOX_WORDS / 2) = high;
}

/* The PL_PHILOX_WORDS words of the blocks block, block + 1, ... */
PL_INLINE void philox_group(uint32_t seed, uint32_t stream, uint64_t step, uint64_t block,
                            uint32_t *to) {
    const uvec none = {0}, low_half = none + 0xffffffff;
    const uvec m0 = none + 0xD2511F53, m1 = none + 0xCD9E8D57;
    uvec lane;
    for (int i = 0; i < PL_PHILOX_BLOCKS; i++) lane[i] = (uint64_t)i;
    uvec x0 = lane + block, x1 = x0 >> 32;
    uvec x2 = none + (step & 0xffffffff), x3 = none + (step >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        const uvec p0 = u_multiply_low(x0, m0), p1 = u_multiply_low(x2, m1);
        x0 = (p1 >> 32) ^ x1 ^ (none + seed);
        x1 = p1;
        x2 = (p0 >> 32) ^ x3 ^ (none + stream);
        x3 = p0;
        seed += 0x9E3779B9;
        stream += 0xBB67AE85;
    }
    u_interleave((x0 & low_half) | (x1 << 32), (x2 & low_half) | (x3 << 32), to);
}

/* Bit i: words[i] > limit, for eight words. */
PL_INLINE unsigned words_above(const uint32_t *words, uint32_t limit) {
#if defined(PL_ISA_AVX512) || defined(PL_ISA_AVX2)
    const __m256i flip = _mm256_set1_epi32((int)0x80000000); /* unsigned order as signed order */
    const __m256i w = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)words), flip);
    const __m256i above =
        _mm256_cmpgt_epi32(w, _mm256_xor_si256(_mm256_set1_epi32((int)limit), flip));
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(above));
#else
    unsigned bits = 0;
    for (int i = 0; i < 8; i++) bits |= (unsigned)(words[i] > limit) << i;
    return bits;
#endif
}

#endif
