/* Convolutions of the DAC-VAE codec, in one of two ways, as the compiler's flags say.

   With AMX: Intel's tile units multiply bfloat16 (8 bits of mantissa), many times faster than vectors
   multiply float32. Every factor is split into the sum of two bfloat16, high + low, and
       high * high + high * low + low * high
   is added up in float32: about 16 bits of mantissa are left of each factor, at a third of the speed.

   Without: float32, in vectors as wide as the processor has them, with sums that stay in registers.

   Activations are float32, row after row: `x[position][channel]`. A position outside the rows that
   are there counts as zeros. The Snake in front of a convolution, the split, the bias and the
   residual sum happen on the way, on pieces of some hundred kilobytes that stay in the cache.

   Weights, see `_tiles` and `_rows` in dac_vae_native.py, come in blocks of 32 outputs, 128 bytes for
   each tap and input. */

#include <stdint.h>
#include <string.h>

#define BLOCK 32      /* outputs at a time */
#define BUDGET 786432 /* bytes of prepared activations at a time; half of a core's L2 cache */
#define MOST_ROWS 960

#if defined __AMX_BF16__
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#define LANES 16
#define STEP 32  /* positions at a time */
#define TILE 512 /* 16-bit numbers in a tile */
#elif defined __AVX512F__
#define LANES 16
#define STEP 96
#define ROWS 12 /* positions whose sums are in registers, with `BLOCK` outputs each */
#else
#define LANES 8
#define STEP 96
#define ROWS 3
#endif
#define VECTORS (BLOCK / LANES)

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float loose_vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline vec load(const float *from) { return *(const loose_vec *)from; }

static inline void store(float *to, vec x) { *(loose_vec *)to = x; }

static inline vec same(float x) {
#if LANES == 16
    return (vec){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
#else
    return (vec){x, x, x, x, x, x, x, x};
#endif
}

typedef struct {
    int32_t in, out;       /* channels in, a multiple of 32; channels out, any number */
    int32_t taps, stride, dilation;
    const char *weights;   /* for `out` rounded up to whole blocks */
    const float *bias;     /* as many */
    const float *alpha;    /* of the Snake in front, per input channel, or NULL */
    const float *inverse;  /* 1 / alpha */
} conv_t;

/* x + sin(a x)^2 / a. The square has period pi: the angle is brought into -pi/2..pi/2, then a
   polynomial of degree 11 is good to the last bits of float32. */
static inline vec snake(vec x, vec alpha, vec inverse) {
    const vec magic = same(12582912.f); /* 1.5 * 2^23: what is added to it is rounded to a whole */
    vec angle = alpha * x;
    vec turns = angle * same(0.318309886f) + magic;
    turns -= magic;
    /* pi in three parts, so that whole turns leave an exact remainder. */
    vec r = angle - turns * same(3.140625f);
    r = r - turns * same(9.67502593994140625e-4f);
    r = r - turns * same(1.509957990978376432e-7f);
    vec q = r * r;
    vec s = q * same(-2.50521083854e-8f) + same(2.75573192240e-6f);
    s = s * q + same(-1.98412698413e-4f);
    s = s * q + same(8.33333333333e-3f);
    s = s * q + same(-1.66666666667e-1f);
    s = s * q * r + r;
    return s * s * inverse + x;
}

/* Activations as `multiply` wants them, four bytes for each: `at`, `put`, and `multiply` itself,
   which adds up at most STEP positions times BLOCK outputs, sums[position][output]. What it makes
   of positions from `count` on is of no use. */

#if defined __AMX_BF16__

typedef struct {
    uint16_t *high, *low;
} activations_t;

static activations_t lay_out(void *memory, int64_t numbers) {
    return (activations_t){memory, (uint16_t *)memory + numbers};
}

static inline activations_t at(activations_t x, int64_t number) {
    return (activations_t){x.high + number, x.low + number};
}

static inline void put(activations_t to, vec x) {
    __m256bh upper = _mm512_cvtneps_pbh((__m512)x);
    __m512 back = _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)upper), 16));
    _mm256_storeu_si256((__m256i *)to.high, (__m256i)upper);
    _mm256_storeu_si256((__m256i *)to.low,
                        (__m256i)_mm512_cvtneps_pbh(_mm512_sub_ps((__m512)x, back)));
}

/* A block's weights per tap and per 32 inputs: four tiles of 1 KB: high of outputs 0-15, high of
   outputs 16-31, then low of both. A tile's row holds two inputs, interleaved, for 16 outputs. */
