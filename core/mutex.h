/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A mutex whose use the compiler can check.
 *
 * clang -Wthread-safety reads the annotations; gcc sees plain pthreads.
 * The shape everywhere: public foo () = lock -> foo_locked () -> unlock,
 * and foo_locked () is declared REQUIRES (lock).  The lock order is
 * written in docs/ARCHITECTURE.md.
 *
 * pthread errors here are bugs, not conditions: they abort.
 */

#ifndef BATON_MUTEX_H
#define BATON_MUTEX_H

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#if defined(__clang__)
#define TSA(x) __attribute__ ((x))
#else
#define TSA(x)
#endif

#define CAPABILITY TSA (capability ("mutex"))
/* Says which lock guards a member.  For readers: in C, clang 14 cannot yet
 * name one member of a struct in the attribute of another. */
#define GUARDED_BY(m)
#define REQUIRES(...) TSA (requires_capability (__VA_ARGS__))
#define ACQUIRES(...) TSA (acquire_capability (__VA_ARGS__))
#define RELEASES(...) TSA (release_capability (__VA_ARGS__))
#define EXCLUDES(...) TSA (locks_excluded (__VA_ARGS__))
#define NO_TSA TSA (no_thread_safety_analysis)

struct CAPABILITY mutex { pthread_mutex_t m; };
struct cond { pthread_cond_t c; };

static inline void
mutex_init (struct mutex *m)
{
  if (pthread_mutex_init (&m->m, NULL))
    abort ();
}

static inline void
mutex_destroy (struct mutex *m)
{
  pthread_mutex_destroy (&m->m);
}

static inline void
mutex_lock (struct mutex *m) ACQUIRES (m) NO_TSA
{
  if (pthread_mutex_lock (&m->m))
    abort ();
}

static inline void
mutex_unlock (struct mutex *m) RELEASES (m) NO_TSA
{
  if (pthread_mutex_unlock (&m->m))
    abort ();
}

/* Timed waits use the monotonic clock: a host's date may jump. */
static inline void
cond_init (struct cond *c)
{
  pthread_condattr_t attr;

  if (pthread_condattr_init (&attr) ||
      pthread_condattr_setclock (&attr, CLOCK_MONOTONIC) ||
      pthread_cond_init (&c->c, &attr))
    abort ();
  pthread_condattr_destroy (&attr);
}

static inline void
cond_destroy (struct cond *c)
{
  pthread_cond_destroy (&c->c);
}

static inline void
cond_wait (struct cond *c, struct mutex *m) REQUIRES (m)
{
  if (pthread_cond_wait (&c->c, &m->m))
    abort ();
}

static inline void
cond_signal (struct cond *c)
{
  if (pthread_cond_signal (&c->c))
    abort ();
}

static inline void
cond_broadcast (struct cond *c)
{
  if (pthread_cond_broadcast (&c->c))
    abort ();
}

#endif /* BATON_MUTEX_H */
