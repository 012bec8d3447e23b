// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/bench_words.h"

#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "tools/bench/compare/compare.h"
#include "tools/bench/page/page.h"
#include "tools/corong/console.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOCUMENT_SIZE_MAX ((size_t)256 << 20)
#define FOLDER_RUN_COUNT_MAX 1000u
#define RIVALS_WORD_COUNT_MAX 16u
#define QUICK_EVENTS "200000"
#define QUICK_INGEST_EVENTS "100000"

static enum corong_status write_file(const char *path, const struct text_buffer *text,
                                     struct corong_error *error)
{
    FILE *file = fopen(path, "we");
    bool written = file != NULL && fwrite(text->bytes, 1, text->size, file) == text->size;
    if (file != NULL) {
        written = fclose(file) == 0 && written;
    }
    return written ? CORONG_OK : error_set_errno(error, "cannot write '%s'", path);
}

static int append_bytes(const char *bytes, size_t size, void *context)
{
    text_buffer_append(context, bytes, size);
    return 0;
}

static enum corong_status write_page(const json_t *document, const char *path,
                                     struct corong_error *error)
{
    struct text_buffer json = {0};
    struct text_buffer page = {0};
    (void)!json_dump_callback(document, append_bytes, &json,
                              JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    enum corong_status status = page_write((struct text){json.bytes, json.size}, &page, error);
    status = status == CORONG_OK ? write_file(path, &page, error) : status;
    text_buffer_deinit(&json);
    text_buffer_deinit(&page);
    return status;
}

static const char *page_path(const char *run_path, struct arena *arena)
{
    struct text_buffer path = {0};
    size_t size = strlen(run_path);
    bool json = size > 5 && strcmp(run_path + size - 5, ".json") == 0;
    text_buffer_append(&path, run_path, json ? size - 5 : size);
    text_buffer_append_string(&path, ".html");
    const char *copy = arena_copy_string(arena, path.bytes);
    text_buffer_deinit(&path);
    return copy;
}

enum corong_status bench_words_page(const json_t *document, const char *run_path,
                                    struct arena *arena, const char **path_out,
                                    struct corong_error *error)
{
    *path_out = page_path(run_path, arena);
    return write_page(document, *path_out, error);
}

static enum exit_code report(const struct options *options, const struct bench_plan *plan)
{
    struct corong_error error = {0};
    json_error_t fault;
    const char *run = options->operand_count > 1           ? options->operand_strings[1]
                      : options_given(options, OPTION_RUN) ? options->values[OPTION_RUN].text.bytes
                                                           : BENCH_RUN_FILE;
    const char *path = options_given(options, OPTION_OUTPUT)
                           ? options->values[OPTION_OUTPUT].text.bytes
                           : page_path(run, options->arena);
    json_t *document = json_load_file(run, 0, &fault);
    if (document == NULL) {
        error_set(&error, CORONG_NOT_FOUND,
                  "cannot read the run '%s': line %d: %s; 'corong bench' makes one", run,
                  fault.line, fault.text);
        return console_fail(&error);
    }
    enum corong_status status =
        plan->events_per_day > 0 ? bench_plan(document, plan, &error) : CORONG_OK;
    status = status == CORONG_OK ? write_page(document, path, &error) : status;
    json_decref(document);
    if (status != CORONG_OK) {
        return console_fail(&error);
    }
    if (!options_given(options, OPTION_QUIET)) {
        console_note("the report is in '%s'", path);
    }
    return EXIT_DONE;
}

static int take_json(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 5 && strcmp(entry->d_name + size - 5, ".json") == 0;
}

static enum corong_status read_one(const char *path, struct arena *arena, struct text *text_out,
                                   struct corong_error *error)
{
    char *bytes;
    size_t size;
    TRY(file_read_whole(path, DOCUMENT_SIZE_MAX, &bytes, &size, error));
    *text_out = arena_copy_text(arena, (struct text){bytes, size});
    memory_free(bytes);
    return CORONG_OK;
}

static enum corong_status read_folder(const char *path, struct dirent **entries, uint32_t count,
                                      struct arena *arena, struct text *texts,
                                      struct corong_error *error)
{
    enum corong_status status = CORONG_OK;
    for (uint32_t index = 0; index < count && status == CORONG_OK; index++) {
        struct text_buffer name = {0};
        text_buffer_printf(&name, "%s/%s", path, entries[index]->d_name);
        status = read_one(name.bytes, arena, &texts[index], error);
        text_buffer_deinit(&name);
    }
    return status;
}

/// One run, or all of a folder.
static enum corong_status read_side(const char *path, struct arena *arena, struct text **texts_out,
                                    uint32_t *count_out, struct corong_error *error)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return error_set_errno(error, "cannot read the run '%s'", path);
    }
    if (!S_ISDIR(status.st_mode)) {
        *texts_out = arena_allocate_zeroed(arena, 1, sizeof(**texts_out));
        *count_out = 1;
        return read_one(path, arena, *texts_out, error);
    }
    struct dirent **entries;
    int found = scandir(path, &entries, take_json, alphasort);
    if (found < 0) {
        return error_set_errno(error, "cannot read the folder '%s'", path);
    }
    *count_out = (uint32_t)found < FOLDER_RUN_COUNT_MAX ? (uint32_t)found : FOLDER_RUN_COUNT_MAX;
    *texts_out = arena_allocate_zeroed(arena, *count_out + 1, sizeof(**texts_out));
    enum corong_status read =
        found == 0 ? error_set(error, CORONG_NOT_FOUND, "'%s' holds no .json file", path)
                   : read_folder(path, entries, *count_out, arena, *texts_out, error);
    for (int index = 0; index < found; index++) {
        memory_free(entries[index]);
    }
    memory_free(entries);
    return read;
}

