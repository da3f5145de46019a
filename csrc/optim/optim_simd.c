/* The optimizer steps for one ISA and element type: bound by memory, Adam also by one square root
 * and one division for each element. */
#include "optim/optim.h"

#include "simd/loops.h"

static void sgd(const double *hyper, void *to, const void *gradient, void *state, void *none,
                ptrdiff_t n) {
    (void)none;
    real *value = to, *velocity = state;
    const real *grad = gradient;
    const vec rate = v_set1((real)hyper[0]), momentum = v_set1((real)hyper[1]);
    const vec undamped = v_set1((real)(1 - hyper[2])), decay = v_set1((real)hyper[4]);
    const int moves = velocity && hyper[1] != 0, nesterov = hyper[3] != 0, first = hyper[5] != 0;
    const int decays = hyper[4] != 0;
    EACH_VECTOR(n, {
        const vec w = v_load_n(value + i, left);
        vec g = v_load_n(grad + i, left);
        if (decays) g = g + decay * w;
        if (moves) {
            const vec v = first ? g : momentum * v_load_n(velocity + i, left) + undamped * g;
            v_store_n(velocity + i, v, left);
            g = nesterov ? g + momentum * v : v;
        }
        v_store_n(value + i, w - rate * g, left);
    });
}

static void adam(const double *hyper, void *to, const void *gradient, void *first, void *second,
                 ptrdiff_t n) {
    real *value = to, *m = first, *v = second;
    const real *grad = gradient;
    const double rate = hyper[0], decay = hyper[4];
    const int decoupled = hyper[5] != 0, coupled = !decoupled && decay != 0;
    const vec beta_1 = v_set1((real)hyper[1]), rest_1 = v_set1((real)(1 - hyper[1]));
    const vec beta_2 = v_set1((real)hyper[2]), rest_2 = v_set1((real)(1 - hyper[2]));
    const vec epsilon = v_set1((real)hyper[3]), decays = v_set1((real)decay);
    const vec shrink = v_set1((real)(1 - rate * decay)), step = v_set1((real)(rate / hyper[6]));
    const vec correction = v_set1((real)(1 / __builtin_sqrt(hyper[7])));
    EACH_VECTOR(n, {
        vec w = v_load_n(value + i, left);
        vec g = v_load_n(grad + i, left);
        if (decoupled) w = w * shrink;
        if (coupled) g = g + decays * w;
        const vec mean = beta_1 * v_load_n(m + i, left) + rest_1 * g;
        const vec square = beta_2 * v_load_n(v + i, left) + rest_2 * (g * g);
        const vec deviation = v_sqrt(square) * correction + epsilon;
        v_store_n(m + i, mean, left);
        v_store_n(v + i, square, left);
        v_store_n(value + i, w - step * (mean / deviation), left);
    });
}

const pl_optim_kernels PL_KERNEL(optim) = {.step = {[PL_SGD] = sgd, [PL_ADAM] = adam}};
