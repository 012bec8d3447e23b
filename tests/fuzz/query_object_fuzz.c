// SPDX-License-Identifier: Apache-2.0
/// Any bytes as a question: it is refused with a message, or what it says, printed, reads back to
/// the same print, as YAML and as JSON.
#include "storage/base/invariant.h"
#include "tools/corong/query_object.h"

struct question {
    struct arena arena;
    struct config config;
    struct options options;
    struct funnel funnel;
    bool has_funnel;
    struct corong_error error;
};

static enum corong_status read_question(struct question *question, struct text text)
{
    *question = (struct question){0};
    config_init(&question->config, &question->arena);
    question->options =
        (struct options){.arena = &question->arena, .allowed = verbs_find("funnel")->options};
    TRY(query_object_parse(&question->options, question->options.allowed, "fuzz", text,
                           &question->error));
    struct query_object *object = question->options.query;
    object->walk.error = &question->error;
    question->has_funnel = object->funnel.node != NULL && !yaml_walk_is_scalar(&object->funnel);
    if (!question->has_funnel) {
        return CORONG_OK;
    }
    enum corong_status status = config_funnel_inline(&question->config, &question->arena,
                                                     &object->funnel, &question->funnel);
    query_object_point(object, &question->error, status);
    return status;
}

static void forget(struct question *question)
{
    query_object_close(&question->options);
    arena_deinit(&question->arena);
}

static void print(struct question *question, bool json, struct text_buffer *out)
{
    const struct funnel *funnel = question->has_funnel ? &question->funnel : NULL;
    if (json) {
        query_object_write_json(&question->options, &question->config, funnel, out);
    } else {
        query_object_write(&question->options, &question->config, funnel, out);
    }
}

static void expect_same(struct question *question, bool json)
{
    struct text_buffer first = {0};
    struct text_buffer second = {0};
    struct question again;
    print(question, json, &first);
    enum corong_status status = read_question(&again, (struct text){first.bytes, first.size});
    ASSERT(status == CORONG_OK);
    print(&again, json, &second);
    ASSERT(strcmp(first.bytes, second.bytes) == 0);
    forget(&again);
    text_buffer_deinit(&first);
    text_buffer_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct question question;
    if (read_question(&question, (struct text){(const char *)data, size}) == CORONG_OK) {
        expect_same(&question, false);
        expect_same(&question, true);
    } else {
        ASSERT(question.error.message[0] != '\0');
    }
    forget(&question);
    return 0;
}