static void multiply(const conv_t *c, activations_t x, const char *weights, int64_t count,
                     float *sums) {
    const uint16_t *w = (const uint16_t *)weights;
    const int64_t pitch = 2 * (int64_t)c->in * c->stride; /* bytes from a position to the next */
    const int64_t half = 16 * (int64_t)c->in * c->stride;
    (void)count;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int tap = 0; tap < c->taps; tap++) {
        const uint16_t *h = x.high + (int64_t)tap * c->dilation * c->in;
        const uint16_t *l = x.low + (int64_t)tap * c->dilation * c->in;
        for (int k = 0; k < c->in; k += 32, w += 4 * TILE) {
            _tile_loadd(4, h + k, pitch);
            _tile_loadd(5, h + k + half, pitch);
            _tile_loadd(6, w + 2 * TILE, 64);
            _tile_loadd(7, w + 3 * TILE, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            _tile_loadd(6, w, 64);
            _tile_loadd(7, w + TILE, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            _tile_loadd(4, l + k, pitch);
            _tile_loadd(5, l + k + half, pitch);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, sums, 128);
    _tile_stored(1, sums + 16, 128);
    _tile_stored(2, sums + 16 * 32, 128);
    _tile_stored(3, sums + 16 * 32 + 16, 128);
}

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t columns[16];
    uint8_t rows[16];
} __attribute__((packed)) tile_config_t;

/* Ask Linux for the tile registers; 0 if it grants them to this process. */
int request_units(void) { return (int)syscall(SYS_arch_prctl, 0x1023, 18); }

static void begin(void) {
    tile_config_t config;
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int i = 0; i < 8; i++) {
        config.columns[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
}

static void end(void) { _tile_release(); }

#else

#define DEPTH 256 /* inputs at a time: their weights, 32 KB, stay in the L1 cache for all positions */

typedef struct {
    float *all;
} activations_t;

static activations_t lay_out(void *memory, int64_t numbers) {
    (void)numbers;
    return (activations_t){memory};
}

static inline activations_t at(activations_t x, int64_t number) {
    return (activations_t){x.all + number};
}

static inline void put(activations_t to, vec x) { store(to.all, x); }

/* ROWS positions times BLOCK outputs: what `depth` inputs add to the sums. */
static inline __attribute__((always_inline)) void add_products(const float *x, int64_t pitch,
                                                               const float *weights, int depth,
                                                               float *sums) {
    vec sum[ROWS][VECTORS];
    const float *row[ROWS / 3]; /* each third; from there the other two can be addressed */
#pragma GCC unroll 4
    for (int i = 0; i < ROWS / 3; i++)
        row[i] = x + 3 * i * pitch;
#pragma GCC unroll 12
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            sum[i][v] = load(sums + i * BLOCK + v * LANES);
    for (int k = 0; k < depth; k += 4) {
#pragma GCC unroll 4
        for (int u = 0; u < 4; u++, weights += BLOCK) {
#if ROWS > 3 /* the weights in registers, one activation after the other */
            const vec w0 = load(weights), w1 = load(weights + LANES);
#pragma GCC unroll 12
            for (int i = 0; i < ROWS; i++) {
                const vec one = same(row[i / 3][(i % 3) * pitch + u]);
                sum[i][0] += one * w0;
                sum[i][1] += one * w1;
            }
#else /* the other way round: there are but sixteen */
            const vec one[3] = {same(row[0][u]), same(row[0][pitch + u]), same(row[0][2 * pitch + u])};
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) {
                const vec w = load(weights + v * LANES);
                sum[0][v] += one[0] * w;
                sum[1][v] += one[1] * w;
                sum[2][v] += one[2] * w;
            }
#endif
        }
#pragma GCC unroll 4
        for (int i = 0; i < ROWS / 3; i++)
            row[i] += 4;
    }
#pragma GCC unroll 12
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            store(sums + i * BLOCK + v * LANES, sum[i][v]);
}

/* A block's weights: per tap, per input, its 32 outputs. */
static void multiply(const conv_t *c, activations_t x, const char *weights, int64_t count,
                     float *sums) {
    const float *w = (const float *)weights;
    const int64_t pitch = (int64_t)c->stride * c->in;
    memset(sums, 0, sizeof(float) * STEP * BLOCK);
    for (int tap = 0; tap < c->taps; tap++)
        for (int k = 0; k < c->in; k += DEPTH) {
            const int depth = c->in - k < DEPTH ? c->in - k : DEPTH;
            const float *from = x.all + (int64_t)tap * c->dilation * c->in + k;
            for (int64_t t = 0; t < count; t += ROWS)
                add_products(from + t * pitch, pitch, w, depth, sums + t * BLOCK);
            w += depth * BLOCK;
        }
}

int request_units(void) { return 0; }

static void begin(void) {}

static void end(void) {}

#endif

/* Snake (if there is one) and `put` for `count` positions from `position` on, which may lie outside. */
static void prepare(const conv_t *c, const float *x, int64_t rows, int64_t position, int64_t count,
                    activations_t to) {
    for (int64_t i = 0; i < count; i++, position++) {
        const int inside = position >= 0 && position < rows;
        const float *row = x + position * c->in;
        for (int k = 0; k < c->in; k += LANES) {
            vec v = same(0);
            if (inside) {
                v = load(row + k);
                if (c->alpha)
                    v = snake(v, load(c->alpha + k), load(c->inverse + k));
            }
            put(at(to, i * c->in + k), v);
        }
    }
}

static inline int64_t reach(const conv_t *c, int64_t positions) {
    return (positions - 1) * c->stride + (int64_t)(c->taps - 1) * c->dilation + 1;
}

static int64_t rows_at_a_time(const conv_t *c, const conv_t *second) {
    int64_t fixed = 4 * (int64_t)c->in * reach(c, 1);
    int64_t each = 4 * (int64_t)c->in * c->stride + (second ? 4 * (int64_t)second->in : 0);
    int64_t rows = (BUDGET - fixed) / each / STEP * STEP;
    return rows < STEP ? STEP : rows > MOST_ROWS ? MOST_ROWS : rows;
}

/* Bytes of scratch memory that `convolve` wants. */
int64_t scratch_bytes(const conv_t *c, const conv_t *second) {
    int64_t rows = rows_at_a_time(c, second);
    return 4 * (int64_t)c->in * reach(c, rows) + (second ? 4 * (int64_t)second->in * rows : 0) + 64;
}

static const char *weights_of(const conv_t *c, int output) {
    return c->weights + (int64_t)(output / BLOCK) * c->taps * c->in * 4 * BLOCK;
}

/* Output positions first..last-1 of one convolution, or, if `second` is given, of a residual unit:
   x + second(first convolution(x)), `second` having one tap.

   x: `rows` positions. start: where in x the first tap of output position 0 lies; may be negative.
   y: output position 0. skip: position in x that is added to output position 0. */
void convolve(const conv_t *c, const conv_t *second, const float *x, int64_t rows, int64_t start,
              int64_t skip, float *y, int64_t first, int64_t last, void *scratch) {
    const int64_t most = rows_at_a_time(c, second);
    const int64_t numbers = (int64_t)c->in * reach(c, most);
    char *memory = (char *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    const activations_t own = lay_out(memory, numbers);
    const activations_t inner = lay_out(memory + 4 * numbers, second ? second->in * most : 0);
    float sums[STEP * BLOCK] __attribute__((aligned(64)));
    begin();
    for (int64_t from = first; from < last; from += most) {
        const int64_t count = last - from < most ? last - from : most;
        prepare(c, x, rows, start + from * c->stride, reach(c, count), own);
        for (int n = 0; n < c->out; n += BLOCK) {
            for (int64_t t = 0; t < count; t += STEP) {
                const int64_t here = count - t < STEP ? count - t : STEP;
                multiply(c, at(own, t * c->stride * c->in), weights_of(c, n), here, sums);
                for (int64_t i = 0; i < here; i++) {
                    float *to = y + (from + t + i) * c->out + n;
                    if (!second && c->out - n < BLOCK) {
                        for (int j = 0; j < c->out - n; j++)
                            to[j] = sums[BLOCK * i + j] + c->bias[n + j];
                        continue;
                    }
                    for (int j = 0; j < BLOCK; j += LANES) {
                        vec v = load(sums + BLOCK * i + j) + load(c->bias + n + j);
                        if (!second) {
                            store(to + j, v);
                            continue;
                        }
                        v = snake(v, load(second->alpha + n + j), load(second->inverse + n + j));
                        put(at(inner, (t + i) * second->in + n + j), v);
                    }
                }
            }
        }
        if (!second)
            continue;
        for (int n = 0; n < second->out; n += BLOCK) {
            for (int64_t t = 0; t < count; t += STEP) {
                const int64_t here = count - t < STEP ? count - t : STEP;
                multiply(second, at(inner, t * second->in), weights_of(second, n), here, sums);
                for (int64_t i = 0; i < here; i++) {
                    const float *around = x + (skip + from + t + i) * c->in + n;
                    float *to = y + (from + t + i) * second->out + n;
                    for (int j = 0; j < BLOCK; j += LANES)
                        store(to + j, load(sums + BLOCK * i + j) + load(second->bias + n + j) +
                                          load(around + j));
                }
            }
        }
    }
    end();
}

/* The encoder's first layer, from one channel to `out`, a multiple of 16; weights[tap][out]. */
void spread(const float *x, int64_t rows, int64_t start, const float *weights, const float *bias,
            int64_t taps, int64_t out, float *y, int64_t first, int64_t last) {
    for (int64_t t = first; t < last; t++)
        for (int64_t n = 0; n < out; n += LANES) {
            vec sum = load(bias + n);
            for (int64_t tap = 0; tap < taps; tap++) {
                const int64_t position = start + t + tap;
                if (position >= 0 && position < rows)
                    sum += same(x[position]) * load(weights + tap * out + n);
            }
            store(y + t * out + n, sum);
        }
}
