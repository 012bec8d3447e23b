// SPDX-License-Identifier: Apache-2.0
/// JSONTestSuite (the folder in CORONG_JSON_SUITE, made by tests/json_suite.sh): y_ must be
/// accepted, n_ refused, and i_ decided as the table in ingest/decode/README.md says.
#include "ingest/decode/json_scan.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define VECTOR_COUNT_MIN 300u

/// What RFC 8259 leaves open and we refuse: byte-order marks and other encodings than UTF-8, and
/// nesting deeper than 128. All other i_ vectors are accepted.
static const char *const refused[] = {
    "i_string_UTF-16LE_with_BOM.json",
    "i_string_utf16BE_no_BOM.json",
    "i_string_utf16LE_no_BOM.json",
    "i_structure_500_nested_arrays.json",
    "i_structure_UTF-8_BOM_empty_object.json",
};

static bool must_accept(const char *name)
{
    for (size_t index = 0; index < sizeof(refused) / sizeof(refused[0]); index++) {
        if (strcmp(name, refused[index]) == 0) {
            return false;
        }
    }
    return name[0] != 'n';
}

/// Scans a copy of exactly the vector's size: a sanitizer sees every read past the end.
static enum reject_reason scan(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    char *bytes = NULL;
    size_t size = 0;
    struct corong_error error = {0};
    if (file_read_whole(path, (size_t)1 << 24, &bytes, &size, &error) != CORONG_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(EXIT_FAILURE);
    }
    char *exact = memory_allocate(size);
    if (size > 0) {
        memcpy(exact, bytes, size);
    }
    static const struct json_node document = {.field = FIELD_NONE, .element_node = JSON_NODE_NONE};
    struct json_plan plan = {.nodes = &document,
                             .node_count = 1,
                             .unroll_field = FIELD_NONE,
                             .unroll_node = JSON_NODE_NONE};
    struct json_capture capture;
    json_capture_init(&capture, &plan);
    enum reject_reason reason = json_scan(&plan, (struct text){exact, size}, &capture);
    json_capture_deinit(&capture);
    memory_free(exact);
    memory_free(bytes);
    return reason;
}

int main(void)
{
    const char *folder = getenv("CORONG_JSON_SUITE");
    if (folder == NULL) {
        printf("SKIP json_suite_test: tests/json_suite.sh fetches the vectors and runs this\n");
        return EXIT_SUCCESS;
    }
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        fprintf(stderr, "json_suite_test: no folder '%s'\n", folder);
        return EXIT_FAILURE;
    }
    unsigned count = 0;
    unsigned wrong = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        enum reject_reason reason = scan(folder, entry->d_name);
        count++;
        if ((reason == REJECT_NONE) != must_accept(entry->d_name)) {
            wrong++;
            printf("WRONG %s: %s\n", entry->d_name, reject_reason_name(reason));
        }
    }
    closedir(directory);
    printf("json_suite_test: %u vectors, %u wrong\n", count, wrong);
    return wrong == 0 && count >= VECTOR_COUNT_MIN ? EXIT_SUCCESS : EXIT_FAILURE;
}
