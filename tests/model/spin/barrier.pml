// SPDX-License-Identifier: Apache-2.0
// The handoff as engine/THREADS.md tells it: producers that open, push, answer barriers and close (engine.c, route.c);
// shards that align, seal and sleep (shard.c); the committer (engine_commit.c); the drain, or a close without one.
// Rings are Promela channels here: ring.pml and tests/model/relacy answer for lane and parker themselves. A sleep has no
// timeout, so a lost wake-up is a deadlock.
//
// Proved: no deadlock; a message is taken by its shard in the epoch of its producer's cut, every one before the marker,
// none after (the tag in the word); what shards sealed is what the cuts of that epoch count (check_books() as in the
// product); a push never finds a ring full; two slots for cuts are enough; always eventually drained (LTL).
//
// Each producer sends MESSAGES, each to a shard of its choice; a batch holds one message and BATCHES are in a channel, so
// producers wait for returns; the committer begins at most EPOCHS barriers, at any moments, before the last one, and
// asks for partial batches CALLS times. A barrier is for a commit or for a view, as it likes; the last is for a commit. WITH_FAILURE: a shard may fail at a flush. WITH_STOP: instead of a drain,
// producers may stop without a close.
//
// Broken on purpose: run.sh lists the macros.
#define PRODUCERS 2
#define SHARDS 2
#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef BATCHES
#define BATCHES 2
#endif
#ifndef EPOCHS
#define EPOCHS 1
#endif
#ifndef CALLS
#define CALLS 0
#endif
#define MARKERS 3 // CHANNEL_MARKER_COUNT_MAX
#ifdef LANE_TOO_SMALL
#define LANE_SIZE (BATCHES + 1)
#else
#define LANE_SIZE (BATCHES + MARKERS)
#endif

// Words: a batch carries the epoch that its message belongs to, a marker its own.
#define BATCH 0
#define MARKER 64
#define CLOSE 128
#define CHANNEL(producer, shard) ((producer) * SHARDS + (shard))

chan forward[PRODUCERS * SHARDS] = [LANE_SIZE] of { byte };
// Batches that the producer may take: those it has at hand and those that wait in the back lane. Nobody else can tell
// them apart, so they are one number.
byte available[PRODUCERS * SHARDS] = BATCHES;
bit producer_state[PRODUCERS], shard_state[SHARDS]; // of their parkers: 1 asleep

// struct route
bit called[PRODUCERS]; // route.signal differs from signal_seen
byte epoch, participants;
bit kind; // route.kind: COMMIT or VIEW
#define COMMIT 0
#define VIEW 1
bit stopped;

// struct engine, under the lock: what is done under it is one step
byte begun, completed, sealed_count, closed;
byte opened_mask, closed_mask; // of producers
bit failed, stopping, finished;
byte producers_ended, ended; // threads
// Cuts that wait for their commit, two slots a producer: epoch + 1 (0: free), and the messages since the one before.
byte cut_epoch[PRODUCERS * 2];
byte cut_count[PRODUCERS * 2];
byte taken[PRODUCERS];       // messages of cuts taken by views, until the next commit
byte sealed_from[PRODUCERS]; // what the shards hold of a producer at the epoch they report

// ---- producers ----

// Sleeping. The sleeper announces itself, looks again, sleeps; ring.pml and relacy walk through that step by step. Here a
// push and its wake are one step, so whatever comes after the announcement takes it back: announcing oneself and the
// look that finds nothing are one step too.
//
// The exchange of parker_wake() and the wake of the futex in one: the sleeper waits for the flag to be 0.
#define WAKE_SHARD(shard) shard_state[shard] = 0

inline push_word(shard, word)
{
    assert(nfull(forward[CHANNEL(me, shard)])); // ASSERT(pushed)
    forward[CHANNEL(me, shard)]!word;
    WAKE_SHARD(shard)
}

inline hand_over(shard)
{
    if
    :: open[shard] -> push_word(shard, BATCH + open[shard]); open[shard] = 0
    :: else
    fi
}

#define HAS_BATCH(shard) (available[CHANNEL(me, shard)] > 0)

