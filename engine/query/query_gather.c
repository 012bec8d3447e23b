// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_gather.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define ROW_BITS 20
#define GROUP_BITS 24
#define CAPACITY_MIN 1024u

// NOLINTNEXTLINE(misc-redundant-expression)
_Static_assert(SEGMENT_GROUP_ROW_COUNT_MAX <= 1u << ROW_BITS, "a row number fits its bits");

void query_gather_deinit(struct query_gather *gather)
{
    memory_free(gather->events);
    memory_free(gather->places);
    memory_free(gather->own_us);
}

void query_gather_reset(struct query_gather *gather)
{
    gather->count = 0;
    gather->kept_count = 0;
    gather->has_entry = false;
    gather->in_block = false;
}

static enum corong_status grow(struct query_gather *gather, struct corong_error *error)
{
    uint32_t capacity = gather->capacity == 0 ? CAPACITY_MIN : gather->capacity * 2;
    bool moved = gather->tolerance_us > 0;
    size_t own_size = moved ? sizeof(*gather->own_us) : 0;
    uint64_t added = (uint64_t)(capacity - gather->capacity) *
                     (sizeof(*gather->events) + sizeof(*gather->places) + own_size);
    TRY(query_tasks_charge(gather->tasks, added, "the events of one user", error));
    gather->events = memory_resize_array(gather->events, capacity, sizeof(*gather->events));
    gather->places = memory_resize_array(gather->places, capacity, sizeof(*gather->places));
    if (moved) {
        gather->own_us = memory_resize_array(gather->own_us, capacity, sizeof(*gather->own_us));
    }
    gather->capacity = capacity;
    return CORONG_OK;
}

static uint64_t pack(const struct query_source *source, uint32_t row)
{
    DCHECK(source->index < 1u << (64 - ROW_BITS - GROUP_BITS) && source->group < 1u << GROUP_BITS);
    return (uint64_t)source->index << (ROW_BITS + GROUP_BITS) |
           (uint64_t)source->group << ROW_BITS | row;
}

struct query_place query_gather_place(const struct query_gather *gather, uint32_t event)
{
    return query_gather_unpack(gather->places[event]);
}

struct query_place query_gather_unpack(uint64_t place)
{
    return (struct query_place){
        .source = (uint32_t)(place >> (ROW_BITS + GROUP_BITS)),
        .group = (uint32_t)(place >> ROW_BITS) & ((1u << GROUP_BITS) - 1),
        .row = (uint32_t)place & ((1u << ROW_BITS) - 1),
    };
}

/// Events before the first entry and events after the last entry's window matter only if an entry
/// follows at their own instant; they wait at the end of the list, and go when time moves on
/// without one.
static void forget_waiting(struct query_gather *gather, int64_t time_us)
{
    if (gather->count > gather->kept_count &&
        gather->events[gather->count - 1].time_us != time_us) {
        gather->count = gather->kept_count;
    }
}

static void keep(struct query_gather *gather, int64_t time_us, bool entry)
{
    if (entry) {
        gather->first_entry_us = gather->has_entry ? gather->first_entry_us : time_us;
        gather->last_entry_us = time_us;
        gather->has_entry = true;
    }
    if (gather->keep_all) {
        gather->kept_count = gather->count;
    }
    if (gather->has_entry && time_us <= query_time_add(gather->last_entry_us, gather->window_us)) {
        gather->kept_count = gather->count;
    }
}

struct query_gathered query_gather_row(const struct query_source *source, uint32_t row,
                                       uint64_t stages)
{
    return (struct query_gathered){
        .time_us = query_source_time(source, row),
        .sequence = source->sequences == NULL ? 0 : source->sequences[row],
        .stages = stages,
        .place = pack(source, row),
        .allowed = source->allowed == NULL || source->allowed[row] != 0,
    };
}

/// The time that an event counts as: with a tolerance that of its block's first one. Blocks are cut
/// greedily over events that match a step; the others join.
static int64_t counted_time(struct query_gather *gather, int64_t time_us, bool has_step)
{
    if (gather->tolerance_us == 0) {
        return time_us;
    }
    if (gather->in_block && time_us - gather->block_us <= gather->tolerance_us) {
        return gather->block_us;
    }
    if (has_step) {
        gather->block_us = time_us;
        gather->in_block = true;
    }
    return time_us;
}

static bool in_range(const struct query_gather *gather, int64_t time_us)
{
    return time_us >= gather->entries.from_us && time_us < gather->entries.to_us;
}

