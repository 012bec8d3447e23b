// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/allocator.h"
#include "tools/corong/console.h"

#include <jansson.h>
#include <librdkafka/rdkafka.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <xxhash.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

#define PCRE2_VERSION_SIZE 64

enum exit_code cmd_version(const struct options *options)
{
    (void)options;
    struct text_buffer out = {0};
    char pcre2_version[PCRE2_VERSION_SIZE];
    unsigned hash_version = XXH_versionNumber();
    pcre2_config(PCRE2_CONFIG_VERSION, pcre2_version);
    text_buffer_printf(&out, "corong      %s\n", CORONG_VERSION);
    text_buffer_printf(&out, "jemalloc    %s\n", allocator_version());
    text_buffer_printf(&out, "zstd        %s\n", ZSTD_versionString());
    text_buffer_printf(&out, "xxHash      %u.%u.%u\n", hash_version / 10000,
                       hash_version / 100 % 100, hash_version % 100);
    text_buffer_printf(&out, "librdkafka  %s\n", rd_kafka_version_str());
    text_buffer_printf(&out, "PCRE2       %s\n", pcre2_version);
    text_buffer_printf(&out, "libyaml     %s\n", yaml_get_version_string());
    text_buffer_printf(&out, "zlib        %s\n", zlibVersion());
    text_buffer_printf(&out, "jansson     %s\n", jansson_version_str());
    return console_write(stdout, &out);
}
