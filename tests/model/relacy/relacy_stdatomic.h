// SPDX-License-Identifier: Apache-2.0
// relacy's atomics under the names of C11.
#pragma once

#define memory_order_relaxed rl::mo_relaxed
#define memory_order_acquire rl::mo_acquire
#define memory_order_release rl::mo_release
#define memory_order_acq_rel rl::mo_acq_rel
#define memory_order_seq_cst rl::mo_seq_cst

typedef rl::atomic<uint64_t> atomic_uint_least64_t;
typedef rl::atomic<uint32_t> atomic_uint_least32_t;
typedef rl::atomic<unsigned> atomic_uint;
typedef rl::atomic<bool> atomic_bool;
#define _Atomic(type) rl::atomic<type>

// A figure for people: no interleaving is worth a look.
struct model_figure {
    uint64_t value;
    void store(uint64_t number, rl::memory_order, rl::debug_info_param)
    {
        value = number;
    }
    uint64_t load(rl::memory_order, rl::debug_info_param) const
    {
        return value;
    }
};

#define MODEL_ORDER(what, order, loads, stores)                                                    \
    model_order({__FILE__, __LINE__, what, true, order, loads, stores})
#define atomic_init(place, value) (place)->store(value, rl::mo_relaxed, RL_INFO)
#define atomic_load_explicit(place, order)                                                         \
    (place)->load(MODEL_ORDER("load", order, true, false), RL_INFO)
#define atomic_store_explicit(place, value, order)                                                 \
    (place)->store(value, MODEL_ORDER("store", order, false, true), RL_INFO)
#define atomic_exchange_explicit(place, value, order)                                              \
    (place)->exchange(value, MODEL_ORDER("exchange", order, true, true), RL_INFO)
#define atomic_fetch_add_explicit(place, value, order)                                             \
    (place)->fetch_add(value, MODEL_ORDER("fetch_add", order, true, true), RL_INFO)
