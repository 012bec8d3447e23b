// SPDX-License-Identifier: Apache-2.0
// Colours: eight that differ in lightness as well as in hue, so that they survive a grey print and
// most colour blindness (after Okabe and Ito); shapes differ too where two states are told apart.
#include "tools/bench/chart/chart_private.h"

#define TONES_LIGHT                                                                                \
    "--tone0:#2166ac;--tone1:#d9700a;--tone2:#1b9e77;--tone3:#b2182b;--tone4:#7b5ea7;"             \
    "--tone5:#8a6d1f;--tone6:#5b6b7b;--tone7:#c2578f;"                                             \
    "--ink:#1b2430;--soft:#5a6675;--grid:#e3e7ec;--base:#8a95a3;--paper:#ffffff;--card:#f6f8fa;"   \
    "--edge:#d5dbe2;--good:#1a7f4b;--bad:#b2182b;--inside:#ffffff"
#define TONES_DARK                                                                                 \
    "--tone0:#6fb1ee;--tone1:#f0a35a;--tone2:#4fd0a5;--tone3:#f2777f;--tone4:#b79be0;"             \
    "--tone5:#d2b45c;--tone6:#a3b1c0;--tone7:#ee9cc7;"                                             \
    "--ink:#e6eaf0;--soft:#a3aebb;--grid:#2c3541;--base:#6b7785;--paper:#14191f;--card:#1b222b;"   \
    "--edge:#323c48;--good:#5fd093;--bad:#f2777f;--inside:#10151b"

const char *chart_style(void)
{
    return ":root{color-scheme:light dark;" TONES_LIGHT "}\n"
           "@media (prefers-color-scheme:dark){:root{" TONES_DARK "}}\n"
           "@media print{:root{" TONES_LIGHT "}}\n"
           ".chart{display:block;width:100%;height:auto;max-width:60rem;"
           "font:12px system-ui,sans-serif;fill:var(--ink)}\n"
           ".chart line{stroke:var(--grid);stroke-width:1}\n"
           ".chart line.base{stroke:var(--base)}\n"
           ".chart line.mark{stroke:var(--soft);stroke-dasharray:4 3}\n"
           ".chart text.tick{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}\n"
           ".chart text.axis{fill:var(--soft);font-size:12px}\n"
           ".chart text.note{fill:var(--soft);font-size:11px;font-style:italic}\n"
           ".chart text.marked{font-size:11px;paint-order:stroke;stroke:var(--paper);"
           "stroke-width:3px}\n"
           ".chart text.value{font-variant-numeric:tabular-nums;paint-order:stroke;"
           "stroke:var(--paper);stroke-width:3px}\n"
           ".chart text.inside{fill:var(--inside);font-size:11px}\n"
           ".chart .fill{fill:var(--tone)}.chart .part{stroke:var(--paper);stroke-width:1}\n"
           ".chart .hatched{fill-opacity:.45;stroke:var(--tone);stroke-width:1.5;"
           "stroke-dasharray:3 3}\n"
           ".chart .line{fill:none;stroke:var(--tone);stroke-width:2;stroke-linejoin:round}\n"
           ".chart .dashed{stroke-dasharray:6 4;stroke-width:1.5}\n"
           ".chart .band{fill:var(--tone);fill-opacity:.16}\n"
           ".chart .dot{fill:var(--tone);stroke:var(--paper);stroke-width:1}\n"
           ".chart .cross{fill:none;stroke:var(--tone);stroke-width:2.5;stroke-linecap:round}\n"
           ".chart .whisker{fill:none;stroke:var(--ink);stroke-width:1.4}\n"
           ".chart .shade{fill:var(--soft);fill-opacity:.1}\n"
           ".t0{--tone:var(--tone0)}.t1{--tone:var(--tone1)}.t2{--tone:var(--tone2)}"
           ".t3{--tone:var(--tone3)}.t4{--tone:var(--tone4)}.t5{--tone:var(--tone5)}"
           ".t6{--tone:var(--tone6)}.t7{--tone:var(--tone7)}\n"
           ".legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;"
           "margin:.4rem 0;font-size:.85rem}\n"
           ".legend i{display:inline-block;width:.8em;height:.8em;margin-right:.4em;"
           "border-radius:.15em;background:var(--tone)}\n"
           ".legend i.round{border-radius:50%}\n"
           ".legend i.stroke{height:.2em;vertical-align:.25em;width:1.3em}\n"
           ".legend i.dashes{background:repeating-linear-gradient(90deg,var(--tone) 0 .35em,"
           "transparent .35em .6em)}\n"
           ".legend i.crossed{background:none;font-style:normal;font-weight:700;"
           "color:var(--tone);line-height:.8em;height:auto}\n";
}

static void append_key(struct text_buffer *out, const struct chart_series *series)
{
    static const char *const kinds[] = {
        [CHART_DOTS] = "round",  [CHART_CROSSES] = "crossed",      [CHART_LINE] = "stroke",
        [CHART_THIN] = "stroke", [CHART_DASHES] = "stroke dashes", [CHART_BLOCK] = "block"};
    text_buffer_printf(out, "<li><i class=\"%s t%u\">%s</i>", kinds[series->shape],
                       series->tone % CHART_TONE_COUNT,
                       series->shape == CHART_CROSSES ? "\u00d7" : "");
    chart_escape(out, series->name);
    text_buffer_append_string(out, "</li>");
}

void chart_legend_draw(struct text_buffer *out, const struct chart_series *series, uint32_t count)
{
    text_buffer_append_string(out, "<ul class=\"legend\">");
    for (uint32_t index = 0; index < count; index++) {
        append_key(out, &series[index]);
    }
    text_buffer_append_string(out, "</ul>\n");
}
