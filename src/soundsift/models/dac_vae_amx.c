/* Convolutions of the DAC-VAE codec on Intel's AMX tile units, in close to single precision.

   AMX multiplies bfloat16 (8 bits of mantissa), many times faster than AVX-512 multiplies float32.
   Every factor is split into the sum of two bfloat16, high + low, and
       high * high + high * low + low * high
   is added up in float32: about 16 bits of mantissa are left of each factor, at a third of the speed.

   Activations are float32, row after row: `x[position][channel]`. A position outside the rows that
   are there counts as zeros. The Snake in front of a convolution, the split, the bias and the
   residual sum happen on the way, on pieces of some hundred kilobytes that stay in the cache.

   Weights, see `_pack` in dac_vae_amx.py, per block of 32 outputs, per tap, per block of 32 inputs:
   four tiles of 1 KB: high of outputs 0-15, high of outputs 16-31, then low of both. A tile's row
   holds two inputs, interleaved, for its 16 outputs. */

#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILE 512     /* 16-bit numbers in a tile */
#define BUDGET 786432 /* bytes of split activations at a time; half of a core's L2 cache */
#define MOST_ROWS 1024

typedef struct {
    int32_t in, out;       /* channels in, a multiple of 32; channels out, any number */
    int32_t taps, stride, dilation;
    const uint16_t *weights; /* for `out` rounded up to whole blocks of 32 */
    const float *bias;       /* as many */
    const float *alpha;      /* of the Snake in front, per input channel, or NULL */
    const float *inverse;    /* 1 / alpha */
} conv_t;

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t columns[16];
    uint8_t rows[16];
} __attribute__((packed)) tile_config_t;

/* Ask Linux for the tile registers; 0 if it grants them to this process. */
int amx_request(void) { return (int)syscall(SYS_arch_prctl, 0x1023, 18); }

static void configure_tiles(void) {
    tile_config_t config;
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int i = 0; i < 8; i++) {
        config.columns[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
}

/* x + sin(a x)^2 / a. The square has period pi: the angle is brought into -pi/2..pi/2, then a
   polynomial of degree 11 is good to the last bits of float32. */
static inline __m512 snake(__m512 x, __m512 alpha, __m512 inverse) {
    __m512 angle = _mm512_mul_ps(alpha, x);
    __m512 turns = _mm512_roundscale_ps(_mm512_mul_ps(angle, _mm512_set1_ps(0.318309886f)), 0);
    /* pi in three parts, so that whole turns leave an exact remainder. */
    __m512 r = _mm512_fnmadd_ps(turns, _mm512_set1_ps(3.140625f), angle);
    r = _mm512_fnmadd_ps(turns, _mm512_set1_ps(9.67502593994140625e-4f), r);
    r = _mm512_fnmadd_ps(turns, _mm512_set1_ps(1.509957990978376432e-7f), r);
    __m512 q = _mm512_mul_ps(r, r);
    __m512 s = _mm512_set1_ps(-2.50521083854e-8f);
    s = _mm512_fmadd_ps(s, q, _mm512_set1_ps(2.75573192240e-6f));
    s = _mm512_fmadd_ps(s, q, _mm512_set1_ps(-1.98412698413e-4f));
    s = _mm512_fmadd_ps(s, q, _mm512_set1_ps(8.33333333333e-3f));
    s = _mm512_fmadd_ps(s, q, _mm512_set1_ps(-1.66666666667e-1f));
    s = _mm512_fmadd_ps(_mm512_mul_ps(s, q), r, r);
    return _mm512_fmadd_ps(_mm512_mul_ps(s, s), inverse, x);
}

static inline void split(__m512 x, uint16_t *high, uint16_t *low) {
    __m256bh upper = _mm512_cvtneps_pbh(x);
    __m512 back = _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)upper), 16));
    _mm256_storeu_si256((__m256i *)high, (__m256i)upper);
    _mm256_storeu_si256((__m256i *)low, (__m256i)_mm512_cvtneps_pbh(_mm512_sub_ps(x, back)));
}

