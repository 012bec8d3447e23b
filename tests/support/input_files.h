// SPDX-License-Identifier: Apache-2.0
/// Recorded input for tests: a directory of its own, and files in it, plain or compressed. Aborts
/// on any failure. Thread: any.
#pragma once

#include <stddef.h>

/// A fresh directory; input_files_remove() it.
char *input_files_create(void);
void input_files_remove(char *directory);
/// Writes "<directory>/<name>" and returns its path, to be freed.
char *input_files_write(const char *directory, const char *name, const void *bytes, size_t size);
/// Appends to a file.
void input_files_append(const char *path, const void *bytes, size_t size);
/// `size` bytes as one gzip member, or one zstd frame; *size_out bytes, to be freed.
void *input_files_gzip(const void *bytes, size_t size, size_t *size_out);
void *input_files_zstd(const void *bytes, size_t size, size_t *size_out);