// Waits until the shard has returned a batch.
inline wait_for_return(shard)
{
    do
    :: HAS_BATCH(shard) -> break
#if defined(NO_RECHECK)
    :: !HAS_BATCH(shard) ->
        producer_state[me] = 1;
        producer_state[me] == 0
#elif defined(FLAG_AFTER_RECHECK)
    :: !HAS_BATCH(shard) ->
        if
        :: HAS_BATCH(shard) -> break
        :: !HAS_BATCH(shard) -> producer_state[me] = 1; producer_state[me] == 0
        fi
#else
    :: atomic { !HAS_BATCH(shard) -> producer_state[me] = 1 }
        producer_state[me] == 0
#endif
    od
}

// route_push(): an open batch is handed over by the message that finds it full. The message is the next cut's.
inline push_message(shard)
{
    atomic { hand_over(shard) }
    wait_for_return(shard);
    atomic { available[CHANNEL(me, shard)]--; open[shard] = done_epoch + 1; since_cut++; left-- }
}

// Into every ring, behind the data. Pushes never wait and shards do not look at each other's rings, so a shard that looks
// between two of them sees what it would have seen before the first: they are one step.
inline push_everywhere(word)
{
    atomic {
#if defined(MARKER_BEFORE_DATA)
        push_word(0, word);
        push_word(1, word);
        hand_over(0);
        hand_over(1)
#elif defined(CLOSE_OVERTAKES_DATA)
        if
        :: word == CLOSE -> push_word(0, word); push_word(1, word); hand_over(0); hand_over(1)
        :: else -> hand_over(0); hand_over(1); push_word(0, word); push_word(1, word)
        fi
#elif defined(MARKER_NOT_EVERYWHERE)
        hand_over(0);
        hand_over(1);
        push_word(0, word);
        if
        :: word == CLOSE -> push_word(1, word)
        :: else
        fi
#elif defined(PARTIAL_BATCH_KEPT)
        hand_over(0);
        push_word(0, word);
        push_word(1, word)
#else
        hand_over(0);
        hand_over(1);
        push_word(0, word);
        push_word(1, word)
#endif
    }
}

// engine_cut_save(), under the lock.
#define SLOT_OF(me) ((me) * 2 + (cut_epoch[(me) * 2] != 0))
inline save_cut(cut_of)
{
    assert(cut_of == done_epoch + 1); // what was pushed was meant for it
    assert(cut_epoch[(me) * 2] == 0 || cut_epoch[(me) * 2 + 1] == 0); // two barriers are never open at once
    slot = SLOT_OF(me);
    cut_epoch[slot] = (cut_of) + 1;
    cut_count[slot] = since_cut;
    since_cut = 0;
    slot = 0
}

// engine_barrier_wanted() and engine_barrier(), between two messages. The committer looks at a cut when every shard has
// the marker, so saving the one and pushing the other are one step.
inline serve_call()
{
#if CALLS > 0
    called[me] = 0; // a call for partial batches: the epoch may come between the two looks
#endif
    atomic {
#if CALLS == 0
        called[me] = 0;
#endif
        if
        :: epoch > done_epoch -> // route_epoch(), acquire
            save_cut(begun);
            done_epoch = begun;
            push_everywhere(MARKER + done_epoch)
        :: else -> hand_over(0); hand_over(1)
        fi
    }
}

inline open_producer()
{
    atomic {
        me == 0 || opened_mask > 0; // who opens first is number 0
        opened_mask = opened_mask | (1 << me);
        done_epoch = begun;
        barrier_is_open = begun != completed
    }
    if
    :: barrier_is_open ->
        barrier_is_open = 0;
#ifndef OPENS_UNMARKED
        push_everywhere(MARKER + done_epoch)
#endif
    :: else
    fi
}

inline count_as_closed()
{
    closed++;
    closed_mask = closed_mask | (1 << me)
}

// engine_producer_close(): its last word is everywhere before the committer may count it as closed.
inline close_producer()
{
    atomic {
        save_cut(begun + (begun > done_epoch -> 0 : 1));
#ifdef COUNTED_BEFORE_CLOSE
        count_as_closed()
    }
    push_everywhere(CLOSE)
#else
        push_everywhere(CLOSE)
    }
    atomic { count_as_closed() }
