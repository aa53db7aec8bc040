/* A management library that answers as the environment says: NVML_STUB_GPUS devices, NVML_STUB_PID using
 * NVML_STUB_USED bytes on the first (hidden when NVML_STUB_HIDDEN is set), NVML_STUB_FAIL at the start or NVML_STUB_FAIL_LATE at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu, compute; } process_t;

static int gpus[2] = {0, 1};
static long long number(const char *name, long long otherwise) {
    const char *text = getenv(name);
    return text ? atoll(text) : otherwise;
}

int nvmlInitWithFlags(unsigned int flags) { (void)flags; return (int)number("NVML_STUB_FAIL", 0); }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return (int)number("NVML_STUB_FAIL_LATE", 0); }
const char *nvmlErrorString(int code) {
    if (code == 9) return "Driver Not Loaded";
    if (code == 18) return "Driver/library version mismatch";
    return "Unknown Error";
}
int nvmlSystemGetDriverVersion(char *text, unsigned int size) { snprintf(text, size, "580.00"); return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = (unsigned int)number("NVML_STUB_GPUS", 2); return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    if (index >= (unsigned int)number("NVML_STUB_GPUS", 2)) return 2;
    *device = &gpus[index];
    return 0;
}
int nvmlDeviceGetName(void *device, char *text, unsigned int size) {
    snprintf(text, size, "Stub GPU %d", *(int *)device);
    return 0;
}
int nvmlDeviceGetUUID(void *device, char *text, unsigned int size) {
    snprintf(text, size, "GPU-stub-%d", *(int *)device);
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
    (void)device;
    memory->total = 8ULL << 30; memory->used = 1ULL << 30; memory->free = 7ULL << 30;
    return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, process_t *processes) {
    unsigned int wanted = *(int *)device == 0 ? 1 : 0;
    unsigned int room = *count;
    *count = wanted;
    if (room < wanted) return 7;
    if (wanted) {
        memset(processes, 0, sizeof *processes);
        processes->pid = (unsigned int)number("NVML_STUB_PID", 1);
        processes->used = getenv("NVML_STUB_HIDDEN") ? ~0ULL : (unsigned long long)number("NVML_STUB_USED", 0);
    }
    return 0;
}
