#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Do the tests notice? Applies small faults to a copy of the tree, one at a time, and runs the tests that should see
# each. Prints caught k/k; a fault that nothing notices, or whose place in the source is gone, is a failure.
#
#   tests/mutants.sh           every fault (minutes)
#   tests/mutants.sh NAME...   only these
set -u
cd "$(dirname "$0")/.."
tree=build/mutants/tree

# name | file | sed expression | test executables, at least one of which must fail
mutants=(
    'matcher_window_exclusive|engine/funnel/funnel_match.c|s/from->time_us >= earliest_us/from->time_us > earliest_us/|funnel_match_test semantics_test'
    'session_gap_exclusive|engine/session/session_rule.h|s/last_us > timeout_us/last_us >= timeout_us/|session_rule_test'
    'query_session_gap_exclusive|engine/query/query_session_rule.h|s/rule->last_us > rule->timeout_us/rule->last_us >= rule->timeout_us/|query_funnel_test query_sessions_test'
    'session_cuts_gap_exclusive|engine/query/query_session_cuts_avx2.c|s/(int)(most + 1)/(int)most/|query_session_cuts_test'
    'session_cuts_first_midnight|engine/query/query_session_cuts.c|s/midnight_us - first_us >= MICROSECONDS_PER_DAY/midnight_us >= first_us/|query_session_cuts_test'
    'session_cuts_runs_within_a_word|engine/query/query_session_cuts.c|s/bool may_last = .*/bool may_last = bits == middle \&\& bits == 0;/|query_session_cuts_test'
    'session_run_aligned_in_another_run|engine/query/query_session_run.h|s/(run->begins \&\& rule->chain_us == time_us)/true/|property_model_test store_model_test query_sessions_test'
    'live_ties_never_strict|engine/live/live_funnel.c|s/ties == FUNNEL_TIES_STRICT/ties > FUNNEL_TIES_STRICT/|live_test live_funnel_test'
    'live_settled_without_tail|engine/live/live_install.c|s/exact \&\& i < count; i++/exact \&\& i < count * 0; i++/|live_model_test'
    'live_settled_from_old_snapshot|engine/shard/shard.c|s/shard->tail_epoch != mail->epoch)/shard == NULL)/|live_model_test'
    'live_day_keeps_counts|engine/live/live.c|s/^        live_counts_reset(&live->counts\[i\]);//|live_model_test'
    'live_future_counts_at_once|engine/live/live_take.c|s/if (time_us > live->as_of_us) {/if (time_us > INT64_MAX - 1) {/|live_model_test'
    'live_primed_ties_alone|engine/live/live_install.c|s/    user->recorded = standing->any .*;/    user->recorded = false;/|live_model_test'
    'live_returns_unnoticed|engine/live/live_take.c|s/    if (returned) {/    if (returned \&\& live == NULL) {/|live_recount_test'
    'live_dropped_behind_a_recount|engine/live/live.c|s/        if (behind) {/        if (behind \&\& live == NULL) {/|live_recount_test'
    'people_lost_are_open_too|engine/query/people/people_cell.c|s/ends_at(cell, attempt) && !attempt->open/ends_at(cell, attempt)/|people_model_test'
    'people_next_pass_skips_a_row|engine/query/people/people_rows.c|s/text_compare(row, rows->from) >= 0/text_compare(row, rows->from) > 0/|people_model_test'
    'people_customer_of_the_instant|engine/query/query_customer.c|s/customer->first_us < entry_us/customer->first_us <= entry_us/|people_model_test'
    'lane_end_not_looked_at|ingest/decode/json_lanes_kernel.h|s/return ends_line(at) \&\& at + 1.*;/return at != next;/|decode_lines_test'
    'lane_guess_not_looked_at|ingest/decode/json_lanes_kernel.h|s/fits_mixed(guess, last->after, at), 1)/guess->before == last->after \&\& guess->size > 0, 1)/|decode_lines_test'
    'memo_never_cuts|engine/query/memo/memo_cut.c|s/if (cut == end) {/if (cut == end || end > 0) {/|memo_model_test'
    'block_behind_a_long_line_is_lost|ingest/replay/replay_window.c|s/^        window->end += block->size;$/        if (window->holds_block) { window->end += block->size; }/|replay_test'
    'lane_keeps_fields_of_others|ingest/decode/json_lanes.c|s/^    lanes->mixed = true;$//|decode_lines_test'
    'minute_takes_any_second|ingest/decode/timestamp_cache.h|s/tens <= 5 \&\& ones <= 9/ones <= 9/|timestamp_cache_test'
    'row_fields_beyond_the_header|ingest/decode/decode_csv.c|s/return column == last \&\& stop >= size;/return column == last;/|decode_lines_test'
    'line_end_not_looked_at|ingest/decode/json_shape_kernel.h|s/end != NULL, 1) \&\& ends_line(end) ? end : NULL/end != NULL, 1) ? end : NULL/|json_shape_test decode_lines_test'
    'messages_of_lines_as_one|ingest/decode/decode.c|s/^            memchr(message.bytes, .*) != NULL) {/            message.bytes == NULL) {/|decode_lines_test'
    'line_refused_bends_twice|ingest/decode/decode.c|s/^        decoder->notes = notes;$/        (void)notes;/|decode_lines_test'
    'log_columns_outlive_a_file|ingest/decode/decode.c|s/^        log_reader_begin_file(decoder->log, decoder->mapping);//|decode_log_test'
    'log_short_lines_taken|ingest/decode/decode_log.c|s/layout->exact \&\& count != layout->count/layout->exact \&\& count > layout->count/|decode_log_test init_formats_test'
    'survival_ends_of_another_session|engine/query/query_survival.c|s/units->funnel->window_session$/units->funnel->window_session \&\& units == NULL/|survival_model_test'
    'amount_half_away|ingest/decode/decimal.c|s/(rest == 0 \&\& (magnitude \& 1) != 0)/rest == 0/|amount_parse_test'
    'percentile_rank|engine/query/query_durations.c|s/percentile_of\[percentile\] \* (count - 1)/percentile_of[percentile] * count/|query_durations_test'
    'barrier_not_aligned|engine/shard/shard.c|s/shard_marker(shard, i) < epoch/shard_marker(shard, i) + 1 < epoch/|barrier_stress engine_test'
    'manifest_not_synced|storage/manifest/manifest_log.c|s/^        file_sync_data(log->descriptor, path);//|store_crash_test'
    'derived_links_synced|storage/store_derived.c|s/file_replace_unsynced(directory, FILE_NAME/file_replace(directory, FILE_NAME/|identity_test'
    'tail_grows_past_its_budget|engine/shard/tail.c|s/next \* row_bytes + used <= budget/next > 0/|engine_test'
    'segments_not_synced_before_commit|storage/storage.c|s/^        file_sync_directory(store->segment_directory);//|store_crash_test'
    'fast_path_ignores_ties|engine/query/query_fast.c|s/if (has_tie(window->run, row))/if (false \&\& has_tie(window->run, row))/|query_funnel_test store_model_test'
    'block_ignores_ties|engine/query/block/block_walk.c|s/return block_lane_crowded(word->lanes\[run\], word->rows\[run\] + bit) \&\&/return run > 1 \&\&/|block_model_test'
    'block_user_ends_with_group|engine/query/block/block_lane.c|s/lane->stop = end - (whole/lane->stop = end - (whole \&\& lane == NULL/|block_model_test'
    'block_open_exclusive|engine/query/block/block.c|s/user->last_us >= block->open_from_us/user->last_us > block->open_from_us/|block_model_test'
    'block_pair_ignores_ties|engine/query/block/block_pair.c|s/return crowded \&\& find_tie/return crowded \&\& bit > 99 \&\& find_tie/|block_model_test'
    'block_pair_open_exclusive|engine/query/block/block_pair.c|s/time_at(pair, user, last) >= ask->open_from_us/time_at(pair, user, last) > ask->open_from_us/|block_model_test'
    'block_pair_in_any_order|engine/query/block/block_pair.c|s/(pair->apart ||$/(pair != NULL ||/|block_model_test'
    'block_pair_tie_not_undone|engine/query/block/block_pair.c|s/pair->lanes\[1\]->batch_count = counts\[1\];//|block_model_test'
    'block_pair_late_user_in_first_lane|engine/query/block/block_pair.c|s/far->counts\[0\] == 0 ? 1 : user.entry_run/user.entry_run/|block_model_test'
    'block_pair_beyond_third_lane|engine/query/block/block_pair.c|s/lane->keys\[ahead\].high < high)/ahead != high)/|block_model_test'
    'block_any_window_exclusive|engine/query/block/block_walk_any.c|s/last_us\[step\] <= walk->user->window_us/last_us[step] < walk->user->window_us/|block_model_test'
    'block_any_passes_over_first_entry|engine/query/block/block_walk_any.c|s/walk->behind = true;/walk->behind = false;/|block_model_test'
    'trend_turn_not_carried_on|engine/query/block/block_walk_trend.c|s/\*carry = over < others ||.*;/*carry = false;/|block_model_test'
    'trend_whole_of_its_first_bucket|engine/query/block/block_walk_trend.c|s/first_only ? walk->first_open : walk->last_open/first_only || walk != NULL ? walk->first_open : walk->last_open/|block_model_test'
    'trend_entry_of_the_next_bucket|engine/query/block/block_walk_trend.c|s/(block_bits_below(bit) << 1 | 1)/block_bits_below(bit)/|block_model_test'
    'trend_ignores_ties|engine/query/block/block_walk_trend.c|s/ \&\& find_tie(run, row)/ \&\& steps > UINT32_MAX \/ 2 \&\& find_tie(run, row)/|block_model_test'
    'places_round_up|engine/query/block/block_places_avx2.c|s/ \/ width + 1;/ \/ width + 2;/|block_places_test'
    'block_mix_shares_instants|engine/query/block/block_mix.c|s/rests->times_us\[which\] < until_us/rests->times_us[which] <= until_us/|block_model_test'
    'memo_range_forgets_early|engine/query/memo/memo_run.c|s/((int64_t)user->last < run->gone_unit)/((int64_t)user->last < run->gone_unit + 3000)/|memo_model_test'
    'memo_level_never_rises|engine/query/block/block_hand.c|s/(possible >> level \& 1) == 0)/(possible >> level \& 1) <= 1)/|memo_model_test'
    'memo_new_rows_among_known|engine/query/block/block_hand.c|s/> known_until_us;/!= known_until_us;/|memo_model_test'
    'memo_new_entry_opens_nothing|engine/query/block/block_hand.c|s/^        news.open |= .*;$//|memo_model_test'
    'memo_new_entry_not_kept|engine/query/block/block_hand.c|s/^            news.has_stored = true;$//|memo_model_test'
    'memo_range_goes_back|engine/query/memo/memo_run.c|s/^    run->entry->from_us = run->from_us;$//|memo_model_test'
    'hold_units_never_crossed|engine/query/block/block_hold.c|s/    if (!has || (hold->slots\[at\] \& CROSSED_BIT) != 0) {/    if (at < UINT32_MAX) {/|block_model_test'
    'hold_codes_of_segments_mixed|engine/query/block/block_hold.c|s/const bool shared = user->run_count > 1;/const bool shared = user->run_count > 99;/|block_model_test'
    'hold_first_entry_opens|engine/query/block/block_hold.c|s/FUNNEL_ATTEMPTS_FIRST ? open : found->open/FUNNEL_ATTEMPTS_FIRST ? found->open : open/|block_model_test'
    'block_mix_twice_as_many_runs|engine/query/block/block_mix.c|s/count == QUERY_BLOCK_LANE_COUNT_MAX ||/count == 2 * QUERY_BLOCK_LANE_COUNT_MAX ||/|block_mix_test'
    'few_units_lost_and_open|engine/query/block/block_few.c|s/units - open_units;/units;/|block_few_test'
    'few_unknown_values_taken|engine/query/block/block_few_avx2.c|s/few->known \&\& unknown == 0/few->known/|block_few_test'
    'repeats_of_later_places|engine/query/block/block_repeats_avx2.c|s/_mm256_andnot_si256(_mm256_srai_epi32(from, 31), same)/same/|block_few_test'
    'hold_few_of_one_segment|engine/query/block/block_hold.c|s/shared ? lane->keys : NULL/shared \&\& few == NULL ? lane->keys : NULL/|block_model_test'
    'block_runs_in_any_order|engine/query/block/block_runs.h|s/!block_runs_in_order(run - 1, run)/!block_runs_in_order(run - 1, run) \&\& run == NULL/|block_model_test'
    'view_chunks_kept_after_commit|engine/engine_commit.c|/^static bool commit_once/,/^}/s/engine_view_publish(engine, \&committer->instant);/engine_view_refresh(engine);/|engine_view_test view_stress'
    'view_chunks_kept_after_flush|engine/shard/shard_view.c|/^void shard_view_flushed/,/^}/s/release_from(view, view->file_count);//|engine_view_test view_stress'
    'view_chunks_kept_when_united|engine/shard/shard_view.c|s/remove_chunks(view, tail, replaced, end);/(void)remove_chunks;/|engine_view_test'
    'view_row_left_out|engine/shard/shard_view.c|s/tail_copy_rows(tail, first, count)/tail_copy_rows(tail, first, count > 1 ? count - 1 : count)/|engine_view_test'
    'view_cut_not_kept|engine/engine_cut.c|s/^    add_cut(taken, \&cut);/    (void)cut;/|engine_view_test view_stress'
    'view_of_any_version|storage/store_part.c|s/found == wanted->sequence/found >= wanted->sequence/|engine_view_test view_stress'
    'encoding_tree_loses_its_place|storage/encoding/encoding_choose.c|s/encoder->followed_at = at + node->size;/encoder->followed_at = at + 1;/|encoding_test'
    'encoding_choice_kept_for_ever|storage/encoding/encoding_choose.c|s/if (!has_grown(choice, out->size - from, count)) {/if (!has_grown(choice, 0, 0)) {/|encoding_choice_test'
    'segment_numbers_in_any_order|storage/segment/segment_numbers.c|s/if (numbers\[index\] <= numbers\[index - 1\]) {/if (numbers[index] == numbers[index - 1]) {/|segment_numbers_test'
    'segment_foreign_keys_left_out|storage/segment/segment_numbers.c|s/same = hash128_equal(key, group->user_keys\[user\]);/same = hash128_equal(key, group->user_keys[user]) || true;/|segment_test'
    'short_text_without_its_size|engine/event/packed_text.h|s/uint64_t high = (uint64_t)size << 56;/uint64_t high = 0;/|packed_text_test'
    'user_key_of_another_size|storage/base/hash_user.c|s/load(id.bytes + id.size - 8), id.size + 1);/load(id.bytes + id.size - 8), id.size);/|hash_user_test'
    'tail_column_keeps_old_values|engine/shard/tail.c|s/memset(values->codes, 0xff, tail->row_count \* sizeof(uint32_t));//|tail_test'
    'tail_forgets_its_dictionaries|engine/shard/tail.c|s/sum += symbols->size + symbols->count \* FLUSH_STRING_BYTES;/sum += 0 * symbols->size;/|tail_test'
    'tail_asks_by_what_is_held|engine/shard/tail.c|s/uint64_t sum = tail->row_count \* /uint64_t sum = tail->row_capacity * /|tail_test'
    'parts_columns_not_moved|storage/segment/segment_columns.h|s/return columns->places == NULL ? own : columns->places\[own\];/return columns->places == NULL ? own : own;/|view_model_test'
    'parts_copies_kept|engine/query/query_plan.c|s/plan->duplicates = with_ids > 1;/plan->duplicates = false;/|view_model_test store_model_test'
    'matcher_ties_always_any|engine/funnel/match_block.c|s/ties_any = rule->ties == FUNNEL_TIES_ANY/ties_any = true/|funnel_match_test semantics_test'
    'matcher_gap_exclusive|engine/funnel/match_walk.c|s/items\[queue->head\]\].time_us > general->max_us/items[queue->head]].time_us >= general->max_us/|semantics_test match_model_test'
    'matcher_strict_lets_through|engine/funnel/match_moves.c|s/return block->in_scope == 0/return block->in_scope < 99/|semantics_test match_model_test'
    'matcher_strict_block_not_consumed|engine/funnel/match_moves.c|s/return final \& bits_from(lowest);/return lowest < 99 ? final : 0;/|semantics_test match_model_test'
    'matcher_required_not_first|engine/funnel/match_choose.c|s/step < choose->goal; step++/step < choose->goal \* 0; step++/|match_model_test'
    'matcher_open_entry_earliest|engine/funnel/match_best.c|s/general->rule->entry_open, found/false, found/|semantics_test match_model_test'
    'line_gap_too_soon|engine/funnel/match_line.c|s/time_us <= last_us; ++/time_us <= last_us + 1; ++/|match_line_test'
    'line_gap_exclusive|engine/funnel/match_line.c|s/at\].time_us <= general->max_us/at].time_us < general->max_us/|match_line_test'
    'line_lets_hits_through|engine/funnel/match_line.c|s/before \& ~((/before * 0 \& ~((/|match_line_test'
    'line_states_survive|engine/funnel/match_line.c|s/before \& UINT32_MAX/before * 0 \& UINT32_MAX/|match_line_test'
    'slices_taken_twice|engine/query/query_answer.c|s/worker->stamps\[slice\] != worker->stamp;/true;/|slices_model_test'
    'user_values_judged_once|engine/query/query_history.c|s/(left->bits == right->bits/(left->source != NULL/|slices_model_test'
    'matcher_anchor_anywhere|engine/funnel/match_any.c|s/bool entry = block == scan->entry \&\& at/bool entry = block >= scan->entry \&\& at/|semantics_test match_model_test'
    'matcher_all_not_absorbed|engine/funnel/match_general.c|s/life >= end)) {/life > end)) {/|semantics_test match_model_test'
    'matcher_tolerance_exclusive|engine/funnel/match_blocks.c|s/first_us <= tolerance_us/first_us < tolerance_us/|semantics_test match_model_test'
    'matcher_open_ignores_tolerance|engine/funnel/match_open.c|s/<= general->rule->tie_tolerance_us ? last_us/< 0 ? last_us/|match_model_test'
    'gather_tolerance_exclusive|engine/query/query_gather.c|s/block_us <= gather->tolerance_us/block_us < gather->tolerance_us/|store_model_test'
    'gather_exclusions_shifted|engine/query/query_gather.c|s/stages >> gather->step_count/stages >> gather->step_count >> 1/|query_funnel_test store_model_test'
    'trend_entries_by_their_block|engine/query/query_piece.c|s/gather->tolerance_us > 0 ? gather->own_us/gather->tolerance_us < 0 ? gather->own_us/|query_funnel_test'
    'compact_leaves_periods|storage/store_compact.c|s/compaction->options->every_period || //|compact_test'
    'hold_takes_missing_values|engine/query/query_hold.c|s/if (!present) {/if (!present \&\& hold->count > 99) {/|store_model_test'
    'strict_sees_only_steps|engine/query/query_units.c|s/funnel->scope == FUNNEL_SCOPE_ALL \&\&/funnel->scope > FUNNEL_SCOPE_FUNNEL \&\&/|store_model_test'
    'kafka_anchor_not_compared|ingest/kafka/kafka_offsets.c|s/return same ? KAFKA_PROOF_SAME : KAFKA_PROOF_ANOTHER/return (void)same, KAFKA_PROOF_SAME/|kafka_store_test kafka_test'
    'kafka_revoked_partition_goes_on|ingest/kafka/kafka_rebalance.c|s/partition->state = KAFKA_AWAY;/partition->settled_offset = partition->next_offset += 7;/|kafka_handover_test'
    'kafka_lot_of_another_partition|ingest/kafka/kafka_lot.c|s/partitions\[kafka->lot_index\]/partitions[kafka->last_index]/|kafka_watch_test'
    'kafka_mark_not_compared|ingest/kafka/kafka_prover.c|s/: KAFKA_MARK_ANOTHER;/: KAFKA_MARK_STANDS;/|kafka_watch_test'
    'clickhouse_pass_goes_on|engine/dialect/clickhouse.c|s/if (steps == 0 \&\& walk->order/if (steps == 1u << 31 \&\& walk->order/|dialect_test'
    'clickhouse_once_uses_a_row_twice|engine/dialect/clickhouse_once.c|s/used = used .. chain->events/used = used \&\& chain->events/|dialect_test'
    'doris_dedup_not_seen|engine/dialect/doris.c|s/next_row(rows, earlier, after + 1) < before/next_row(rows, earlier, after + 1) < before - 1/|dialect_test'
    'digits_tens_of_two|storage/segment/segment_digits.h|s/twos \* 103 >> 10/twos * 102 >> 10/|segment_digits_test'
    'pattern_time_exclusive|engine/pattern/pattern_match.c|s/return elapsed_us <= action->time_us/return elapsed_us < action->time_us/|pattern_test'
    'pattern_time_at_the_end_needs_an_event|engine/pattern/pattern_match.c|s/action->kind == PATTERN_TIME_AT_MOST || *$/false ||/|pattern_test'
    'compare_interval_too_narrow|tools/bench/compare/compare_statistics.c|s/ratio.low = exp(differences.bound - 1.);/ratio.low = exp(differences[bound]);/|compare_test'
    'compare_chances_not_counted|tools/bench/compare/compare.c|s/if (found.known++. \&\& (row/if ((found[known++] || true) \&\& (row/|compare_test'
    'page_text_as_markup|tools/bench/chart/chart_svg.c|s/"&lt;"/"<"/|chart_test page_test'
    'kafka_claim_not_taken_over|ingest/kafka/kafka_watch.c|s/        kafka_offsets_move(partition, &item->claimed);//|kafka_handover_test'
    'posthog_window_exclusive|engine/dialect/posthog_steps.c|s/chain->start_us <= walk->rule->window_us/chain->start_us < walk->rule->window_us/|posthog_steps_test'
    'posthog_taint_forgotten|engine/dialect/posthog_steps.c|s/    walk->chains\[before\].excluded = true;//|posthog_steps_test'
    'posthog_event_used_twice|engine/dialect/posthog_unordered.c|s/            return k;/            (void)k;/|posthog_unordered_test'
    'posthog_trend_keeps_tainted|engine/dialect/posthog_trend.c|s/interval->taint != TAINT_PARTIAL;/true;/|posthog_trend_test'
    'pinot_window_inclusive|engine/dialect/pinot.c|s/start_us < rule->window_us/start_us <= rule->window_us/|pinot_test'
    'pinot_last_window_again|engine/dialect/pinot.c|s/match_out->level < rule->step_count \&\& window.end < window.count/match_out->level < rule->step_count/|pinot_test'
    'identity_late_columns_unbooked|engine/query/identity/identity_read.c|s/query_tasks_charge(tasks, pass->bytes,/query_tasks_charge(tasks, pass->bytes * 0,/|identity_test'
    'identity_waits_without_deadline|engine/query/identity/identity_gate.c|s/while (status == CORONG_OK \&\& gate->busy)/while (gate->busy)/|identity_test'
    'identity_views_pile_up|engine/query/identity/identity.c|s/idle > IDENTITY_VIEW_COUNT_IDLE_MAX/idle > 4 * IDENTITY_VIEW_COUNT_IDLE_MAX/|identity_test'
    'next_ties_by_bits|engine/query/next/next.c|s/return negative ? ~bits : bits ^ sign/return negative ? bits : bits/|next_test'
    'mixpanel_devices_are_known|ingest/decode/decode_event.c|s/bool anonymous = take_prefix(mapping, &id) ||/bool anonymous = (take_prefix(mapping, \&id) \&\& index > 1) ||/|decode_test mapping_preset_test'
    'replay_progress_stands_while_read_ahead|ingest/replay/replay_window.c|s/^    window->bytes_done = block->bytes_done;$//|replay_test'
    'replay_leaps_over_fields|ingest/replay/replay_window.c|s/anchor_offset > 0 \&\& !window->names_fields/anchor_offset > 0/|replay_test'
    'derived_of_other_segments|storage/store_derived.c|s/memcmp(body.bytes, segments.bytes, segments.size) == 0/segments.size > 0/|identity_test'
    'derived_not_checked|storage/store_derived.c|s/bool ours = hash.low == low \&\& hash.high == high \&\&/bool ours = (hash.low == low || low > 0) \&\& high > 0 \&\&/|identity_test'
    'live_follows_linked_stores|engine/live/live_plan.c|s/ || schema_has_links(schema);/;/|live_test'
    'identity_later_link_wins|engine/query/identity/identity_resolve.c|s/node->linked != NO_NODE .. node->target/node->target/|identity_resolve_test'
    'identity_limit_one_too_few|engine/query/identity/identity_resolve.c|s/> IDENTITY_PERSON_ID_COUNT_MAX/>= IDENTITY_PERSON_ID_COUNT_MAX/|identity_resolve_test'
    'identity_moved_users_count_twice|engine/query/query_source.c|s/source->moved\[source->user . 64\] >>/(uint64_t)0 >>/|identity_model_test'
    'identity_copies_within_a_segment_kept|engine/query/query_plan.c|s/plan->duplicates = plan->duplicates .. layer->has_ids;//|identity_model_test'
    'identity_overlapping_ids_in_one_layer|engine/query/identity/identity_rows.c|s/ends\[layer\] >= pieces/ends[layer] - INT64_MAX >= pieces/|identity_model_test'
)

