/* The optimizer steps for one ISA and element type: bound by memory, all but SGD and Lion also by
 * a square root and a division for each element. */
#include "optim/optim.h"

#include "simd/loops.h"

static void sgd(const double *hyper, void *to, const void *gradient, void *state, void *none,
                void *nothing, ptrdiff_t n) {
    (void)none, (void)nothing;
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
                 void *nothing, ptrdiff_t n) {
    (void)nothing;
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

/* The rules below: hyper[0] is the learning rate, hyper[1] the weight decay, which shrinks w when
 * `beside` and joins g when not. Each loop has w and g and leaves the new w. */
#define EACH_WEIGHT(beside, ...)                                                             \
    do {                                                                                     \
        real *value = to;                                                                    \
        const real *grad = gradient;                                                         \
        const double rate = hyper[0], decay = hyper[1];                                      \
        const vec shrink = v_set1((beside) ? (real)(1 - rate * decay) : 1);                  \
        const vec decays = v_set1((beside) ? 0 : (real)decay);                               \
        EACH_VECTOR(n, {                                                                     \
            vec w = v_load_n(value + i, left) * shrink;                                      \
            const vec g = v_load_n(grad + i, left) + decays * w;                             \
            __VA_ARGS__;                                                                     \
            v_store_n(value + i, w, left);                                                   \
        });                                                                                  \
    } while (0)

/* state = kept * state + rest * x, where rest = 1 - kept in float64; `name` holds the new state. */
#define AVERAGED(name, state, kept, rest, x)                            \
    const vec name = kept * v_load_n((real *)(state) + i, left) + rest * (x); \
    v_store_n((real *)(state) + i, name, left)

static void rmsprop(const double *hyper, void *to, const void *gradient, void *squares,
                    void *velocity, void *means, ptrdiff_t n) {
    const vec kept = v_set1((real)hyper[2]), rest = v_set1((real)(1 - hyper[2]));
    const vec epsilon = v_set1((real)hyper[3]), momentum = v_set1((real)hyper[4]);
    const vec step = v_set1((real)hyper[0]);
    EACH_WEIGHT(0, {
        AVERAGED(square, squares, kept, rest, g * g);
        vec spread = square;
        if (means) {
            AVERAGED(mean, means, kept, rest, g);
            spread = v_max(v_zero(), square - mean * mean);
        }
        vec move = g / (v_sqrt(spread) + epsilon);
        if (velocity) {
            move = momentum * v_load_n((real *)velocity + i, left) + move;
            v_store_n((real *)velocity + i, move, left);
        }
        w = w - step * move;
    });
}

static void adagrad(const double *hyper, void *to, const void *gradient, void *squares, void *none,
                    void *nothing, ptrdiff_t n) {
    (void)none, (void)nothing;
    const vec one = v_set1(1), epsilon = v_set1((real)hyper[2]);
    const vec step = v_set1((real)(hyper[0] / hyper[3]));
    EACH_WEIGHT(0, {
        AVERAGED(sum, squares, one, one, g * g);
        w = w - step * (g / (v_sqrt(sum) + epsilon));
    });
}

static void adadelta(const double *hyper, void *to, const void *gradient, void *squares,
                     void *moves, void *nothing, ptrdiff_t n) {
    (void)nothing;
    const vec kept = v_set1((real)hyper[2]), rest = v_set1((real)(1 - hyper[2]));
    const vec epsilon = v_set1((real)hyper[3]), step = v_set1((real)hyper[0]);
    EACH_WEIGHT(0, {
        AVERAGED(square, squares, kept, rest, g * g);
        const vec before = v_load_n((real *)moves + i, left);
        const vec move = v_sqrt(before + epsilon) / v_sqrt(square + epsilon) * g;
        v_store_n((real *)moves + i, kept * before + rest * (move * move), left);
        w = w - step * move;
    });
}

static void nadam(const double *hyper, void *to, const void *gradient, void *m, void *v,
                  void *nothing, ptrdiff_t n) {
    (void)nothing;
    const vec beta_1 = v_set1((real)hyper[3]), rest_1 = v_set1((real)(1 - hyper[3]));
    const vec beta_2 = v_set1((real)hyper[4]), rest_2 = v_set1((real)(1 - hyper[4]));
    const vec epsilon = v_set1((real)hyper[5]), now = v_set1((real)(hyper[0] * hyper[6]));
    const vec ahead = v_set1((real)(hyper[0] * hyper[7]));
    const vec correction = v_set1((real)(1 / __builtin_sqrt(hyper[8])));
    EACH_WEIGHT(hyper[2] != 0, {
        AVERAGED(mean, m, beta_1, rest_1, g);
        AVERAGED(square, v, beta_2, rest_2, g * g);
        w = w - (now * g + ahead * mean) / (v_sqrt(square) * correction + epsilon);
    });
}

static void lion(const double *hyper, void *to, const void *gradient, void *m, void *none,
                 void *nothing, ptrdiff_t n) {
    (void)none, (void)nothing;
    const vec beta_1 = v_set1((real)hyper[2]), rest_1 = v_set1((real)(1 - hyper[2]));
    const vec beta_2 = v_set1((real)hyper[3]), rest_2 = v_set1((real)(1 - hyper[3]));
    const vec step = v_set1((real)hyper[0]), zero = v_zero();
    EACH_WEIGHT(1, {
        const vec before = v_load_n((real *)m + i, left);
        const vec mixed = beta_1 * before + rest_1 * g;
        v_store_n((real *)m + i, beta_2 * before + rest_2 * g, left);
        /* step times the sign of mixed; 0 and NaN have none of their own. */
        const vec move = v_select(v_gt(mixed, zero), step,
                                  v_select(v_lt(mixed, zero), -step, mixed));
        w = w - move;
    });
}

const pl_optim_kernels PL_KERNEL(optim) = {.step = {[PL_SGD] = sgd,
                                                    [PL_ADAM] = adam,
                                                    [PL_RMSPROP] = rmsprop,
                                                    [PL_ADAGRAD] = adagrad,
                                                    [PL_ADADELTA] = adadelta,
                                                    [PL_NADAM] = nadam,
                                                    [PL_LION] = lion}};
