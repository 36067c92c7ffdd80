#pragma once

#include "CKernels.h"

// The kernels that mr_scan_kernel_named chooses from. The x86 ones exist on x86-64 only.

extern const mr_scan_kernel mr_scan_scalar;

#if defined(__x86_64__)
extern const mr_scan_kernel mr_scan_avx2;
extern const mr_scan_kernel mr_scan_avx512;
#endif
