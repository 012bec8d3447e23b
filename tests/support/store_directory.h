// SPDX-License-Identifier: Apache-2.0
/// A fresh directory for one test. Thread: any.
#pragma once

/// "<temporary>/corong-XXXXXX/store": the parent exists, the store does not. Free with the call
/// below.
char *store_directory_create(void);
/// Removes the store and its parent with all that is in them, and frees the path.
void store_directory_remove(char *directory);
