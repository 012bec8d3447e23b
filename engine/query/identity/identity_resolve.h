// SPDX-License-Identifier: Apache-2.0
/// Links to persons: which id belongs to whom (SEMANTICS, Identity). A function of the set of links
/// alone, in whatever order they were found. Private to engine/query. Thread: values.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"
#include "storage/column/column.h"

#include <stdint.h>

#define IDENTITY_PERSON_ID_COUNT_MAX 1000u ///< ids of one person; what would pass it is counted
#define IDENTITY_KIOSK_COUNT 10u           ///< an id linked to so many others is a kiosk

enum identity_kind {
    IDENTITY_ANONYMOUS = COLUMN_LINK_ANONYMOUS, ///< `from` is an anonymous id: it belongs to its
                                                ///< earliest link's `to`
    IDENTITY_PREVIOUS =
        COLUMN_LINK_PREVIOUS, ///< the same for an id in the name space of known ones, unless it is
                              ///< one to which an earlier link led
    IDENTITY_ALIAS = COLUMN_LINK_ALIAS, ///< both are known ids of one person, who is called `to`
    IDENTITY_KIND_COUNT,
};

/// What one event links. `from` is anonymous or known by its kind, `to` is known.
struct identity_link {
    int64_t time_us;
    int64_t sequence;
    int64_t id_hash; ///< COLUMN_INTEGER_MISSING where the event has no id
    enum identity_kind kind;
    struct hash128 from_key;
    struct hash128 to_key;
    struct text from;
    struct text to;
};

/// A person of several ids, called by one of them: a known one.
struct identity_person {
    struct hash128 key;
    struct text id;
};

/// An id that is not its person's own.
struct identity_member {
    struct hash128 key;
    uint32_t person;
    uint8_t user_namespace;
    struct text id;
};

/// Distinct pairs of ids, not events.
struct identity_counts {
    uint64_t links;      ///< an id to the one after it
    uint64_t aliases;    ///< known id to known id
    uint64_t members;    ///< ids that belong to another
    uint64_t persons;    ///< of several ids
    uint64_t conflicts;  ///< links that were ignored: the id belongs to somebody else already
    uint64_t kiosks;     ///< ids linked to IDENTITY_KIOSK_COUNT others or more
    uint64_t over_limit; ///< links and aliases ignored: a person would have too many ids
};

/// Texts are those of the links.
struct identity_resolution {
    struct identity_person *persons;
    uint32_t person_count;
    struct identity_member *members; ///< ascending by key
    uint32_t member_count;
    struct identity_counts counts;
};

/// Orders links by time, sequence, id hash, kind, and the bytes of the ids.
int identity_link_compare(const void *left, const void *right);
/// Resolves the first `count` links, which are in that order and have no pair of one kind twice.
/// Memory: `arena`.
void identity_resolve(const struct identity_link *links, uint32_t count, struct arena *arena,
                      struct identity_resolution *resolution_out);
/// The member with this key, or NULL.
const struct identity_member *identity_find(const struct identity_resolution *resolution,
                                            struct hash128 key);
