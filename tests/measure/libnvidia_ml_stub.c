/* A management library that answers as the environment says, so that the real pynvml and the real code
 * can be shown any machine:
 *
 *   NVML_STUB_GPUS        devices, in PCI order (2)
 *   NVML_STUB_PID         a process on device 0; "children" for all child processes of the asking one
 *   NVML_STUB_USED        bytes that each of these uses
 *   NVML_STUB_MEMORY      file with the bytes in use on the device, read at every question
 *   NVML_STUB_THROTTLE    the throttle reasons' bits
 *   NVML_STUB_HIDDEN      process memory is not told          NVML_STUB_NO_ENERGY   there is no energy counter
 *   NVML_STUB_DENIED      no permission for processes, power  NVML_STUB_MIG         a slice: memory and no more
 *   NVML_STUB_FAIL        error of the start                  NVML_STUB_FAIL_LATE   error of the end
 *   NVML_STUB_LOST_AFTER  questions for energy after which the device is lost
 *   NVML_STUB_LOST_WHEN   folder; the device is lost as soon as it holds a file
 *   NVML_STUB_OUT         the device that is out of reach, and NVML_STUB_OUT_WITH its error (4: no permission)
 *   NVML_STUB_NAME        what the devices are called before their number (Stub GPU), in any bytes
 *   NVML_STUB_SHARED      the devices share the host's memory and tell none of their own
 *   NVML_STUB_COMPUTE     the devices' compute mode (0: default, 2: prohibited, 3: exclusive process)
 *   NVML_STUB_SCREEN      the devices draw a screen
 *   NVML_STUB_STRANGER    another process on every device
 *   NVML_STUB_REFUSES     quantities, by the ends of their functions' names, or "all", that are answered with
 *   NVML_STUB_REFUSES_WITH  this error (2: invalid argument)
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, TOO_SMALL = 7, LOST = 15 };
enum { MOST = 64 };
static const double POWER_W = 100.0;

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu, compute; } process_t;
typedef struct { unsigned int gpu, memory; } rates_t;

static int gpus[3] = {0, 1, 2};
static long long energy_questions = 0;

static long long number(const char *name, long long otherwise) {
    const char *text = getenv(name);
    return text ? atoll(text) : otherwise;
}
static int refused(const char *quantity) {
    const char *names = getenv("NVML_STUB_REFUSES");
    if (!names || !(strcmp(names, "all") == 0 || strstr(names, quantity))) return OK;
    return (int)number("NVML_STUB_REFUSES_WITH", INVALID);
}
static int lost(void) {
    const char *path = getenv("NVML_STUB_LOST_WHEN");
    DIR *folder = path ? opendir(path) : NULL;
    struct dirent *entry;
    int found = 0;
    while (folder && (entry = readdir(folder))) found |= entry->d_name[0] != '.';
    if (folder) closedir(folder);
    return found || energy_questions > number("NVML_STUB_LOST_AFTER", 1LL << 60);
}
static int whole(const char *quantity) {
    if (lost()) return LOST;
    return refused(quantity) ? refused(quantity) : getenv("NVML_STUB_MIG") ? NOT_SUPPORTED : OK;
}

int nvmlInitWithFlags(unsigned int flags) { (void)flags; return (int)number("NVML_STUB_FAIL", 0); }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return (int)number("NVML_STUB_FAIL_LATE", 0); }
const char *nvmlErrorString(int code) {
    if (code == 9) return "Driver Not Loaded";
    if (code == 18) return "Driver/library version mismatch";
    return "Unknown Error";
}
int nvmlSystemGetDriverVersion(char *text, unsigned int size) { snprintf(text, size, "580.00"); return OK; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = (unsigned int)number("NVML_STUB_GPUS", 2); return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    if (index >= (unsigned int)number("NVML_STUB_GPUS", 2)) return INVALID;
    if (index == (unsigned int)number("NVML_STUB_OUT", -1)) return (int)number("NVML_STUB_OUT_WITH", NO_PERMISSION);
    *device = &gpus[index];
    return OK;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    if (strncmp(uuid, "MIG-stub", 8) == 0 && getenv("NVML_STUB_MIG")) { *device = &gpus[2]; return OK; }
    if (strncmp(uuid, "GPU-stub-", 9) != 0) return NOT_FOUND;
    return nvmlDeviceGetHandleByIndex_v2((unsigned int)atoi(uuid + 9), device);
}
int nvmlDeviceGetName(void *device, char *text, unsigned int size) {
    if (*(int *)device == 2) snprintf(text, size, "Stub GPU MIG 1g.10gb");
    else snprintf(text, size, "%s %d", getenv("NVML_STUB_NAME") ? getenv("NVML_STUB_NAME") : "Stub GPU", *(int *)device);
    return OK;
}
int nvmlDeviceGetUUID(void *device, char *text, unsigned int size) {
    if (*(int *)device == 2) snprintf(text, size, "MIG-stub");
    else snprintf(text, size, "GPU-stub-%d", *(int *)device);
    return OK;
}
int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
    const char *path = getenv("NVML_STUB_MEMORY");
    FILE *file = path ? fopen(path, "r") : NULL;
    (void)device;
    if (lost()) return LOST;
    if (refused("MemoryInfo")) return refused("MemoryInfo");
    if (getenv("NVML_STUB_SHARED")) return NOT_SUPPORTED;
    memory->total = 8ULL << 30;
    memory->used = 1ULL << 30;
    if (file) {
        if (fscanf(file, "%llu", &memory->used) != 1) memory->used = 0;
        fclose(file);
    }
    memory->free = memory->total - memory->used;
    return OK;
}
int nvmlDeviceGetUtilizationRates(void *device, rates_t *rates) {
    (void)device;
    rates->gpu = 40; rates->memory = 10;
    return whole("UtilizationRates");
}
int nvmlDeviceGetClockInfo(void *device, unsigned int kind, unsigned int *mhz) {
    (void)device;
    *mhz = kind == 2 ? 2600 : 1980;
    return whole("ClockInfo");
}
int nvmlDeviceGetTemperature(void *device, unsigned int sensor, unsigned int *degrees) {
    (void)device; (void)sensor;
    *degrees = 50;
    return whole("Temperature");
}
int nvmlDeviceGetPowerUsage(void *device, unsigned int *milliwatts) {
    (void)device;
    *milliwatts = (unsigned int)(POWER_W * 1e3);
    return getenv("NVML_STUB_DENIED") ? NO_PERMISSION : whole("PowerUsage");
}
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    struct timespec now;
    (void)device;
    energy_questions++;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *millijoules = (unsigned long long)(POWER_W * (1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec));
    return getenv("NVML_STUB_NO_ENERGY") || getenv("NVML_STUB_DENIED") ? NOT_SUPPORTED : whole("TotalEnergyConsumption");
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) {
    (void)device;
    *reasons = (unsigned long long)number("NVML_STUB_THROTTLE", 1);
    return whole("CurrentClocksThrottleReasons");
}
int nvmlDeviceGetComputeMode(void *device, unsigned int *mode) {
    (void)device;
    *mode = (unsigned int)number("NVML_STUB_COMPUTE", 0);
    return whole("ComputeMode");
}
int nvmlDeviceGetDisplayActive(void *device, unsigned int *active) {
    (void)device;
    *active = getenv("NVML_STUB_SCREEN") != NULL;
    return whole("DisplayActive");
}

static unsigned int children(unsigned int *found) {
    unsigned int count = 0, pid;
    char path[64];
    FILE *file;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    file = fopen(path, "r");
    while (file && count < MOST && fscanf(file, "%u", &pid) == 1) found[count++] = pid;
    if (file) fclose(file);
    return count;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, process_t *processes) {
    const char *who = getenv("NVML_STUB_PID");
    unsigned int pids[MOST], wanted = 0, room = *count, i;
    if (lost()) return LOST;
    if (refused("ComputeRunningProcesses")) return refused("ComputeRunningProcesses");
    if (getenv("NVML_STUB_DENIED")) return NO_PERMISSION;
    if (who && strcmp(who, "children") == 0) wanted = children(pids);
    else if (who && *(int *)device == 0) pids[wanted++] = (unsigned int)atoi(who);
    if (getenv("NVML_STUB_STRANGER") && wanted < MOST) pids[wanted++] = (unsigned int)number("NVML_STUB_STRANGER", 0);
    *count = wanted;
    if (room < wanted) return TOO_SMALL;
    for (i = 0; i < wanted; i++) {
        memset(&processes[i], 0, sizeof *processes);
        processes[i].pid = pids[i];
        processes[i].used = getenv("NVML_STUB_HIDDEN") || getenv("NVML_STUB_MIG")
            ? ~0ULL : (unsigned long long)number("NVML_STUB_USED", 0);
    }
    return OK;
}
