// SPDX-License-Identifier: Apache-2.0
// engine/event/lane.c and engine/event/parker.c, step by step: PRODUCERS rings into one consumer that sleeps on one
// parker, as a shard does; each producer sleeps on its own when its ring is full. Indices run freely (modulo MODULUS) and
// wrap; both sides keep their last look at the other's index. A sleep has no timeout, so a lost wake-up is a deadlock.
//
// One Promela statement is one access of the C code to shared memory. Interleavings are sequentially consistent:
// weaker ones are tests/model/relacy's part.
//
// Broken on purpose: NO_RECHECK, FLAG_AFTER_RECHECK, WAKE_BEFORE_PUBLISH, INDEX_BEFORE_SLOT, HEAD_BEFORE_READ,
// SLEEP_WITHOUT_COMPARE, CAPACITY_OFF_BY_ONE.
#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef CAPACITY
#define CAPACITY 2
#endif
#define MODULUS (2 * CAPACITY) // a power of two above the capacity: what 2^64 is to the real indices
#define FIRST_INDEX (MODULUS - 1) // the first push makes the index wrap
#define CONSUMER PRODUCERS // its parker's number
#define SLOT(ring, index) slots[(ring) * CAPACITY + (index) % CAPACITY]
#define DISTANCE(tail, head) (((tail) + MODULUS - (head)) % MODULUS)

byte slots[PRODUCERS * CAPACITY]; // 0: never written, or read already
byte tail[PRODUCERS] = FIRST_INDEX;
byte head[PRODUCERS] = FIRST_INDEX;
bit state[PRODUCERS + 1];  // parker.state
bit asleep[PRODUCERS + 1]; // the kernel's queue of the futex
byte ended = 0;

// parker_wake(): exchange, and the system call where somebody had announced himself.
inline wake(who)
{
    d_step { seen_state = state[who]; state[who] = 0 }
    if
    :: seen_state == 1 -> asleep[who] = 0
    :: else
    fi;
    seen_state = 0
}

// FUTEX_WAIT compares and queues in one step, under the lock of the kernel's queue.
inline sleep(who)
{
#ifdef SLEEP_WITHOUT_COMPARE
    asleep[who] = 1;
#else
    d_step {
        if
        :: state[who] == 1 -> asleep[who] = 1
        :: else
        fi
    }
#endif
    asleep[who] == 0;
    state[who] = 0 // parker_cancel()
}

inline publish_tail()
{
#ifdef WAKE_BEFORE_PUBLISH
    wake(CONSUMER);
#endif
#ifdef INDEX_BEFORE_SLOT
    tail[me] = (mine + 1) % MODULUS;
    SLOT(me, mine) = sent + 1;
#else
    assert(SLOT(me, mine) == 0); // nothing unread is overwritten
    SLOT(me, mine) = sent + 1;
    tail[me] = (mine + 1) % MODULUS;
#endif
    mine = (mine + 1) % MODULUS;
#ifndef WAKE_BEFORE_PUBLISH
    wake(CONSUMER)
#endif
}

#ifdef CAPACITY_OFF_BY_ONE
#define IS_FULL (DISTANCE(mine, head_seen) == CAPACITY + 1)
#else
#define IS_FULL (DISTANCE(mine, head_seen) == CAPACITY)
#endif

proctype producer(byte me)
{
    byte mine = FIRST_INDEX;      // its own copy of tail
    byte head_seen = FIRST_INDEX; // lane.head_seen
    byte sent = 0;
    bit seen_state;
    do
    :: sent == MESSAGES -> break
    :: sent < MESSAGES ->
        do
        :: !IS_FULL -> break
        :: IS_FULL ->
            head_seen = head[me];
            if
            :: !IS_FULL -> break
            :: IS_FULL
            fi;
#ifdef FLAG_AFTER_RECHECK
            head_seen = head[me];
#else
            state[me] = 1; // parker_prepare()
#ifndef NO_RECHECK
            head_seen = head[me];
#endif
#endif
            if
            :: !IS_FULL -> state[me] = 0; break
            :: IS_FULL ->
#ifdef FLAG_AFTER_RECHECK
                state[me] = 1;
#endif
                sleep(me)
            fi
        od;
        publish_tail();
        sent++
    od;
    ended++
}

// lane_empty() and lane_pop() of ring `i`: true in `found` when an item came out.
inline look(i)
{
    if
    :: at[i] != tail_seen[i] -> found = 1
    :: else -> tail_seen[i] = tail[i]; found = (at[i] != tail_seen[i])
    fi
}

inline pop(i)
{
    look(i);
    if
    :: found ->
#ifdef HEAD_BEFORE_READ
        head[i] = (at[i] + 1) % MODULUS;
        d_step { word = SLOT(i, at[i]); SLOT(i, at[i]) = 0 }
#else
        d_step { word = SLOT(i, at[i]); SLOT(i, at[i]) = 0 }
        head[i] = (at[i] + 1) % MODULUS;
#endif
        assert(word == got[i] + 1); // in order, nothing lost, nothing twice
        d_step { got[i] = word; word = 0; at[i] = (at[i] + 1) % MODULUS }
        wake(i)
    :: else
    fi
}

// In the order of something_to_do(): the rings, one after the other.
inline look_at_all()
{
    i = 0;
    found = 0;
    do
    :: i < PRODUCERS && !found -> look(i); i++
    :: else -> break
    od
}

#define ALL_CAME (total == PRODUCERS * MESSAGES)

proctype consumer()
{
    byte at[PRODUCERS] = FIRST_INDEX;        // its own copy of head
    byte tail_seen[PRODUCERS] = FIRST_INDEX; // lane.tail_seen
    byte got[PRODUCERS];
    byte i, word, total;
    bit found, progressed, seen_state;
    do
    :: ALL_CAME -> break
    :: else ->
        i = 0;
        progressed = 0;
        do
        :: i < PRODUCERS ->
            pop(i);
            if
            :: found -> progressed = 1; total++
            :: else
            fi;
            i++
        :: else -> break
        od;
        if
        :: progressed || ALL_CAME
        :: else ->
#ifdef FLAG_AFTER_RECHECK
            look_at_all();
#else
            state[CONSUMER] = 1; // parker_prepare()
            found = 0;
#ifndef NO_RECHECK
            look_at_all();
#endif
#endif
            if
            :: found -> state[CONSUMER] = 0
            :: else ->
#ifdef FLAG_AFTER_RECHECK
                state[CONSUMER] = 1;
#endif
                sleep(CONSUMER)
            fi
        fi
    od;
    ended++
}

init {
    atomic {
        byte n;
        for (n : 0 .. PRODUCERS - 1) {
            run producer(n)
        }
        run consumer()
    }
}

ltl drained { <> (ended == PRODUCERS + 1) }
