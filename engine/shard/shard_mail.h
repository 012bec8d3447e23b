// SPDX-License-Identifier: Apache-2.0
/// What is asked of a running shard, and answered by its thread between two batches: whom to
/// recompute, and taking what was read about them. One letter at a time.
///
/// Thread: shard_mailbox_post() and _answered() belong to one thread that asks; the others to the
/// shard's.
#pragma once

#include "engine/live/live.h"
#include "engine/shard/tail.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum shard_mail_kind {
    SHARD_MAIL_ASK = 0, ///< fills `task`
    SHARD_MAIL_INSTALL, ///< takes `block`, which was read for `task`
    SHARD_MAIL_RETURN,  ///< takes back the keys of `task`
};

/// Belongs to the shard from post to answer.
struct shard_mail {
    enum shard_mail_kind kind;
    uint64_t epoch; ///< the commit that the snapshot has
    struct live_task task;
    const struct live_block *block;
    bool stale; ///< the answer: the tail does not begin where the snapshot ends, nothing was done
};

struct shard_mailbox {
    _Atomic(struct shard_mail *) letter; ///< NULL: none, or answered
};

/// The sender wakes the shard after it.
static inline void shard_mailbox_post(struct shard_mailbox *box, struct shard_mail *mail)
{
    // Release, pairs with the acquire in shard_mailbox_letter(): the letter is written before.
    atomic_store_explicit(&box->letter, mail, memory_order_release);
}

static inline bool shard_mailbox_answered(struct shard_mailbox *box)
{
    // Acquire, pairs with the release in shard_mailbox_answer().
    return atomic_load_explicit(&box->letter, memory_order_acquire) == NULL;
}

static inline struct shard_mail *shard_mailbox_letter(struct shard_mailbox *box)
{
    // Acquire, pairs with the release in shard_mailbox_post().
    return atomic_load_explicit(&box->letter, memory_order_acquire);
}

static inline void shard_mailbox_answer(struct shard_mailbox *box)
{
    // Release, pairs with the acquire in shard_mailbox_answered(): the answer is written before.
    atomic_store_explicit(&box->letter, NULL, memory_order_release);
}

/// Does what the letter asks for, but for `stale`.
void shard_mail_handle(struct shard_mail *mail, struct live *live, struct tail *tail);
