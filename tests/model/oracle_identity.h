// SPDX-License-Identifier: Apache-2.0
/// Who is who, the slow way: every id carries the label of its person, and two persons become one
/// by writing one label over the other everywhere. Shares no code with the product.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum oracle_link_kind { ORACLE_ANONYMOUS = 0, ORACLE_PREVIOUS = 1, ORACLE_ALIAS = 2 };

/// Ids are numbers: even ones known, odd ones anonymous; number / 2 is in their text.
struct oracle_link {
    int64_t time;
    int64_t sequence;
    int64_t id; ///< ORACLE_NONE where missing
    enum oracle_link_kind kind;
    int from;
    int to;
};

struct oracle_identity {
    int *person; ///< by id: the id that its person is called by
    int id_count;
    int links;
    int aliases;
    int members;
    int persons;
    int conflicts;
    int kiosks;
    int over_limit;
};

/// Resolves links in any order, repeats among them. `identity_out->person` has room for id_count.
void oracle_identity(const struct oracle_link *links, int count, int limit, int kiosk,
                     struct oracle_identity *identity_out);
