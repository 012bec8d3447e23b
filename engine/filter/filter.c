// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter.h"

#include "engine/filter/filter_parse.h"

/// Collects the columns used, ascending.
static void filter_seal_columns(struct filter_compiler *compiler)
{
    struct filter *filter = compiler->filter;
    uint32_t count = compiler->schema->column_count;
    filter->columns = arena_allocate_zeroed(compiler->arena, count, sizeof(*filter->columns));
    for (uint32_t column = 0; column < count; column++) {
        if (compiler->column_used[column]) {
            filter->columns[filter->column_count++] = column;
        }
    }
}

static void filter_seal_canonical(struct filter_compiler *compiler)
{
    struct text_buffer canonical = {0};
    filter_canonicalize(compiler->filter->source, &canonical);
    compiler->filter->canonical =
        arena_copy_text(compiler->arena, (struct text){canonical.bytes, canonical.size});
    text_buffer_deinit(&canonical);
}

static enum corong_status filter_compile_into(struct filter_compiler *compiler)
{
    struct filter *filter = compiler->filter;
    struct filter_token *tokens;
    uint32_t token_count;
    TRY(filter_token_read_all(filter->source, compiler->arena, &tokens, &token_count,
                              compiler->error));
    compiler->tokens = tokens;
    filter->instructions = arena_allocate_zeroed(compiler->arena, (size_t)token_count * 2,
                                                 sizeof(*filter->instructions));
    filter->leaves = arena_allocate_zeroed(compiler->arena, token_count, sizeof(*filter->leaves));
    TRY(filter_parse(compiler));
    filter_seal_columns(compiler);
    filter_seal_canonical(compiler);
    return CORONG_OK;
}

enum corong_status filter_compile(struct filter **filter_out, struct arena *arena,
                                  struct text source, const struct schema *schema,
                                  struct corong_error *error)
{
    *filter_out = NULL;
    if (source.size > FILTER_SOURCE_SIZE_MAX) {
        return error_set(error, CORONG_INVALID, "filter: %zu bytes (at most %u)", source.size,
                         FILTER_SOURCE_SIZE_MAX);
    }
    struct filter *filter = arena_allocate_zeroed(arena, 1, sizeof(*filter));
    filter->source = arena_copy_text(arena, source.bytes == NULL ? TEXT_LITERAL("") : source);
    struct filter_compiler compiler = {
        .filter = filter, .arena = arena, .schema = schema, .error = error};
    enum corong_status status = filter_compile_into(&compiler);
    if (status != CORONG_OK) {
        filter_destroy(filter);
        return status;
    }
    *filter_out = filter;
    return CORONG_OK;
}

void filter_destroy(struct filter *filter)
{
    if (filter == NULL) {
        return;
    }
    for (uint32_t index = 0; index < filter->leaf_count; index++) {
        if (filter->leaves[index].kind == FILTER_LEAF_REGEX) {
            filter_regex_destroy(filter->leaves[index].regex);
            filter->leaves[index].regex = NULL;
        }
    }
}

uint32_t filter_columns(const struct filter *filter, const uint32_t **columns_out)
{
    *columns_out = filter->columns;
    return filter->column_count;
}

struct text filter_canonical(const struct filter *filter)
{
    return filter->canonical;
}

void filter_canonicalize(struct text source, struct text_buffer *out)
{
    if (!filter_token_append_canonical(source, out)) {
        text_buffer_append_text(out, source);
    }
}

uint32_t filter_type_mismatches(const struct filter *filter)
{
    return filter->type_mismatches;
}
