// SPDX-License-Identifier: Apache-2.0
#include "tools/init/init_attributes.h"

#include <ctype.h>
#include <stdio.h>

#define NAME_SIZE_MAX 100u

/// The last `keys` keys of a path: letters, digits and '_'.
static struct text plain_name(struct arena *arena, struct text path, uint32_t keys)
{
    char name[NAME_SIZE_MAX];
    size_t size = 0;
    size_t begin = path.size;
    for (; keys > 0; keys--) {
        begin -= begin > 0;
        while (begin > 0 && path.bytes[begin - 1] != '.') {
            begin--;
        }
    }
    for (size_t at = begin; at < path.size && size < sizeof(name); at++) {
        unsigned char byte = (unsigned char)path.bytes[at];
        char plain = (char)(isalnum(byte) ? tolower(byte) : '_');
        bool doubled = plain == '_' && (size == 0 || name[size - 1] == '_');
        if (!doubled) {
            name[size++] = plain;
        }
    }
    size -= size > 0 && name[size - 1] == '_';
    return arena_copy_text(arena, (struct text){name, size});
}

static bool is_free(struct text name, const struct text *names, uint32_t count)
{
    static const char *const TAKEN[] = {"time",     "event",   "seq",     "id",
                                        "received", "revenue", "currency"};
    bool taken = name.size == 0 || isdigit((unsigned char)name.bytes[0]) != 0;
    for (size_t index = 0; index < sizeof(TAKEN) / sizeof(TAKEN[0]); index++) {
        taken |= text_equal(name, text_from(TAKEN[index]));
    }
    for (uint32_t index = 0; index < count; index++) {
        taken |= text_equal(name, names[index]);
    }
    return !taken;
}

void init_attributes_name(const struct init_roles *roles, struct arena *arena,
                          struct text names_out[INIT_ATTRIBUTE_COUNT_MAX])
{
    for (uint32_t index = 0; index < roles->attribute_count; index++) {
        struct text path = roles->attributes[index]->path;
        struct text name = plain_name(arena, path, 1);
        if (!is_free(name, names_out, index)) {
            name = plain_name(arena, path, 2);
        }
        for (uint32_t number = 1; !is_free(name, names_out, index); number++) {
            char numbered[NAME_SIZE_MAX + 24];
            snprintf(numbered, sizeof(numbered), "field_%.*s_%u", (int)name.size, name.bytes,
                     number);
            // Only what would be no name otherwise begins with "field".
            bool nameless = name.size == 0 || isdigit((unsigned char)name.bytes[0]) != 0;
            struct text tried = text_from(nameless ? numbered : numbered + strlen("field_"));
            name = is_free(tried, names_out, index) ? arena_copy_text(arena, tried) : name;
        }
        names_out[index] = name;
    }
}