#endif
}

proctype producer(byte me)
{
    byte open[SHARDS]; // 0: no open batch
    byte left = MESSAGES;
    byte since_cut, done_epoch, slot;
    bit barrier_is_open;
    open_producer();
    do
    :: left > 0 && !failed -> push_message(0)
    // Shards are alike: the first message of producer 0 may as well go to shard 0.
    :: left > 0 && !failed && (me > 0 || left < MESSAGES) -> push_message(1)
    :: called[me] -> serve_call() // route_called()
    :: left == 0 || failed -> close_producer(); break
#ifdef WITH_STOP
    :: break
#endif
    od;
    atomic { left = 0; done_epoch = 0; since_cut = 0; open[0] = 0; open[1] = 0; producers_ended++; ended++ }
}

// ---- shards ----

#if defined(NOT_HELD)
#define IS_HELD(i) (is_closed[i])
#else
#define IS_HELD(i) (is_closed[i] || (marker[i] > sealed && !discarding))
#endif
#define TAKES_PART(i) ((participants >> (i)) & 1)
#define ANSWERED(i) (!TAKES_PART(i) || is_closed[i] || marker[i] >= epoch)
#ifdef NOT_ALIGNED
#define REACHED (epoch != sealed && (ANSWERED(0) || ANSWERED(1)))
#else
#define REACHED (epoch != sealed && ANSWERED(0) && ANSWERED(1))
#endif
#define CAN_POP(i) (!IS_HELD(i) && len(forward[CHANNEL(i, me)]) > 0)
#define SOMETHING (stopped || REACHED || CAN_POP(0) || CAN_POP(1)) // something_to_do()

// Takes one item, and gives its batch back.
inline pop_one(i)
{
    forward[CHANNEL(i, me)]?word;
    if
    :: word < MARKER ->
        assert(discarding || word - BATCH == sealed + 1); // every message in the epoch of its cut
        got[i]++;
        available[CHANNEL(i, me)]++;
#ifndef RETURN_WITHOUT_WAKE
        producer_state[i] = 0
#endif
    :: word == CLOSE -> is_closed[i] = 1
    :: else ->
        assert(word - MARKER >= marker[i]);
        marker[i] = (word - MARKER > sealed -> word - MARKER : 0) // 0 is as good as any that is sealed
    fi;
    word = 0
}

// seal_if_reached(), with the report to the committer.
inline seal()
{
    assert(epoch == sealed + 1);
    sealed = epoch;
    sealed_from[0] = sealed_from[0] + got[0];
    sealed_from[1] = sealed_from[1] + got[1];
#ifdef VIEW_TAKES_ROWS
    got[0] = 0;
    got[1] = 0;
#else
    got[0] = (kind == VIEW -> got[0] : 0); // after a view the rows stay in the tail
    got[1] = (kind == VIEW -> got[1] : 0);
#endif
    marker[0] = (marker[0] > sealed -> marker[0] : 0);
    marker[1] = (marker[1] > sealed -> marker[1] : 0);
    sealed_count++
}

// A shard that is woken at once behaves as one that had not slept yet, so it may as well sleep whenever there is nothing.
inline sleep_at_once()
{
#if !defined(NO_RECHECK) && !defined(FLAG_AFTER_RECHECK)
    shard_state[me] = !SOMETHING
#else
    skip
#endif
}

