/* A driver of one GPU that cannot compute, as the environment says: enough for TensorFlow and PyTorch to load
 * their CUDA libraries and to say what is wrong with a driver, on a machine without one.
 *
 *   CUDA_STUB_VERSION     the newest CUDA that it can run, as 1000 major + 10 minor (13000)
 *   CUDA_STUB_INIT        error of the start (100: no device, 803: its two halves do not fit)
 *   CUDA_STUB_INIT_S      seconds that the start takes, as without nvidia-persistenced
 *
 * TensorFlow calls what is defined here before it registers a GPU. CUDA's runtime asks cuGetProcAddress for
 * every function that it knows (419 times in 12.9) and gives up where one is not there; for each that is not
 * here it is given one that refuses, and with that the first work on the device fails.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 801 };
enum { MAX_THREADS_PER_BLOCK = 1, WARP_SIZE = 10, PROCESSORS = 16, MAJOR = 75, MINOR = 76 };

static long long number(const char *name, long long otherwise) {
    const char *text = getenv(name);
    return text ? atoll(text) : otherwise;
}
static int refuses(void) { return NOT_SUPPORTED; }

int cuInit(unsigned int flags) {
    (void)flags;
    sleep((unsigned int)number("CUDA_STUB_INIT_S", 0));
    return (int)number("CUDA_STUB_INIT", OK);
}
int cuDriverGetVersion(int *version) { *version = (int)number("CUDA_STUB_VERSION", 13000); return OK; }
int cuGetErrorName(int code, const char **text) {
    *text = code == 100 ? "CUDA_ERROR_NO_DEVICE" : "CUDA_ERROR_UNKNOWN";
    return OK;
}
int cuGetErrorString(int code, const char **text) {
    *text = code == 100 ? "no CUDA-capable device is detected" : "unknown error";
    return OK;
}
int cuDeviceGetCount(int *count) { *count = 1; return OK; }
int cuDeviceGet(int *device, int place) { *device = place; return OK; }
int cuDeviceGetName(char *text, int size, int device) {
    snprintf(text, (size_t)size, "Stub GPU %d", device);
    return OK;
}
int cuDeviceGetPCIBusId(char *text, int size, int device) {
    snprintf(text, (size_t)size, "0000:%02x:00.0", device + 1);
    return OK;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; *bytes = 8ULL << 30; return OK; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    switch (attribute) {
        case MAX_THREADS_PER_BLOCK: *value = 1024; break;
        case WARP_SIZE: *value = 32; break;
        case PROCESSORS: *value = 132; break;
        case MAJOR: *value = 9; break;
        case MINOR: *value = 0; break;
        default: *value = 1;
    }
    return OK;
}

typedef struct { const char *name; void *function; } entry_t;

static int address(const char *name, void **function) {
    static const entry_t here[] = {
        {"cuInit", cuInit}, {"cuDriverGetVersion", cuDriverGetVersion},
        {"cuGetErrorName", cuGetErrorName}, {"cuGetErrorString", cuGetErrorString},
        {"cuDeviceGetCount", cuDeviceGetCount}, {"cuDeviceGet", cuDeviceGet},
        {"cuDeviceGetAttribute", cuDeviceGetAttribute},
    };
    size_t i;
    *function = refuses;
    for (i = 0; i < sizeof here / sizeof *here; i++)
        if (strcmp(name, here[i].name) == 0) *function = here[i].function;
    return OK;
}
int cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *found) {
    (void)version; (void)flags;
    if (found) *found = 0;
    if (strcmp(name, "cuGetProcAddress") == 0) { *function = cuGetProcAddress_v2; return OK; }
    return address(name, function);
}
int cuGetProcAddress(const char *name, void **function, int version, uint64_t flags) {
    return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
