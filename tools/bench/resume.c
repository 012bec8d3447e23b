// SPDX-License-Identifier: Apache-2.0
// A growth goes on behind the sizes that an earlier one measured, where nothing else has changed.
#include "tools/bench/run.h"

#include <math.h>
#include <string.h>

#define VALUE_SIZE 120u

static void describe(const json_t *value, char *out)
{
    size_t size = value == NULL ? 0 : json_dumpb(value, out, VALUE_SIZE - 4, JSON_ENCODE_ANY);
    if (size == 0) {
        snprintf(out, VALUE_SIZE, "nothing");
    } else {
        snprintf(out + (size < VALUE_SIZE - 4 ? size : VALUE_SIZE - 4), 4, "%s",
                 size < VALUE_SIZE - 4 ? "" : "...");
    }
}

/// A file has twelve digits of a number.
static bool same_value(const json_t *there, const json_t *here)
{
    if (json_is_real(here) && json_is_number(there)) {
        double is = json_real_value(here);
        return fabs(json_number_value(there) - is) <= 1e-11 * fabs(is);
    }
    return json_equal(there, here);
}

/// The first member of `here` that `there` has otherwise. False: none.
static bool find_difference(const json_t *there, const json_t *here, struct text_buffer *name,
                            const json_t **there_out, const json_t **here_out)
{
    const char *key;
    json_t *value;
    size_t size = name->size;
    json_object_foreach((json_t *)here, key, value)
    {
        const json_t *other = json_object_get(there, key);
        if (same_value(other, value) || strcmp(key, "growth_events") == 0) {
            continue;
        }
        text_buffer_printf(name, "%s%s", size > 0 ? "." : "", key);
        *there_out = other;
        *here_out = value;
        if (!json_is_object(value) || !json_is_object(other)) {
            return true;
        }
        if (find_difference(other, value, name, there_out, here_out)) {
            return true;
        }
        // Only members that are there alone differ, or digits that a file has not.
        name->size = size;
    }
    return false;
}

static bool differs(const struct run *run, struct text_buffer *name, const json_t **there_out,
                    const json_t **here_out)
{
    static const char *const same[] = {"cpu", "cores", "corong"};
    const json_t *before = run->options->resumed;
    const json_t *was = json_object_get(before, "machine");
    const json_t *is = json_object_get(run->document, "machine");
    for (size_t index = 0; index < sizeof(same) / sizeof(same[0]); index++) {
        *there_out = json_object_get(was, same[index]);
        *here_out = json_object_get(is, same[index]);
        if (!json_equal(*there_out, *here_out)) {
            text_buffer_printf(name, "the machine's %s", same[index]);
            return true;
        }
    }
    return find_difference(json_object_get(before, "parameters"),
                           json_object_get(run->document, "parameters"), name, there_out, here_out);
}

static enum corong_status refuse(const struct run *run, const char *name, const json_t *there,
                                 const json_t *here, struct corong_error *error)
{
    char was[VALUE_SIZE];
    char is[VALUE_SIZE];
    describe(there, was);
    describe(here, is);
    return error_set(error, CORONG_INVALID,
                     "'%s' holds a growth that was stopped and cannot go on with this one: %s was "
                     "%s and is now %s; give what it was begun with, name another file with "
                     "--output, or remove it to begin anew",
                     run->options->resumed_path, name, was, is);
}

enum corong_status run_check_resumed(struct run *run, struct corong_error *error)
{
    const json_t *before = run->options->resumed;
    const json_t *reached = json_object_get(json_object_get(before, "parameters"), "growth_events");
    bool unfinished = json_is_true(json_object_get(before, "unfinished"));
    uint64_t events = (uint64_t)json_integer_value(reached);
    run->resumes = false;
    if (!unfinished && (events == 0 || events >= run->options->growth_events)) {
        return CORONG_OK; // nothing, another kind of run, or all of it: measured anew
    }
    struct text_buffer name = {0};
    const json_t *there = NULL;
    const json_t *here = NULL;
    bool other = differs(run, &name, &there, &here);
    if (!other && events > run->options->growth_events) {
        text_buffer_append_string(&name, "growth_events");
        there = reached;
        here = json_object_get(json_object_get(run->document, "parameters"), "growth_events");
        other = true;
    }
    run->resumes = !other;
    if (other && !unfinished) {
        run_say(run, "what '%s' holds is of another load or machine (%s): all sizes anew",
                run->options->resumed_path, name.bytes);
    }
    enum corong_status status =
        other && unfinished ? refuse(run, name.bytes, there, here, error) : CORONG_OK;
    text_buffer_deinit(&name);
    return status;
}
