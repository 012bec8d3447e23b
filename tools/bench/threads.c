// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/threads.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME_SIZE 32

const char *thread_stage_name(enum thread_stage stage)
{
    static const char *const names[STAGE_COUNT] = {
        "librdkafka", "poll+decode+route", "shard", "sort+encode", "views", "commit", "merge",
        "settle",     "questions",         "load",  "bench",       "other"};
    return names[stage];
}

bool thread_stage_is_system(enum thread_stage stage)
{
    return stage != STAGE_LOAD && stage != STAGE_BENCH;
}

void threads_name(const char *name)
{
    (void)pthread_setname_np(pthread_self(), name); // a longer one than Linux takes changes nothing
}

static bool is_load(const struct thread_table *table, pid_t id)
{
    for (uint32_t index = 0; index < table->load_count; index++) {
        if (table->load[index] == id) {
            return true;
        }
    }
    return false;
}

static void read_name(pid_t id, char *name)
{
    char path[64];
    name[0] = '\0';
    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", id);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fgets(name, NAME_SIZE, file) == NULL) {
            name[0] = '\0';
        }
        fclose(file);
    }
    name[strcspn(name, "\n")] = '\0';
}

static enum thread_stage stage_of(const struct thread_table *table, pid_t id)
{
    static const struct {
        const char *name;
        enum thread_stage stage;
    } known[] = {
        {"corong-pump", STAGE_PUMP},     {"corong-shard", STAGE_SHARD},
        {"corong-commit", STAGE_COMMIT}, {"corong-merge", STAGE_MERGE},
        {"corong-settle", STAGE_SETTLE}, {"corong-query", STAGE_QUESTIONS},
        {"bench-ask", STAGE_QUESTIONS},  {"bench-load", STAGE_LOAD},
        {"rdk:mock", STAGE_LOAD},        {"corong-read", STAGE_PUMP},
    };
    char name[NAME_SIZE];
    read_name(id, name);
    for (size_t index = 0; index < sizeof(known) / sizeof(known[0]); index++) {
        if (strcmp(name, known[index].name) == 0) {
            return known[index].stage;
        }
    }
    if (strncmp(name, "rdk:", 4) == 0) {
        return is_load(table, id) ? STAGE_LOAD : STAGE_POLL;
    }
    return STAGE_BENCH;
}

/// The clock of another thread of this process: Linux' own numbering of them.
static uint64_t clock_of(pid_t id)
{
    struct timespec spent;
    clockid_t clock = (clockid_t)(~(unsigned)id << 3 | 6u);
    return clock_gettime(clock, &spent) == 0
               ? (uint64_t)spent.tv_sec * 1000000000u + (uint64_t)spent.tv_nsec
               : 0;
}

static uint64_t process_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000000u + (uint64_t)spent.tv_nsec;
}

static void each_thread(struct thread_table *table,
                        void (*visit)(struct thread_table *table, pid_t id))
{
    DIR *folder = opendir("/proc/self/task");
    if (folder == NULL) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        pid_t id = (pid_t)strtol(entry->d_name, NULL, 10);
        if (id > 0) {
            visit(table, id);
        }
    }
    closedir(folder);
}

static void mark(struct thread_table *table, pid_t id)
{
    char name[NAME_SIZE];
    read_name(id, name);
    if (strncmp(name, "rdk:", 4) == 0 && table->load_count < THREAD_COUNT_MAX) {
        table->load[table->load_count++] = id;
    }
}

void threads_mark_load(struct thread_table *table)
{
    table->load_count = 0;
    each_thread(table, mark);
}

static struct thread_row *row_of(struct thread_table *table, pid_t id)
{
    for (uint32_t index = 0; index < table->count; index++) {
        if (table->rows[index].id == id) {
            return &table->rows[index];
        }
    }
    if (table->count == THREAD_COUNT_MAX) {
        return NULL;
    }
    struct thread_row *row = &table->rows[table->count++];
    // A thread that came after the begin counts from its own.
    *row = (struct thread_row){.id = id, .stage = stage_of(table, id)};
    return row;
}

static void look_at(struct thread_table *table, pid_t id)
{
    struct thread_row *row = row_of(table, id);
    uint64_t now_ns = clock_of(id);
    if (row == NULL || now_ns == 0) {
        return;
    }
    if (row->stage == STAGE_BENCH) {
        row->stage = stage_of(table, id); // it may not have had its name yet
    }
    row->now_ns = now_ns > row->now_ns ? now_ns : row->now_ns;
}

void threads_look(struct thread_table *table)
{
    each_thread(table, look_at);
    table->process_now_ns = process_ns();
}

void threads_begin(struct thread_table *table)
{
    table->count = 0;
    threads_look(table);
    table->process_ns = table->process_now_ns;
    for (uint32_t index = 0; index < table->count; index++) {
        table->rows[index].begun_ns = table->rows[index].now_ns;
    }
}

void threads_sum(const struct thread_table *table, uint64_t sums_ns_out[STAGE_COUNT])
{
    uint64_t known_ns = 0;
    memset(sums_ns_out, 0, STAGE_COUNT * sizeof(sums_ns_out[0]));
    for (uint32_t index = 0; index < table->count; index++) {
        const struct thread_row *row = &table->rows[index];
        sums_ns_out[row->stage] += row->now_ns - row->begun_ns;
        known_ns += row->now_ns - row->begun_ns;
    }
    uint64_t all_ns = table->process_now_ns - table->process_ns;
    sums_ns_out[STAGE_OTHER] += all_ns > known_ns ? all_ns - known_ns : 0;
}
