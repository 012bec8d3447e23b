// SPDX-License-Identifier: Apache-2.0
// What the figures were taken on, and how fast its disk makes things durable.
#include "storage/base/clock.h"
#include "tools/bench/run.h"

#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PROBE_BYTES (1u << 20)
#define PROBE_SYNC_COUNT 20u
#define PROBE_SMALL 4096u

static void read_cpu_name(char *name, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "unknown");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(name, size, "%s", colon + 2);
            name[strcspn(name, "\n")] = '\0';
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

/// Appends made durable one by one, as a commit's record, and a megabyte as its segments.
static enum corong_status probe_file(int descriptor, struct histogram *small,
                                     struct histogram *large, struct corong_error *error)
{
    static char bytes[PROBE_BYTES];
    memset(bytes, 'x', sizeof(bytes));
    for (uint32_t index = 0; index < 2 * PROBE_SYNC_COUNT; index++) {
        bool is_small = index < PROBE_SYNC_COUNT;
        size_t size = is_small ? PROBE_SMALL : PROBE_BYTES;
        int64_t begun_us = clock_monotonic_us();
        errno = ENOSPC; // what a write that came out short means
        if (write(descriptor, bytes, size) != (ssize_t)size || fdatasync(descriptor) != 0) {
            return error_set_errno(error, "cannot write to the temporary folder");
        }
        histogram_add(is_small ? small : large, clock_monotonic_us() - begun_us, 1);
    }
    return CORONG_OK;
}

static enum corong_status probe_disk(const struct run *run, json_t *disk,
                                     struct corong_error *error)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/corong-bench-probe-XXXXXX", run->parent);
    int descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor < 0) {
        return error_set_errno(error, "cannot write to the temporary folder '%s'", run->parent);
    }
    unlink(path);
    struct histogram small = {0};
    struct histogram large = {0};
    enum corong_status status = probe_file(descriptor, &small, &large, error);
    close(descriptor);
    json_t *commits = json_object();
    json_t *megabytes = json_object();
    histogram_json(&small, commits);
    histogram_json(&large, megabytes);
    json_object_set_new(disk, "sync_4kib", commits);
    json_object_set_new(disk, "sync_1mib", megabytes);
    struct statvfs room;
    if (statvfs(run->parent, &room) == 0) {
        json_object_set_new(disk, "free_bytes",
                            json_integer((json_int_t)(room.f_bavail * room.f_frsize)));
    }
    return status;
}

enum corong_status run_machine(struct run *run, struct corong_error *error)
{
    char cpu[128];
    struct utsname system;
    double loads[3] = {0};
    json_t *disk = json_object();
    read_cpu_name(cpu, sizeof(cpu));
    (void)!getloadavg(loads, 3);
    json_t *machine = json_pack(
        "{s:s,s:i,s:I,s:s,s:[f,f,f],s:s,s:s,s:o}", "cpu", cpu, "cores", (int)run->core_count,
        "memory_bytes", (json_int_t)sysconf(_SC_PHYS_PAGES) * (json_int_t)sysconf(_SC_PAGESIZE),
        "kernel", uname(&system) == 0 ? system.release : "unknown", "load_average", loads[0],
        loads[1], loads[2], "corong", CORONG_VERSION, "librdkafka", rd_kafka_version_str(), "disk",
        disk);
    json_object_set_new(run->document, "machine", machine);
    return probe_disk(run, disk, error);
}