/// What strict order sees between steps needs to be there once per instant.
static bool is_repeated(const struct query_gather *gather, const struct match_event *event)
{
    if (gather->count == 0 || event->ordered) {
        return false;
    }
    const struct match_event *last = &gather->events[gather->count - 1];
    return last->time_us == event->time_us &&
           (event->steps | event->hits | last->steps | last->hits) == 0;
}

enum corong_status query_gather_add(struct query_gather *gather, const struct query_gathered *row,
                                    struct corong_error *error)
{
    uint32_t mask = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - gather->step_count);
    struct match_event event = {.steps = (uint32_t)row->stages & mask,
                                .hits = (uint16_t)(row->stages >> gather->step_count)};
    if (gather->keep_all) { // a dialect's own bits
        event.steps = (uint32_t)row->stages;
        event.hits = 0;
        if (!in_range(gather, row->time_us)) {
            return CORONG_OK;
        }
    }
    event.entry_allowed =
        (event.steps & gather->entry_steps) != 0 && in_range(gather, row->time_us) && row->allowed;
    event.time_us = counted_time(gather, row->time_us, event.steps != 0);
    forget_waiting(gather, event.time_us);
    if (gather->count == gather->capacity) {
        TRY(grow(gather, error));
    }
    bool same_time =
        gather->count > 0 && gather->events[gather->count - 1].time_us == event.time_us;
    event.ordered = same_time && row->sequence != gather->last_sequence && !gather->time_only;
    gather->last_sequence = row->sequence;
    if (is_repeated(gather, &event)) {
        return CORONG_OK;
    }
    if (gather->tolerance_us > 0) {
        gather->own_us[gather->count] = row->time_us;
    }
    gather->events[gather->count] = event;
    gather->places[gather->count++] = row->place;
    keep(gather, event.time_us, event.entry_allowed);
    return CORONG_OK;
}

static inline struct match_event event_of(const struct query_gather *gather,
                                          const struct query_source *source, uint32_t row,
                                          uint64_t stages, int64_t time_us)
{
    uint32_t mask = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - gather->step_count);
    struct match_event event = {.time_us = time_us,
                                .steps = (uint32_t)stages & mask,
                                .hits = (uint16_t)(stages >> gather->step_count)};
    event.entry_allowed = (event.steps & gather->entry_steps) != 0 && in_range(gather, time_us) &&
                          (source->allowed == NULL || source->allowed[row] != 0);
    return event;
}

struct match_event query_gather_event(const struct query_gather *gather,
                                      const struct query_source *source, uint32_t row,
                                      uint64_t stages, int64_t time_us)
{
    return event_of(gather, source, row, stages, time_us);
}

uint64_t query_gather_pack(const struct query_source *source, uint32_t row)
{
    return pack(source, row);
}

uint64_t query_gather_packed(const struct query_place *place)
{
    return (uint64_t)place->source << (ROW_BITS + GROUP_BITS) | (uint64_t)place->group << ROW_BITS |
           place->row;
}

enum corong_status query_gather_put(struct query_gather *gather, const struct match_event *event,
                                    uint64_t place, struct corong_error *error)
{
    if (gather->count == gather->capacity) {
        TRY(grow(gather, error));
    }
    gather->events[gather->count] = *event;
    gather->places[gather->count++] = place;
    keep(gather, event->time_us, event->entry_allowed);
    gather->kept_count = gather->count;
    return CORONG_OK;
}

/// Takes one row of query_gather_rows(), for which there is room.
static inline void take_row(struct query_gather *gather, const struct query_source *source,
                            uint32_t row, uint64_t stages, int64_t time_us)
{
    gather->events[gather->count] = event_of(gather, source, row, stages, time_us);
    gather->places[gather->count++] = pack(source, row);
    keep(gather, time_us, gather->events[gather->count - 1].entry_allowed);
}

enum corong_status query_gather_rows(struct query_gather *gather, const struct query_source *source,
                                     uint32_t begin, uint32_t end, const struct query_range *rows,
                                     uint64_t *matched, struct corong_error *error)
{
    for (uint32_t word = begin / 64; word * 64 < end; word++) {
        uint64_t bits = query_source_step_bits(source, word, begin, end);
        for (; bits != 0; bits &= bits - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(bits);
            int64_t time_us = query_source_time(source, row);
            if (time_us < rows->from_us || time_us > rows->to_us) {
                continue;
            }
            ++*matched;
            forget_waiting(gather, time_us);
            if (gather->count == gather->capacity) {
                TRY(grow(gather, error));
            }
            take_row(gather, source, row, query_source_steps(source, row), time_us);
        }
    }
    return CORONG_OK;
}