// The real shard looks at its rings in turn; here in any order, which is more.
proctype shard(byte me)
{
    bit is_closed[PRODUCERS], discarding;
    byte marker[PRODUCERS], got[PRODUCERS];
    byte sealed, word;
    do
    :: atomic { shard_state[me] == 0 && CAN_POP(0) && !stopped -> pop_one(0); sleep_at_once() }
    :: atomic { shard_state[me] == 0 && CAN_POP(1) && !stopped -> pop_one(1); sleep_at_once() }
    :: atomic { shard_state[me] == 0 && REACHED && !stopped -> seal(); sleep_at_once() }
#ifdef WITH_FAILURE
    :: atomic { shard_state[me] == 0 && REACHED && !stopped && !failed -> failed = 1; discarding = 1; seal() }
    :: atomic { shard_state[me] == 0 && failed && !discarding -> discarding = 1 }
#endif
#if defined(NO_RECHECK)
    :: !SOMETHING -> // nothing came in a round
        shard_state[me] = 1;
        shard_state[me] == 0
#elif defined(FLAG_AFTER_RECHECK)
    :: !SOMETHING ->
        if
        :: SOMETHING
        :: !SOMETHING -> shard_state[me] = 1; shard_state[me] == 0
        fi
#else
    :: atomic { shard_state[me] == 0 && !SOMETHING -> shard_state[me] = 1 }
#endif
    :: shard_state[me] == 0 && stopped -> break
    od;
    atomic { sealed = 0; marker[0] = 0; marker[1] = 0; is_closed[0] = 0; is_closed[1] = 0; ended++ }
}

// ---- committer ----

#define IS_DUE(slot) (cut_epoch[slot] != 0 && cut_epoch[slot] - 1 <= begun)

// take_cuts(), under the lock.
inline take_cut(slot)
{
    if
    :: IS_DUE(slot) -> taken[(slot) / 2] = taken[(slot) / 2] + cut_count[slot]; cut_epoch[slot] = 0; cut_count[slot] = 0
    :: else
    fi
}

inline check_books(i)
{
    assert(sealed_from[i] == taken[i]);
    sealed_from[i] = 0;
#ifdef VIEW_FORGETS_CUTS
    taken[i] = 0
#else
    taken[i] = (kind == VIEW -> taken[i] : 0)
#endif
}

// run_epoch() and what follows. Who looks at `participants` and `kind` saw the epoch first, and a producer that is called
// later looks later, so a beginning is one step.
inline run_epoch(kind_of)
{
    atomic {
        begun++;
#ifdef CLOSED_NOT_AWAITED
        participants = opened_mask & ~closed_mask;
#else
        participants = opened_mask;
#endif
        kind = kind_of;
        epoch = begun; // route_begin_epoch()
        called[0] = 1;
        called[1] = 1;
#ifndef EPOCH_WITHOUT_WAKE
        WAKE_SHARD(0);
        WAKE_SHARD(1)
#endif
    }
    if
    :: atomic {
            sealed_count == SHARDS && !failed ->
            completed = begun;
            take_cut(0);
            take_cut(1);
            take_cut(2);
            take_cut(3);
            check_books(0);
            check_books(1);
            sealed_count = 0;
            participants = 0;
            kind = COMMIT
        }
    :: stopping || failed -> over = 1
    fi
}

// wait_for_reason() and what follows.
proctype committer()
{
    byte epochs, calls;
    bit over;
    do
    :: over || stopping || failed -> break
    :: closed == PRODUCERS && !over && !stopping && !failed -> run_epoch(COMMIT); over = 1
    :: closed < PRODUCERS && epochs < EPOCHS && !stopping && !failed -> epochs++; run_epoch(COMMIT)
    :: closed < PRODUCERS && epochs < EPOCHS && !stopping && !failed -> epochs++; run_epoch(VIEW)
#if CALLS > 0
    :: closed < PRODUCERS && calls < CALLS && !stopping && !failed ->
        atomic { calls++; called[0] = 1; called[1] = 1 }
#endif
    od;
    atomic { finished = 1; ended++ }
}

init {
    atomic {
        run producer(0);
        run producer(1);
        run shard(0);
        run shard(1);
        run committer()
    }
#ifdef WITH_STOP
    if
    :: finished
    :: producers_ended == PRODUCERS && closed < PRODUCERS -> stopping = 1 // engine_close() without a drain
    fi;
#endif
    finished && (closed == PRODUCERS || stopping); // engine_drain(); producers' threads have been joined before
    atomic { stopped = 1; WAKE_SHARD(0); WAKE_SHARD(1) } // route_stop()
}

ltl drained { <> (ended == PRODUCERS + SHARDS + 1) }
