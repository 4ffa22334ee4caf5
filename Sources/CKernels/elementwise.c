#include "attention.h"
#include "lanes.h"

// Operations on single elements: the reference compiled for each instruction set is the fast form. Sixteen results are
// made before one is written, so that the output may be an input and the loop still becomes vector code.

typedef struct lockstep_elementwise elementwise;

#define IN_SIXTEENS(count, y, i, expression)                                                                           \
    do {                                                                                                               \
        size_t base = 0;                                                                                               \
        for (; base + 16 <= (count); base += 16) {                                                                     \
            float results[16];                                                                                         \
            for (size_t lane = 0; lane < 16; lane++)                                                        \
            {                                                                                                          \
                size_t i = base + lane;                                                                                \
                results[lane] = expression;                                                                            \
            }                                                                                                          \
            memcpy((y) + base, results, sizeof results);                                                               \
        }                                                                                                              \
        for (size_t i = base; i < (count); i++)                                                                        \
            (y)[i] = expression;                                                                                       \
    } while (0)

INLINE float silu(float x) { return x / (1.0f + exponential(-x)); }

/// x * Phi(x), where Phi is the normal distribution's, by its approximation with a hyperbolic tangent:
/// x / 2 * (1 + tanh(u)) = x / (1 + exp(-2 u)).
INLINE float gelu(float x)
{
    float u = 0x1.988454p-1f * __builtin_fmaf(0.044715f * x * x, x, x);
    return x / (1.0f + exponential(-2.0f * u));
}

INLINE float squared_relu(float x)
{
    float positive = x < 0 ? 0 : x;
    return positive * positive;
}

/// limit * tanh(x / limit), by tanh(u) = 1 - 2 / (1 + exp(2 u)).
INLINE float capped(float x, float limit) { return limit - 2 * limit / (1.0f + exponential(2 * (x / limit))); }

INLINE float clamped_swiglu_of(float gate, float up, float alpha, float limit)
{
    float g = gate > limit ? limit : gate, u = up > limit ? limit : up < -limit ? -limit : up;
    return (u + 1.0f) * (g / (1.0f + exponential(-alpha * g)));
}

#define PARAMETERS (const float *a, const float *b, float factor, float limit, float *y, size_t count)
#define ARGUMENTS (a, b, factor, limit, y, count)

/// Compiles an operation for every instruction set.
#define OPERATION(name, expression)                                                                                    \
    INLINE void name##_body PARAMETERS                                                                                 \
    {                                                                                                                  \
        (void)b, (void)factor, (void)limit;                                                                            \
        IN_SIXTEENS(count, y, i, expression);                                                                          \
    }                                                                                                                  \
    FOR_EVERY_TARGET(void, name, PARAMETERS, ARGUMENTS)

OPERATION(silu_multiply, silu(a[i]) * b[i])
OPERATION(gelu_multiply, gelu(a[i]) * b[i])
OPERATION(gelu_of, gelu(a[i]))
OPERATION(squared_relu_of, squared_relu(a[i]))
OPERATION(clamped_swiglu, clamped_swiglu_of(a[i], b[i], factor, limit))
OPERATION(sigmoid_multiply, b[i] / (1.0f + exponential(-a[i])))
OPERATION(add, a[i] + b[i])
OPERATION(add_multiple, factor * a[i] + b[i])
OPERATION(scale, factor * a[i])
OPERATION(cap, capped(a[i], factor))

INLINE void exp_body(const float *x, size_t count, float *y)
{
    IN_SIXTEENS(count, y, i, exponential(x[i]));
}

FOR_EVERY_TARGET(void, exp, (const float *x, size_t count, float *y), (x, count, y))

INLINE void sigmoid_body(const float *x, size_t count, float *y)
{
    IN_SIXTEENS(count, y, i, 1.0f / (1.0f + exponential(-x[i])));
}

FOR_EVERY_TARGET(void, sigmoid, (const float *x, size_t count, float *y), (x, count, y))

void lockstep_sigmoid(int instruction_set, const float *x, size_t count, float *y)
{
    sigmoid(instruction_set)(x, count, y);
}

typedef void operation PARAMETERS;

/// The operation for an instruction set.
static operation *chosen(enum lockstep_elementwise_operation name, int instruction_set)
{
    switch (name) {
    case LOCKSTEP_SILU_MULTIPLY: return silu_multiply(instruction_set);
    case LOCKSTEP_GELU_MULTIPLY: return gelu_multiply(instruction_set);
    case LOCKSTEP_GELU: return gelu_of(instruction_set);
    case LOCKSTEP_SQUARED_RELU: return squared_relu_of(instruction_set);
    case LOCKSTEP_CLAMPED_SWIGLU: return clamped_swiglu(instruction_set);
    case LOCKSTEP_SIGMOID_MULTIPLY: return sigmoid_multiply(instruction_set);
    case LOCKSTEP_ADD: return add(instruction_set);
    case LOCKSTEP_ADD_MULTIPLE: return add_multiple(instruction_set);
    case LOCKSTEP_SCALE: return scale(instruction_set);
    case LOCKSTEP_CAP: return cap(instruction_set);
    }
    return 0;
}

/// A thread's part: whole rows when there are many, else a range of columns.
void lockstep_elementwise_part(const void *work, int thread, int threads)
{
    const elementwise *e = work;
    operation *operation = chosen(e->operation, e->instruction_set);
    size_t first = 0, last = e->rows, start = 0, end = e->columns;
    if (e->rows >= 4 * (size_t)threads)
        part_of(e->rows, 1, thread, threads, &first, &last);
    else
        part_of(e->columns, 64, thread, threads, &start, &end);
    for (size_t row = first; row < last; row++)
        operation(e->a + row * e->a_stride + start, e->b ? e->b + row * e->b_stride + start : 0, e->factor,
            e->limit, e->y + row * e->y_stride + start, end - start);
}

void cap_scores(int instruction_set, float *x, size_t count, float limit)
{
    cap(instruction_set)(x, 0, limit, 0, x, count);
}

void lockstep_exp(int instruction_set, const float *x, size_t count, float *y)
{
    exp(instruction_set)(x, count, y);
}