/// Something worse is exit status 1, so that a script may stop there.
static enum exit_code compare(const struct options *options)
{
    struct corong_error error = {0};
    struct text *texts[2];
    uint32_t counts[2];
    struct compare_result result;
    if (options->operand_count != 3) {
        console_complain("bench compare: two runs are wanted, such as 'corong bench compare "
                         "before.json after.json', or two folders of runs");
        return EXIT_MISUSED;
    }
    for (uint32_t side = 0; side < 2; side++) {
        if (read_side(options->operand_strings[1 + side], options->arena, &texts[side],
                      &counts[side], &error) != CORONG_OK) {
            return console_fail(&error);
        }
    }
    if (compare_documents(texts[0], counts[0], texts[1], counts[1], options->arena, &result,
                          &error) != CORONG_OK) {
        return console_fail(&error);
    }
    struct text_buffer out = {0};
    bool json = console_style(options, stdout).format == REPORT_JSON;
    (json ? compare_json : compare_table)(&result, &out);
    enum exit_code code = console_write(stdout, &out);
    return code == EXIT_DONE && result.worse_count > 0 ? EXIT_FAILED : code;
}

/// The folder of this program, "" where the system does not say.
static void own_folder(char *folder, size_t size)
{
    ssize_t used = readlink("/proc/self/exe", folder, size - 1);
    folder[used > 0 ? used : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
}

/// Installed as BIN/../share/corong/rivals; in a clone BIN is build/PRESET/bin.
static const char *find_rivals(const char *folder, struct arena *arena)
{
    static const char *const places[] = {"../share/corong/rivals", "../../../bench/rivals"};
    const char *found = NULL;
    for (size_t index = 0; index < sizeof(places) / sizeof(places[0]) && found == NULL; index++) {
        struct text_buffer path = {0};
        text_buffer_printf(&path, "%s/%s/__main__.py", folder, places[index]);
        if (access(path.bytes, R_OK) == 0) {
            found = arena_copy_string(arena, path.bytes);
        }
        text_buffer_deinit(&path);
    }
    return found;
}

static uint32_t rivals_words(const struct options *options, const char *folder, const char **words)
{
    static const struct {
        enum option_id id;
        const char *word;
    } passed[] = {
        {OPTION_OUTPUT, "--output"}, {OPTION_EVENTS, "--events"}, {OPTION_RUNS, "--runs"}};
    uint32_t count = 2; // python3 and the script
    words[count++] = "--bin";
    words[count++] = folder;
    if (options_given(options, OPTION_QUICK)) {
        words[count++] = "--events";
        words[count++] = QUICK_EVENTS;
        words[count++] = "--ingest-events";
        words[count++] = QUICK_INGEST_EVENTS;
    }
    for (size_t index = 0; index < sizeof(passed) / sizeof(passed[0]); index++) {
        if (options_given(options, passed[index].id)) {
            words[count++] = passed[index].word;
            words[count++] = options->values[passed[index].id].text.bytes;
        }
    }
    return count;
}

/// The rivals are Python wheels, and so is what drives them: this process becomes that script.
static enum exit_code rivals(const struct options *options)
{
    char folder[4096];
    const char *words[RIVALS_WORD_COUNT_MAX] = {NULL};
    own_folder(folder, sizeof(folder));
    const char *script = find_rivals(folder, options->arena);
    if (script == NULL) {
        console_complain("bench rivals: its script is neither in '%s/../share/corong/rivals' nor "
                         "in a clone's bench/rivals",
                         folder);
        return EXIT_FAILED;
    }
    words[0] = "python3";
    words[1] = script;
    rivals_words(options, folder, words);
    execvp(words[0], (char *const *)words);
    console_complain("bench rivals: cannot run python3: %s; it is needed because the rivals are "
                     "Python wheels",
                     strerror(errno));
    return EXIT_FAILED;
}

bool bench_words_run(const struct options *options, const struct bench_plan *plan,
                     enum exit_code *code_out)
{
    struct text word = options->operand_count > 0 ? options->operands[0] : TEXT_LITERAL("");
    if (text_equal(word, TEXT_LITERAL("report"))) {
        *code_out = report(options, plan);
    } else if (text_equal(word, TEXT_LITERAL("compare"))) {
        *code_out = compare(options);
    } else if (text_equal(word, TEXT_LITERAL("rivals"))) {
        *code_out = rivals(options);
    } else {
        return false;
    }
    return true;
}
