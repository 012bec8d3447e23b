// SPDX-License-Identifier: Apache-2.0
#include "tools/init/init_funnel.h"

#include "tools/config/config.h"
#include "tools/init/init_show.h"

#include <ctype.h>
#include <inttypes.h>

#define WORD_COUNT_MAX 9u
#define NORMAL_SIZE_MAX 64u
#define NAME_SHOWN_COUNT 20u

/// A stage of a shop's journey, and what is in the names of its events.
struct journey_stage {
    const char *name;
    uint32_t step; ///< its place in the journey
    const char *group;
    const char *words[WORD_COUNT_MAX];
};

/// In the order in which a name is tried: "checkout completed" is an order, "cart view" a cart.
static const struct journey_stage STAGES[] = {
    {"", 0, "", {"refund", "cancel", "remove", "delete", "fail", "abandon", "error"}},
    {"order",
     7,
     "bottom",
     {"purchase", "ordercompleted", "checkoutcompleted", "transaction", "order", "paid", "buy"}},
    {"checkout", 6, "bottom", {"checkout", "payment", "shippinginfo"}},
    {"cart", 5, "middle", {"addtocart", "addedtocart", "productadded", "cart", "basket"}},
    {"signup", 4, "middle", {"signup", "signedup", "register", "registration", "createaccount"}},
    {"product",
     3,
     "middle",
     {"viewitem", "productview", "productviewed", "itemview", "viewproduct", "detail"}},
    {"click", 2, "middle", {"click", "select"}},
    {"visit",
     1,
     "top",
     {"pageview", "screenview", "visit", "view", "page", "screen", "sessionstart", "home"}},
};
#define STAGE_COUNT (sizeof(STAGES) / sizeof(STAGES[0]))

static bool has_word(const char *name, const struct journey_stage *stage)
{
    for (uint32_t index = 0; index < WORD_COUNT_MAX && stage->words[index] != NULL; index++) {
        if (strstr(name, stage->words[index]) != NULL) {
            return true;
        }
    }
    return false;
}

/// The stage that a name belongs to, or NULL.
static const struct journey_stage *stage_of(struct text name)
{
    char normal[NORMAL_SIZE_MAX + 1];
    size_t size = 0;
    for (size_t index = 0; index < name.size && size < NORMAL_SIZE_MAX; index++) {
        unsigned char byte = (unsigned char)name.bytes[index];
        if (isalnum(byte)) {
            normal[size++] = (char)tolower(byte);
        }
    }
    normal[size] = '\0';
    for (size_t index = 0; index < STAGE_COUNT; index++) {
        if (has_word(normal, &STAGES[index])) {
            return STAGES[index].step == 0 ? NULL : &STAGES[index];
        }
    }
    return NULL;
}

static const struct journey_stage *stage_at(uint32_t step)
{
    size_t index = 0;
    while (STAGES[index].step != step) {
        index++;
    }
    return &STAGES[index];
}

/// The names of one stage as a flow list; false where there are none.
static bool append_names(const struct init_tally *tally, const struct journey_stage *stage,
                         struct text_buffer *out)
{
    uint32_t count = 0;
    for (uint32_t index = 0; index < tally->name_count; index++) {
        if (stage_of(tally->names[index].name) == stage) {
            text_buffer_append_string(out, count++ == 0 ? "" : ", ");
            config_print_value(tally->names[index].name, out);
        }
    }
    return count > 0;
}

bool init_funnel_orders(const struct init_tally *tally, struct text_buffer *out)
{
    return append_names(tally, &STAGES[1], out);
}

static void list_names(const struct init_tally *tally, struct text_buffer *out)
{
    text_buffer_append_string(out, "# Names of events in the sample:");
    for (uint32_t index = 0; index < tally->name_count && index < NAME_SHOWN_COUNT; index++) {
        text_buffer_append_string(out, index == 0 ? " " : ", ");
        init_show(out, tally->names[index].name);
        text_buffer_printf(out, " %" PRIu64, tally->names[index].count);
    }
    text_buffer_append_string(out, tally->name_count > NAME_SHOWN_COUNT ? ", ...\n" : "\n");
}

void init_funnel_write(const struct init_tally *tally, struct text_buffer *out)
{
    struct text_buffer stages = {0};
    struct text_buffer steps = {0};
    uint32_t count = 0;
    text_buffer_append_string(out, "\n");
    list_names(tally, out);
    for (uint32_t step = 1; step < STAGE_COUNT; step++) {
        const struct journey_stage *stage = stage_at(step);
        struct text_buffer names = {0};
        if (append_names(tally, stage, &names)) {
            text_buffer_printf(&stages, "  %s: { events: [%s], group: %s }\n", stage->name,
                               names.bytes, stage->group);
            text_buffer_printf(&steps, count++ == 0 ? "%s" : ", %s", stage->name);
        }
        text_buffer_deinit(&names);
    }
    if (count >= 2) {
        text_buffer_printf(out,
                           "stages:\n%sfunnels:\n  journey:\n    steps: [%s]\n    window: 7d\n",
                           stages.bytes, steps.bytes);
    } else {
        text_buffer_append_string(
            out, "# No two of them look like steps of one journey. A funnel is written as:\n"
                 "# funnels:\n"
                 "#   journey: { steps: [{ event: FIRST }, { event: LAST }], window: 7d }\n");
    }
    text_buffer_deinit(&stages);
    text_buffer_deinit(&steps);
}