/* Snake (if there is one) and split of `count` positions from `position` on, which may lie outside. */
static void prepare(const conv_t *c, const float *x, int64_t rows, int64_t position, int64_t count,
                    uint16_t *high, uint16_t *low) {
    for (int64_t i = 0; i < count; i++, position++, high += c->in, low += c->in) {
        if (position < 0 || position >= rows) {
            memset(high, 0, 2 * (size_t)c->in);
            memset(low, 0, 2 * (size_t)c->in);
            continue;
        }
        const float *row = x + position * c->in;
        for (int k = 0; k < c->in; k += 16) {
            __m512 v = _mm512_loadu_ps(row + k);
            if (c->alpha)
                v = snake(v, _mm512_loadu_ps(c->alpha + k), _mm512_loadu_ps(c->inverse + k));
            split(v, high + k, low + k);
        }
    }
}

/* 32 positions times 32 outputs: acc[position][output]. */
static void multiply(const conv_t *c, const uint16_t *high, const uint16_t *low,
                     const uint16_t *weights, float *acc) {
    const int64_t pitch = 2 * (int64_t)c->in * c->stride; /* bytes from a position to the next */
    const int64_t half = 16 * (int64_t)c->in * c->stride;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int tap = 0; tap < c->taps; tap++) {
        const uint16_t *h = high + (int64_t)tap * c->dilation * c->in;
        const uint16_t *l = low + (int64_t)tap * c->dilation * c->in;
        for (int k = 0; k < c->in; k += 32, weights += 4 * TILE) {
            _tile_loadd(4, h + k, pitch);
            _tile_loadd(5, h + k + half, pitch);
            _tile_loadd(6, weights + 2 * TILE, 64);
            _tile_loadd(7, weights + 3 * TILE, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            _tile_loadd(6, weights, 64);
            _tile_loadd(7, weights + TILE, 64);
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
    _tile_stored(0, acc, 128);
    _tile_stored(1, acc + 16, 128);
    _tile_stored(2, acc + 16 * 32, 128);
    _tile_stored(3, acc + 16 * 32 + 16, 128);
}

static inline int64_t reach(const conv_t *c, int64_t positions) {
    return (positions - 1) * c->stride + (int64_t)(c->taps - 1) * c->dilation + 1;
}

static int64_t rows_at_a_time(const conv_t *c, const conv_t *second) {
    int64_t fixed = 4 * (int64_t)c->in * reach(c, 1);
    int64_t each = 4 * (int64_t)c->in * c->stride + (second ? 4 * (int64_t)second->in : 0);
    int64_t rows = (BUDGET - fixed) / each / 32 * 32;
    return rows < 32 ? 32 : rows > MOST_ROWS ? MOST_ROWS : rows;
}

/* Bytes of scratch memory that `convolve` wants. */
int64_t scratch_bytes(const conv_t *c, const conv_t *second) {
    int64_t rows = rows_at_a_time(c, second);
    return 4 * (int64_t)c->in * reach(c, rows) + (second ? 4 * (int64_t)second->in * rows : 0) + 64;
}

static int64_t weights_per_block(const conv_t *c) { return (int64_t)c->taps * c->in * 64; }

/* Output positions first..last-1 of one convolution, or, if `second` is given, of a residual unit:
   x + second(first convolution(x)), `second` having one tap.

   x: `rows` positions. start: where in x the first tap of output position 0 lies; may be negative.
   y: output position 0. skip: position in x that is added to output position 0. */
void convolve(const conv_t *c, const conv_t *second, const float *x, int64_t rows, int64_t start,
              int64_t skip, float *y, int64_t first, int64_t last, void *scratch) {
    const int64_t most = rows_at_a_time(c, second);
    const int64_t width = (int64_t)c->in * reach(c, most);
    uint16_t *high = (uint16_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63), *low = high + width;
    uint16_t *high2 = low + width, *low2 = second ? high2 + second->in * most : NULL;
    float acc[32 * 32] __attribute__((aligned(64)));
    configure_tiles();
    for (int64_t at = first; at < last; at += most) {
        const int64_t count = last - at < most ? last - at : most;
        prepare(c, x, rows, start + at * c->stride, reach(c, count), high, low);
        for (int n = 0; n < c->out; n += 32) {
            const uint16_t *weights = c->weights + n / 32 * weights_per_block(c);
            const __m512 bias0 = _mm512_loadu_ps(c->bias + n);
            const __m512 bias1 = _mm512_loadu_ps(c->bias + n + 16);
            for (int64_t t = 0; t < count; t += 32) {
                const int64_t here = count - t < 32 ? count - t : 32;
                const int64_t offset = t * c->stride * c->in;
                multiply(c, high + offset, low + offset, weights, acc);
                if (second) {
                    const __m512 alpha0 = _mm512_loadu_ps(second->alpha + n);
                    const __m512 alpha1 = _mm512_loadu_ps(second->alpha + n + 16);
                    const __m512 inverse0 = _mm512_loadu_ps(second->inverse + n);
                    const __m512 inverse1 = _mm512_loadu_ps(second->inverse + n + 16);
                    for (int64_t i = 0; i < here; i++) {
                        const int64_t to = (t + i) * second->in + n;
                        __m512 v0 = _mm512_add_ps(_mm512_load_ps(acc + 32 * i), bias0);
                        __m512 v1 = _mm512_add_ps(_mm512_load_ps(acc + 32 * i + 16), bias1);
                        split(snake(v0, alpha0, inverse0), high2 + to, low2 + to);
                        split(snake(v1, alpha1, inverse1), high2 + to + 16, low2 + to + 16);
                    }
                } else if (c->out - n >= 32) {
                    for (int64_t i = 0; i < here; i++) {
                        float *to = y + (at + t + i) * c->out + n;
                        _mm512_storeu_ps(to, _mm512_add_ps(_mm512_load_ps(acc + 32 * i), bias0));
                        _mm512_storeu_ps(
                            to + 16, _mm512_add_ps(_mm512_load_ps(acc + 32 * i + 16), bias1));
                    }
                } else {
                    for (int64_t i = 0; i < here; i++)
                        for (int j = 0; j < c->out - n; j++)
                            y[(at + t + i) * c->out + n + j] = acc[32 * i + j] + c->bias[n + j];
                }
            }
        }
        if (!second)
            continue;
        for (int n = 0; n < second->out; n += 32) {
            const uint16_t *weights = second->weights + n / 32 * weights_per_block(second);
            const __m512 bias0 = _mm512_loadu_ps(second->bias + n);
            const __m512 bias1 = _mm512_loadu_ps(second->bias + n + 16);
            for (int64_t t = 0; t < count; t += 32) {
                const int64_t here = count - t < 32 ? count - t : 32;
                multiply(second, high2 + t * second->in, low2 + t * second->in, weights, acc);
                for (int64_t i = 0; i < here; i++) {
                    const float *from = x + (skip + at + t + i) * c->in + n;
                    float *to = y + (at + t + i) * second->out + n;
                    __m512 v0 = _mm512_add_ps(_mm512_load_ps(acc + 32 * i), bias0);
                    __m512 v1 = _mm512_add_ps(_mm512_load_ps(acc + 32 * i + 16), bias1);
                    _mm512_storeu_ps(to, _mm512_add_ps(v0, _mm512_loadu_ps(from)));
                    _mm512_storeu_ps(to + 16, _mm512_add_ps(v1, _mm512_loadu_ps(from + 16)));
                }
            }
        }
    }
    _tile_release();
}

/* The encoder's first layer, from one channel to `out`, a multiple of 16; weights[tap][out]. */
void spread(const float *x, int64_t rows, int64_t start, const float *weights, const float *bias,
            int64_t taps, int64_t out, float *y, int64_t first, int64_t last) {
    for (int64_t t = first; t < last; t++)
        for (int64_t n = 0; n < out; n += 16) {
            __m512 sum = _mm512_loadu_ps(bias + n);
            for (int64_t tap = 0; tap < taps; tap++) {
                const int64_t position = start + t + tap;
                if (position >= 0 && position < rows)
                    sum = _mm512_fmadd_ps(_mm512_set1_ps(x[position]),
                                          _mm512_loadu_ps(weights + tap * out + n), sum);
            }
            _mm512_storeu_ps(y + t * out + n, sum);
        }
}
