/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Limits of memory and time: see case-limits.h.
 */

#include <config.h>

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "case-limits.h"

/* The sanitizers' run-time library; not there without them. */
int __sanitizer_install_malloc_and_free_hooks (
  void (*malloc_hook) (const volatile void *, size_t),
  void (*free_hook) (const volatile void *)) __attribute__ ((weak));
size_t __sanitizer_get_allocated_size (const volatile void *p)
  __attribute__ ((weak));

static const char *current_case = "none";
static bool sanitized;
static _Atomic int64_t in_use, peak;
static uint64_t cpu_before_us;
static struct limits_worst worst;

static void
say (const char *text)
{
  if (write (STDERR_FILENO, text, strlen (text)) == -1)
    return;
}

static void
die (const char *why)
{
  say (current_case);
  say (": ");
  say (why);
  say ("\n");
  abort ();
}

static void
on_signal (int sig)
{
  signal (SIGABRT, SIG_DFL);
  die (sig == SIGPROF ? "took more CPU time than it may" :
       sig == SIGALRM ? "does not end" :
       sig == SIGABRT ? "aborted" : "crashed");
}

static void
on_malloc (const volatile void *p, size_t bytes)
{
  const int64_t now = atomic_fetch_add (&in_use, (int64_t) bytes) +
    (int64_t) bytes;

  (void) p;
  if (now > atomic_load (&peak))
    atomic_store (&peak, now);
}

static void
on_free (const volatile void *p)
{
  if (p)
    atomic_fetch_sub (&in_use, (int64_t) __sanitizer_get_allocated_size (p));
}

/* Not before the limit: a case must get through with less. */
static void
limit_address_space (void)
{
  struct rlimit limit;
  unsigned long pages;
  FILE *f = fopen ("/proc/self/statm", "r");

  if (!f || fscanf (f, "%lu", &pages) != 1) {
    perror ("/proc/self/statm");
    exit (EXIT_FAILURE);
  }
  fclose (f);
  limit.rlim_cur = limit.rlim_max =
    pages * (rlim_t) sysconf (_SC_PAGESIZE) + LIMIT_MEMORY_BYTES;
  if (setrlimit (RLIMIT_AS, &limit) == -1) {
    perror ("setrlimit");
    exit (EXIT_FAILURE);
  }
}

void
limits_init (void)
{
  static const int deadly[] = { SIGPROF, SIGALRM, SIGABRT };
  size_t i;

  sanitized = __sanitizer_install_malloc_and_free_hooks != NULL &&
    __sanitizer_get_allocated_size != NULL;
  for (i = 0; i < sizeof deadly / sizeof deadly[0]; ++i)
    signal (deadly[i], on_signal);
  if (sanitized)
    __sanitizer_install_malloc_and_free_hooks (on_malloc, on_free);
  else {
    signal (SIGSEGV, on_signal);
    signal (SIGBUS, on_signal);
    signal (SIGFPE, on_signal);
    limit_address_space ();
  }
}

static uint64_t
cpu_us (void)
{
  struct timespec t;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static void
set_timers (unsigned cpu_seconds)
{
  const struct itimerval t = {
    .it_value.tv_sec = cpu_seconds * (sanitized ? 10 : 1)
  };

  setitimer (ITIMER_PROF, &t, NULL);
  alarm (cpu_seconds * 60);
}

void
limits_begin (const char *case_name, unsigned cpu_seconds)
{
  current_case = case_name;
  atomic_store (&in_use, 0);
  atomic_store (&peak, 0);
  cpu_before_us = cpu_us ();
  set_timers (cpu_seconds);
}

void
limits_end (void)
{
  const uint64_t took = cpu_us () - cpu_before_us;
  const uint64_t bytes = (uint64_t) atomic_load (&peak);

  set_timers (0);
  if (bytes > LIMIT_MEMORY_BYTES)
    die ("took more memory than it may");
  if (bytes > worst.memory_bytes) {
    worst.memory_bytes = bytes;
    snprintf (worst.memory_case, sizeof worst.memory_case, "%s", current_case);
  }
  if (took > worst.cpu_us) {
    worst.cpu_us = took;
    snprintf (worst.cpu_case, sizeof worst.cpu_case, "%s", current_case);
  }
}

const struct limits_worst *
limits_get_worst (void)
{
  return &worst;
}
