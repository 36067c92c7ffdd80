// Mean pooling over real tokens and L2 normalisation, as sentence-transformers defines them
// (modules `Pooling` with pooling_mode_mean_tokens and `Normalize`; the norm is floored at 1e-12 as in torch's
// F.normalize). Rows are right-padded, so a count of real tokens stands for the attention mask.
#include "CKernels.h"
#include <math.h>

#if defined(__x86_64__) && defined(__linux__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void mr_pool_mean_l2(const float *restrict tokens, size_t dimension, size_t count, float *restrict out) {
    for (size_t i = 0; i < dimension; i++) out[i] = 0;
    for (size_t t = 0; t < count; t++) {
        const float *restrict row = tokens + t * dimension;
        for (size_t i = 0; i < dimension; i++) out[i] += row[i];
    }
    // The mean's division cancels in the normalisation unless the sum is nearly zero; it is kept for that floor.
    const float scale = count ? 1.0f / (float)count : 0;
    double squares = 0;
    for (size_t i = 0; i < dimension; i++) {
        out[i] *= scale;
        squares += (double)out[i] * out[i];
    }
    double norm = sqrt(squares);
    if (norm < 1e-12) norm = 1e-12;
    const float inverse = (float)(1.0 / norm);
    for (size_t i = 0; i < dimension; i++) out[i] *= inverse;
}
