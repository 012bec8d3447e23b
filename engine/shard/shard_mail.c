// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/shard_mail.h"

static struct hash128 user_key(void *context, uint32_t user)
{
    return ((const struct tail *)context)->user_table.keys[user];
}

static bool find_user(void *context, struct hash128 key, uint32_t *user_out)
{
    return user_table_find(&((const struct tail *)context)->user_table, key, user_out);
}

static void install(const struct shard_mail *mail, struct live *live, struct tail *tail)
{
    struct live_tail rows = {
        .context = tail,
        .row_count = tail->row_count,
        .row_users = tail->users,
        .user_count = tail->user_table.count,
        .columns = tail->columns,
        .user_key = user_key,
        .find_user = find_user,
        .values = tail_values,
        .canonical = tail_canonical,
    };
    live_install(live, mail->block, &mail->task, &rows);
}

void shard_mail_handle(struct shard_mail *mail, struct live *live, struct tail *tail)
{
    switch (mail->kind) {
    case SHARD_MAIL_ASK:
        if (tail->row_count == 0) {
            live_sealed(live);
        }
        live_ask(live, &mail->task);
        break;
    case SHARD_MAIL_INSTALL:
        install(mail, live, tail);
        break;
    case SHARD_MAIL_RETURN:
        live_return(live, &mail->task);
        break;
    }
}
