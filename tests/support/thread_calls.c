// SPDX-License-Identifier: Apache-2.0
// librdkafka makes its threads, locks and conditions by C11's <threads.h>, which ThreadSanitizer
// does not see: a new thread then crashes in it. In TSan builds these take the place of the C
// library's and go by way of POSIX, which it does see. (librdkafka itself is not instrumented: what
// it shares with our threads goes through its locks.)
#if defined(__SANITIZE_THREAD__)

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

/// Memory that librdkafka touches by way of the C library (it is not instrumented otherwise), and
/// its locks, which it hands from thread to thread by atomics that TSan does not see: nobody else
/// makes locks by <threads.h>. A race between two places of ours is reported, whoever called them.
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librdkafka.so\n"
           "race:mtx_init\nrace:mtx_destroy\nrace:cnd_init\nrace:cnd_destroy\n"
           "mutex:librdkafka.so\nthread:librdkafka.so\n";
}

static int result_of(int code)
{
    if (code == 0) {
        return thrd_success;
    }
    if (code == ENOMEM || code == EAGAIN) {
        return thrd_nomem;
    }
    if (code == ETIMEDOUT) {
        return thrd_timedout;
    }
    return code == EBUSY ? thrd_busy : thrd_error;
}

struct beginning {
    thrd_start_t run;
    void *argument;
};

static void *begin(void *argument)
{
    struct beginning beginning = *(struct beginning *)argument;
    free(argument);
    return (void *)(intptr_t)beginning.run(beginning.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
    struct beginning *beginning = malloc(sizeof(*beginning));
    if (beginning == NULL) {
        return thrd_nomem;
    }
    *beginning = (struct beginning){run, argument};
    int code = pthread_create((pthread_t *)thread, NULL, begin, beginning);
    if (code != 0) {
        free(beginning);
    }
    return result_of(code);
}

int thrd_join(thrd_t thread, int *result)
{
    void *value = NULL;
    int code = pthread_join((pthread_t)thread, &value);
    if (result != NULL) {
        *result = (int)(intptr_t)value;
    }
    return result_of(code);
}

int thrd_detach(thrd_t thread)
{
    return result_of(pthread_detach((pthread_t)thread));
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE
                                                                       : PTHREAD_MUTEX_NORMAL);
    int code = pthread_mutex_init((pthread_mutex_t *)mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result_of(code);
}

int mtx_lock(mtx_t *mutex)
{
    return result_of(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_trylock(mtx_t *mutex)
{
    return result_of(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
    return result_of(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int cnd_init(cnd_t *condition)
{
    return result_of(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

int cnd_signal(cnd_t *condition)
{
    return result_of(pthread_cond_signal((pthread_cond_t *)condition));
}

int cnd_broadcast(cnd_t *condition)
{
    return result_of(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result_of(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
    return result_of(
        pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until));
}

void cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy((pthread_cond_t *)condition);
}

#else
typedef int thread_calls_are_the_systems;
#endif
