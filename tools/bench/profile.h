// SPDX-License-Identifier: Apache-2.0
/// What there is to know about a sample: every quantity that a crowd's shape has, measured the same
/// way on the user's log and on generated events. Private to tools/bench/. Thread: one at a time.
#pragma once

#include "tools/bench/sample.h"

#include <jansson.h>

/// Numbers, sorted once they are all there. Start from {0}.
struct profile_list {
    int64_t *values;
    uint64_t count;
    uint64_t capacity;
};
void profile_list_add(struct profile_list *list, int64_t value);
void profile_list_sort(struct profile_list *list);
/// The value with this share (0 to 1) of the others below it; 0 where there is none.
double profile_list_at(const struct profile_list *list, double share);
double profile_list_mean(const struct profile_list *list);

struct profile_attribute {
    uint64_t present[CROWD_NAME_COUNT_MAX]; ///< events that have it, by name
    uint64_t
        pairs[2]; ///< of neighbouring events of a user that both have it: in one session, in two
    uint64_t equal[2]; ///< of these, with the same value
    enum crowd_level level;
    double keep;                 ///< how often a value is that of the event before, beyond chance
    struct profile_list counts;  ///< of a text: how often each value was chosen, descending
    struct profile_list numbers; ///< else: the values
    uint64_t distinct;           ///< values among events
    double commonest;            ///< share of the commonest among events that have it
    double size;                 ///< mean bytes of a text
};

struct profile {
    uint32_t name_count; ///< with those that are one, at most CROWD_NAME_COUNT_MAX
    uint32_t name_order[CROWD_NAME_COUNT_MAX]; ///< numbers of the sample's names, by frequency
    uint64_t name_events[CROWD_NAME_COUNT_MAX];
    uint64_t follows[CROWD_NAME_COUNT_MAX + 1][CROWD_NAME_COUNT_MAX];
    uint64_t amounts_of[CROWD_NAME_COUNT_MAX];
    struct profile_list user_events;
    struct profile_list user_sessions;
    struct profile_list session_events;
    struct profile_list gaps_us;
    struct profile_list amounts;
    struct profile_list late_us;
    uint64_t reached[4]; ///< users that did the commonest names one after the other, in their order
    uint64_t copies;
    uint64_t hours[CROWD_HOUR_COUNT]; ///< sessions begun
    int64_t first_us;                 ///< without the thousandth part that lies furthest out
    int64_t last_us;
    struct profile_attribute attributes[CROWD_ATTRIBUTE_COUNT_MAX];
};

/// Measures. `sample` is borrowed by the calls below as well.
void profile_measure(struct profile *profile, const struct sample *sample);
void profile_deinit(struct profile *profile);
/// The shape that reproduces it.
void profile_shape(const struct profile *profile, const struct sample *sample,
                   struct crowd_shape *shape_out);
/// Rows { quantity, unit, value } of a profile.
json_t *profile_rows(const struct profile *profile, const struct sample *sample);
/// The sample's attribute as a word that a line can hold.
void profile_word(struct text name, char *word);
