// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_groups.h"

#include "tools/report/grid.h"

/// Sums over the steps of one group.
struct group_sum {
    struct text name;
    uint64_t reached; ///< the most that one of its steps was
    uint64_t dropped;
    uint64_t open;
    uint64_t lost;
    uint32_t steps; ///< as bits
};

/// Steps without a group stand together, called "(none)". Returns how many groups there are, 0
/// where no step has one.
static uint32_t sum_groups(const struct query_funnel *query, const struct query_slice *total,
                           struct group_sum *sums)
{
    uint32_t count = 0;
    bool any = false;
    for (uint32_t k = 0; k < query->funnel.step_count; k++) {
        const struct query_step *step = &total->steps[k];
        struct text name = query->funnel.steps[k].group;
        any = any || name.bytes != NULL;
        uint32_t at = 0;
        while (at < count && !text_equal(sums[at].name, name)) {
            at++;
        }
        if (at == count) {
            sums[count++] = (struct group_sum){.name = name};
        }
        sums[at].reached = step->reached > sums[at].reached ? step->reached : sums[at].reached;
        sums[at].dropped += step->dropped;
        sums[at].open += step->open;
        sums[at].lost += step->lost;
        sums[at].steps |= UINT32_C(1) << k;
    }
    return any ? count : 0;
}

static void append_steps(const struct group_sum *sum, struct text_buffer *out)
{
    for (uint32_t steps = sum->steps; steps != 0; steps &= steps - 1) {
        text_buffer_printf(out, "%s%u", steps == sum->steps ? "" : ", ",
                           (uint32_t)__builtin_ctz(steps) + 1);
    }
}

void report_groups_draw(const struct query_funnel *query, const struct query_slice *total,
                        const struct report_style *style, struct text_buffer *out)
{
    struct group_sum sums[FUNNEL_STEP_COUNT_MAX];
    struct text_buffer words = {0};
    struct grid grid = {0};
    uint32_t count = sum_groups(query, total, sums);
    if (count == 0 || count == query->funnel.step_count) {
        return;
    }
    grid_add_column(&grid, "group", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "steps", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "", GRID_BAR, 0, "36");
    grid_add_column(&grid, "reached", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "dropped in it", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "share", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "open", GRID_RIGHT, 2, NULL);
    grid_add_column(&grid, "lost", GRID_RIGHT, 1, NULL);
    for (uint32_t i = 0; i < count; i++) {
        text_buffer_reset(&words);
        append_steps(&sums[i], &words);
        grid_add_text(&grid, sums[i].name);
        grid_add_string(&grid, words.bytes);
        grid_add_bar(&grid, sums[i].reached, total->steps[0].reached);
        grid_add_count(&grid, sums[i].reached);
        grid_add_count(&grid, sums[i].dropped);
        grid_add_rate(&grid, sums[i].dropped, sums[i].reached);
        grid_add_count(&grid, sums[i].open);
        grid_add_count(&grid, sums[i].lost);
    }
    text_buffer_append(out, "\n", 1);
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_deinit(&words);
}

void report_groups_json(const struct query_funnel *query, const struct query_slice *total,
                        struct json_writer *writer)
{
    struct group_sum sums[FUNNEL_STEP_COUNT_MAX];
    uint32_t count = sum_groups(query, total, sums);
    if (count == 0) {
        return;
    }
    json_writer_begin(writer, "groups", '[');
    for (uint32_t i = 0; i < count; i++) {
        json_writer_begin(writer, NULL, '{');
        json_writer_text(writer, "group", sums[i].name);
        json_writer_begin(writer, "steps", '[');
        for (uint32_t steps = sums[i].steps; steps != 0; steps &= steps - 1) {
            json_writer_unsigned(writer, NULL, (uint32_t)__builtin_ctz(steps) + 1);
        }
        json_writer_end(writer, ']');
        json_writer_unsigned(writer, "reached", sums[i].reached);
        json_writer_unsigned(writer, "dropped", sums[i].dropped);
        json_writer_unsigned(writer, "open", sums[i].open);
        json_writer_unsigned(writer, "lost", sums[i].lost);
        json_writer_rate(writer, "dropped_share", sums[i].dropped, sums[i].reached);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}
