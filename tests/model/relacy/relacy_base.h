// SPDX-License-Identifier: Apache-2.0
// What the C sources of the handoff need to run inside relacy: their words and pointers become
// tracked variables, their atomics relacy's, their memory relacy's. Included before any of them.
#pragma once

#include <relacy/relacy.hpp>
#undef new
#undef delete
#undef malloc
#undef free
#undef calloc
#undef realloc
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef VAR

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <new>
#include <sys/syscall.h>
#include <unistd.h>

// ---- faults ----

// A place in the sources where something can be broken: an ordering made weaker, a look or a wake
// left out. Places make themselves known as they are reached. No allocations here: relacy counts
// those of a run.
struct model_site {
    const char *file;
    int line;
    const char *what;
    bool is_order;
    rl::memory_order order;
    bool loads;
    bool stores;
};
#define MODEL_SITE_COUNT_MAX 128
struct model_faults {
    model_site sites[MODEL_SITE_COUNT_MAX];
    int count = 0;
    int broken = -1; // which site
    rl::memory_order weaker = rl::mo_relaxed;
};
inline model_faults model_fault;

inline int model_find(const model_site &site)
{
    for (int i = 0; i < model_fault.count; i++) {
        const model_site &known = model_fault.sites[i];
        if (known.line == site.line && strcmp(known.what, site.what) == 0 &&
            strcmp(known.file, site.file) == 0) {
            return i;
        }
    }
    RL_VERIFY(model_fault.count < MODEL_SITE_COUNT_MAX);
    model_fault.sites[model_fault.count] = site;
    return model_fault.count++;
}

inline rl::memory_order model_order(const model_site &site)
{
    return site.order != rl::mo_relaxed && model_find(site) == model_fault.broken
               ? model_fault.weaker
               : site.order;
}

inline bool model_keep(const char *file, int line, const char *what)
{
    return model_find({file, line, what, false, rl::mo_relaxed, false, false}) !=
           model_fault.broken;
}
#define MODEL_KEEP(what) model_keep(__FILE__, __LINE__, what)

// ---- words: data races on what the rings carry are seen ----

struct model_word {
    model_word()
    {
        value(RL_INFO) = 0;
    }
    template <typename T> model_word(T *pointer)
    {
        value(RL_INFO) = (unsigned long)pointer;
    }
    model_word(unsigned long number)
    {
        value(RL_INFO) = number;
    }
    model_word(const model_word &other)
    {
        value(RL_INFO) = other.get();
    }
    model_word &operator=(const model_word &other)
    {
        value(RL_INFO) = other.get();
        return *this;
    }
    operator unsigned long() const
    {
        return get();
    }
    template <typename T> explicit operator T *() const
    {
        return (T *)get();
    }
    model_word operator++(int)
    {
        model_word before(*this);
        value(RL_INFO) = get() + 1;
        return before;
    }

    unsigned long get() const
    {
        return const_cast<rl::var<unsigned long> &>(value)(RL_INFO);
    }
    rl::var<unsigned long> value;
};
#define uintptr_t model_word

// ---- futex: compares and queues in one step. No timeout: a lost wake-up is a deadlock ----

inline long model_futex(rl::atomic<unsigned> *word, int operation, unsigned value)
{
    rl::context &context = rl::ctx();
    if (operation == 128) { // FUTEX_WAIT_PRIVATE
        // The kernel reads the newest value; a plain load might be stale.
        if (word->fetch_add(0, rl::mo_relaxed, RL_INFO) == value) {
            word->wait(context, false, false, RL_INFO);
        }
    } else { // FUTEX_WAKE_PRIVATE
        context.sched();
        word->wake(context, 1, RL_INFO);
    }
    return 0;
}
#define syscall(number, word, operation, value, ...) model_futex(word, operation, value)

// ---- C as C++ ----

#define _Alignas(size)
#define _Noreturn [[noreturn]]
#define UINT64_C(number) number##ul
