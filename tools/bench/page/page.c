// SPDX-License-Identifier: Apache-2.0
// The page as a whole: head, contents, the parts, and at the end every figure of the document.
#include "tools/bench/page/page.h"

#include "storage/base/memory.h"
#include "tools/bench/page/page_private.h"

#define DOCUMENT_KEY "corong_bench"

// Nothing is loaded, sent or run; styles stand in the page itself.
static const char head_text[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n"
    "<title>corong bench: what this machine sustains</title>\n<style>\n";

static const char page_style[] =
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\n"
    "header,main,footer{max-width:62rem;margin:0 auto;padding:0 1.25rem}\n"
    "header{padding-top:2rem}h1{font-size:1.75rem;line-height:1.2;margin:0 0 .3rem}\n"
    "h2{font-size:1.25rem;margin:0 0 .4rem}h3{font-size:1rem;margin:1.4rem 0 .2rem}\n"
    "p{margin:.3rem 0 .7rem;max-width:46rem}.quiet,figcaption,footer,dt{color:var(--soft)}\n"
    "nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:1rem 0 0;padding:.6rem 0;"
    "border-block:1px solid var(--edge);font-size:.92rem}\n"
    "a{color:var(--tone0)}a:focus-visible,summary:focus-visible{outline:2px solid var(--tone0);"
    "outline-offset:3px;border-radius:2px}\n"
    "section{padding:1.6rem 0 .6rem;border-bottom:1px solid var(--edge)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(12.5rem,44%),1fr));gap:."
    "75rem;"
    "margin:1.2rem 0 0}\n"
    ".card{background:var(--card);border:1px solid var(--edge);border-radius:.5rem;"
    "padding:.75rem .9rem;margin:0}\n"
    ".card dt{font-size:.82rem}.card dd{margin:0}.card .figure{font-size:1.5rem;font-weight:650;"
    "line-height:1.3;font-variant-numeric:tabular-nums}\n.card .beside{font-size:.82rem;"
    "color:var(--soft)}\n"
    "figure{margin:.9rem 0 .5rem;overflow-x:auto}figcaption{font-size:.85rem;max-width:46rem}\n"
    "details{margin:.5rem 0 1rem}summary{cursor:pointer;font-size:.9rem;color:var(--tone0)}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.86rem;margin:.5rem 0;"
    "font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:left;padding:.22rem .8rem .22rem 0;border-bottom:1px solid var(--edge);"
    "white-space:nowrap}th{color:var(--soft);font-weight:600}td.number{text-align:right}"
    "td.prose{white-space:normal;min-width:18rem}\n"
    "td.good{color:var(--good)}td.bad{color:var(--bad)}.absent{color:var(--soft);"
    "font-style:italic}\n"
    "pre{font-size:.78rem;overflow:auto;max-height:30rem;background:var(--card);"
    "border:1px solid var(--edge);border-radius:.4rem;padding:.8rem}\n"
    "footer{padding-block:1.2rem 3rem;font-size:.85rem}\n"
    "@media screen and (max-width:40rem){.chart{width:38rem}}\n"
    "@media print{nav{display:none}body{font-size:11pt}figure,.card{break-inside:avoid}"
    "h2,h3{break-after:avoid}section{border:0}pre{max-height:none;white-space:pre-wrap}"
    "#figures{display:none}details::details-content{content-visibility:visible;height:auto}}\n"
    "@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}\n";

static const struct {
    const char *id;
    const char *title;
} contents[] = {
    {"rate", "Highest steady rate"},   {"latency", "Freshness and answers"},
    {"cost", "What an event costs"},   {"growth", "How it grows"},
    {"model", "Model and projection"}, {"machine", "How it was measured"},
    {"figures", "All figures"},
};

static void draw_contents(struct text_buffer *out)
{
    text_buffer_append_string(out, "<nav aria-label=\"Contents\">");
    for (size_t index = 0; index < sizeof(contents) / sizeof(contents[0]); index++) {
        text_buffer_printf(out, "<a href=\"#%s\">%s</a> ", contents[index].id,
                           contents[index].title);
    }
    text_buffer_append_string(out, "</nav>\n</header>\n<main>\n");
}

/// The document as it was read, so that no figure is missing and programs can have it back.
static void draw_document(struct page *page, struct text document)
{
    page_section_open(page, "figures", "All figures");
    page_say(page, "The document this page was made from, whole. 'corong bench compare' reads it.");
    text_buffer_append_string(page->out, "<details><summary>JSON</summary>\n<pre tabindex=\"0\">");
    while (document.size > 0) {
        const char *end = memchr(document.bytes, '\n', document.size);
        size_t size = end == NULL ? document.size : (size_t)(end - document.bytes);
        chart_escape(page->out, (struct text){document.bytes, size});
        text_buffer_append_string(page->out, "\n");
        size += size < document.size;
        document.bytes += size;
        document.size -= size;
    }
    text_buffer_append_string(page->out, "</pre></details>\n");
    page_section_close(page);
}

static void draw(struct page *page, struct text document)
{
    text_buffer_append_string(page->out, head_text);
    text_buffer_append_string(page->out, chart_style());
    text_buffer_append_string(page->out, page_style);
    text_buffer_append_string(page->out, "</style>\n</head>\n<body>\n<header>\n");
    page_head_draw(page);
    draw_contents(page->out);
    page_rate_draw(page);
    page_latency_draw(page);
    page_cost_draw(page);
    page_growth_draw(page);
    page_model_draw(page);
    page_machine_draw(page);
    draw_document(page, document);
    text_buffer_append_string(page->out, "</main>\n<footer>Written by corong bench. Nothing in "
                                         "this file is loaded from anywhere.</footer>\n"
                                         "</body>\n</html>\n");
}

enum corong_status page_write(struct text document, struct text_buffer *out,
                              struct corong_error *error)
{
    json_error_t where;
    json_t *root = json_loadb(document.bytes, document.size, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        return error_set(error, CORONG_INVALID, "no JSON: line %d, column %d: %s", where.line,
                         where.column, where.text);
    }
    if (!json_is_integer(json_object_get(root, DOCUMENT_KEY))) {
        json_decref(root);
        return error_set(error, CORONG_INVALID,
                         "not a document of 'corong bench': it has no \"" DOCUMENT_KEY "\"");
    }
    struct page page = {.out = out, .root = root};
    draw(&page, document);
    arena_deinit(&page.arena);
    json_decref(root);
    return CORONG_OK;
}
