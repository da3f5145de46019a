/* Counted random numbers: Philox4x32-10 and what is drawn with it.
 *
 * Word i is lane i % 4 of block i / 4; a block's counter is (block low, block high, step low,
 * step high). Everything is integer arithmetic, or float64 with + - * / and sqrt in the order of
 * src/pellucid/kernels/reference/random.py, so all ISAs and the reference give the same bits. */
#ifndef PL_RANDOM_H
#define PL_RANDOM_H

#include "common/common.h"

typedef struct {
    uint32_t seed, stream;
    uint64_t step;
} pl_philox_key;

typedef struct {
    /* The words first, first + 1, ... */
    void (*words)(const pl_philox_key *key, uint64_t first, uint32_t *words, ptrdiff_t n);
    /* Bit i of mask: word first + i is at least `threshold` (0 .. 2^32); first is a multiple of 8,
     * bits above n in the last byte are 0. */
    void (*kept)(const pl_philox_key *key, uint64_t first, uint64_t threshold, uint8_t *mask,
                 ptrdiff_t n);
    /* y[i] = low + range * u, or mean + std * quantile(u), u = (word + 0.5) / 2^32. */
    void (*uniform)(const pl_philox_key *key, uint64_t first, double low, double range, void *y,
                    ptrdiff_t n);
    void (*normal)(const pl_philox_key *key, uint64_t first, double mean, double std, void *y,
                   ptrdiff_t n);
} pl_random_kernels;

const pl_random_kernels *pl_random_select(int dtype);

#endif
