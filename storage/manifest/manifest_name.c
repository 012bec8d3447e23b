// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest_name.h"

#include "storage/base/bytes.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MANIFEST_PREFIX "MANIFEST-"
#define MANIFEST_PREFIX_SIZE (sizeof(MANIFEST_PREFIX) - 1)
#define CURRENT_SIZE_MAX 64
#define NUMBER_DIGIT_COUNT_MAX 18

char *manifest_place_directory(const struct manifest_place *place)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/manifest", place->directory);
    return path.bytes;
}

char *manifest_path(const struct manifest_place *place, uint64_t number)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/manifest/" MANIFEST_PREFIX "%" PRIu64, place->directory, number);
    return path.bytes;
}

uint64_t manifest_place_seed(const struct manifest_place *place)
{
    return bytes_load_u64(place->uuid);
}

struct hash128 manifest_place_binding(const struct manifest_place *place, uint64_t number)
{
    uint8_t bytes[MANIFEST_UUID_SIZE + sizeof(number)];
    memcpy(bytes, place->uuid, MANIFEST_UUID_SIZE);
    bytes_store_u64(bytes + MANIFEST_UUID_SIZE, number);
    return hash_bytes128(bytes, sizeof(bytes));
}

/// Reads a decimal number without sign, leading zero or anything behind it.
static bool parse_number(const char *digits, size_t size, uint64_t *number_out)
{
    if (size == 0 || size > NUMBER_DIGIT_COUNT_MAX || digits[0] == '0') {
        return false;
    }
    uint64_t number = 0;
    for (size_t index = 0; index < size; index++) {
        if (!isdigit((unsigned char)digits[index])) {
            return false;
        }
        number = number * 10 + (uint64_t)(digits[index] - '0');
    }
    *number_out = number;
    return true;
}

static void visit_name(void *user, const char *name)
{
    struct manifest_numbers *numbers = user;
    uint64_t number;
    if (strncmp(name, MANIFEST_PREFIX, MANIFEST_PREFIX_SIZE) != 0 ||
        !parse_number(name + MANIFEST_PREFIX_SIZE, strlen(name) - MANIFEST_PREFIX_SIZE, &number)) {
        return;
    }
    if (numbers->count == numbers->capacity) {
        numbers->capacity = numbers->capacity * 2 + 4;
        numbers->values =
            memory_resize_array(numbers->values, numbers->capacity, sizeof(*numbers->values));
    }
    numbers->values[numbers->count++] = number;
}

enum corong_status manifest_numbers_list(const struct manifest_place *place,
                                         struct manifest_numbers *numbers,
                                         struct corong_error *error)
{
    char *directory = manifest_place_directory(place);
    enum corong_status status = file_list(directory, visit_name, numbers, error);
    memory_free(directory);
    return status;
}

void manifest_numbers_deinit(struct manifest_numbers *numbers)
{
    memory_free(numbers->values);
    *numbers = (struct manifest_numbers){0};
}

/// "MANIFEST-<number> <16 hex digits>\n"
static void current_format(const struct manifest_place *place, uint64_t number,
                           struct text_buffer *out)
{
    text_buffer_printf(out, MANIFEST_PREFIX "%" PRIu64, number);
    uint64_t checksum = hash_bytes64_seeded(out->bytes, out->size, manifest_place_seed(place));
    text_buffer_printf(out, " %016" PRIx64 "\n", checksum);
}

static enum corong_status current_parse(const struct manifest_place *place, struct text content,
                                        uint64_t *number_out, struct corong_error *error)
{
    if (content.size == 0 || memchr(content.bytes, '\n', content.size) == NULL) {
        return error_set(error, CORONG_NOT_FOUND, "'%s/CURRENT' is empty or short",
                         place->directory);
    }
    const char *space = memchr(content.bytes, ' ', content.size);
    bool named = space != NULL && content.size > MANIFEST_PREFIX_SIZE &&
                 space > content.bytes + MANIFEST_PREFIX_SIZE &&
                 memcmp(content.bytes, MANIFEST_PREFIX, MANIFEST_PREFIX_SIZE) == 0;
    struct text_buffer expected = {0};
    if (named && parse_number(content.bytes + MANIFEST_PREFIX_SIZE,
                              (size_t)(space - content.bytes) - MANIFEST_PREFIX_SIZE, number_out)) {
        current_format(place, *number_out, &expected);
    }
    bool equal =
        expected.size == content.size && memcmp(expected.bytes, content.bytes, content.size) == 0;
    text_buffer_deinit(&expected);
    return equal ? CORONG_OK
                 : error_set(error, CORONG_CORRUPT,
                             "'%s/CURRENT' fails its checksum or is of another store",
                             place->directory);
}

enum corong_status manifest_current_read(const struct manifest_place *place, uint64_t *number_out,
                                         struct corong_error *error)
{
    *number_out = 0;
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/CURRENT", place->directory);
    char *bytes = NULL;
    size_t size = 0;
    enum corong_status status = file_read_whole(path.bytes, CURRENT_SIZE_MAX, &bytes, &size, error);
    text_buffer_deinit(&path);
    if (status == CORONG_OK) {
        status = current_parse(place, (struct text){bytes, size}, number_out, error);
    }
    memory_free(bytes);
    return status;
}

enum corong_status manifest_current_write(const struct manifest_place *place, uint64_t number,
                                          struct corong_error *error)
{
    struct text_buffer content = {0};
    current_format(place, number, &content);
    enum corong_status status =
        file_replace(place->directory, "CURRENT", content.bytes, content.size, error);
    text_buffer_deinit(&content);
    return status;
}
