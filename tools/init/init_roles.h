// SPDX-License-Identifier: Apache-2.0
/// Which path is what. Private to tools/init. Thread: main.
#pragma once

#include "tools/init/init_paths.h"

#define INIT_ATTRIBUTE_COUNT_MAX 24u
#define INIT_MORE_COUNT 6u ///< alternatives of a path that is not always there

struct init_roles {
    struct init_path *user; ///< found first; alternatives of it, of `time` and of `name` below
    struct init_path *more_users[INIT_MORE_COUNT];
    struct init_path *more_times[INIT_MORE_COUNT];
    struct init_path *more_names[INIT_MORE_COUNT];
    struct init_path *anonymous;
    struct init_path *address; ///< with `agent`, where nobody else says who it was
    struct init_path *agent;
    struct init_path *time;
    struct init_path *received;
    struct init_path *name;
    struct init_path *event_id;
    struct init_path *session;
    struct init_path *sequence;
    struct init_path *amount;
    struct init_path *currency;
    struct init_path *price; ///< of one thing, where there is no amount; an attribute too
    struct init_path *attributes[INIT_ATTRIBUTE_COUNT_MAX];
    uint32_t attribute_count;
};

void init_roles_choose(struct init_paths *paths, struct init_roles *roles);
/// The unit of times at a path, as a mapping writes it; `local_out`: its texts say no zone.
const char *init_roles_unit(const struct init_path *path, bool *local_out);
/// The type of an attribute, as a mapping writes it.
const char *init_roles_type(const struct init_path *path);
