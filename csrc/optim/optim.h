/* Optimizer steps: one pass over the parameters and their state. Rules, hyper and state are those
 * of pl_optimizer_step in pl_kernels.h; scalars are computed in float64 and rounded once. */
#ifndef PL_OPTIM_H
#define PL_OPTIM_H

#include "common/common.h"

typedef void (*pl_step_kernel)(const double *hyper, void *value, const void *grad, void *state_1,
                               void *state_2, void *state_3, ptrdiff_t n);

typedef struct {
    pl_step_kernel step[PL_RULES];
} pl_optim_kernels;

#endif