prepare() {
    mkdir -p "$tree"
    # New times, else an object of the last run's mutant would count as newer than its sound source.
    git ls-files -z | tar -c --null -T - | tar -x -m -C "$tree"
    cmake -S "$tree" -B "$tree/build/debug" --preset debug >/dev/null
}

# Runs the tests of a mutant; true where one of them fails.
noticed() {
    local target
    for target in $1; do
        cmake --build "$tree/build/debug" --target "$target" -j "$(nproc)" -- --quiet >/dev/null 2>&1 || {
            echo "  $target: does not build"
            return 1
        }
        (cd "$tree" && ctest --test-dir build/debug --timeout 120 -R "^$target\$") >/dev/null 2>&1 || return 0
    done
    return 1
}

caught=0
count=0
prepare || exit 1
for mutant in "${mutants[@]}"; do
    # An expression may have bars of its own.
    IFS='|' read -r name file rest <<<"$mutant"
    targets=${rest##*|}
    expression=${rest%|*}
    [ $# -gt 0 ] && [[ " $* " != *" $name "* ]] && continue
    count=$((count + 1))
    cp -p "$tree/$file" "$tree/$file.sound"
    sed -i "$expression" "$tree/$file"
    if cmp -s "$tree/$file" "$tree/$file.sound"; then
        verdict="its place in $file is gone"
    elif noticed "$targets"; then
        verdict=caught
        caught=$((caught + 1))
    else
        verdict="NOT NOTICED by $targets"
    fi
    mv "$tree/$file.sound" "$tree/$file"
    touch "$tree/$file"
    echo "$name: $verdict"
done
echo "mutants: caught $caught/$count"
[ "$caught" -eq "$count" ]
