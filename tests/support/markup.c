// SPDX-License-Identifier: Apache-2.0
#include "tests/support/markup.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64u
#define NAME_SIZE 16u

static char fault[160];

static const char *say(const char *what, const char *at)
{
    snprintf(fault, sizeof(fault), "%s: %.60s", what, at);
    return fault;
}

/// Of HTML: elements that have no end.
static bool is_void(const char *name)
{
    static const char *const names[] = {"!DOCTYPE", "meta", "link", "br", "hr", "img", "input"};
    for (size_t index = 0; index < sizeof(names) / sizeof(names[0]); index++) {
        if (strcmp(names[index], name) == 0) {
            return true;
        }
    }
    return false;
}

/// The '>' that ends an element, with quotes around attributes looked at; NULL where there is none.
static const char *element_end(const char *at)
{
    bool quoted = false;
    for (at++; *at != '\0'; at++) {
        if (*at == '"') {
            quoted = !quoted;
        } else if (*at == '<') {
            return NULL;
        } else if (*at == '>' && !quoted) {
            return at;
        }
    }
    return NULL;
}

static void take_name(const char *at, char *name)
{
    size_t size = strcspn(at, " />\n");
    size = size < NAME_SIZE ? size : NAME_SIZE - 1;
    memcpy(name, at, size);
    name[size] = '\0';
}

const char *markup_fault(const char *markup)
{
    char open[DEPTH_MAX][NAME_SIZE];
    char name[NAME_SIZE];
    uint32_t depth = 0;
    for (const char *at = markup; (at = strchr(at, '<')) != NULL;) {
        const char *end = element_end(at);
        if (end == NULL) {
            return say("an element without an end", at);
        }
        bool closes = at[1] == '/';
        take_name(at + (closes ? 2 : 1), name);
        if (closes && (depth == 0 || strcmp(open[--depth], name) != 0)) {
            return say("closes what is not open", at);
        }
        if (!closes && end[-1] != '/' && !is_void(name)) {
            if (depth == DEPTH_MAX) {
                return say("too deep", at);
            }
            strcpy(open[depth++], name);
        }
        at = end;
    }
    return depth == 0 ? NULL : say("never closed", open[depth - 1]);
}
