/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The same work on several things at the same time (parallel.h).
 *
 * A thread for each, and none that outlives the call: a question to a server
 * costs far more than a thread.  No lock: each thread has its own thing, and
 * joining it makes what it did seen.
 */

#include <config.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "parallel.h"

struct task {
  pthread_t thread;
  bool started;
  parallel_work work;
  void *opaque;
  size_t i;
};

static void *
run (void *arg)
{
  struct task *t = arg;

  t->work (t->opaque, t->i);
  return NULL;
}

static void
start (struct task *t)
{
  t->started = pthread_create (&t->thread, NULL, run, t) == 0;
}

static void
run_all (struct task *tasks, size_t nr)
{
  size_t i;

  /* The last on this thread. */
  for (i = 0; i + 1 < nr; i++)
    start (&tasks[i]);
  for (i = 0; i < nr; i++)
    if (!tasks[i].started)
      run (&tasks[i]);
  for (i = 0; i < nr; i++)
    if (tasks[i].started)
      pthread_join (tasks[i].thread, NULL);
}

void
parallel_each (size_t nr, parallel_work work, void *opaque)
{
  struct task *tasks = calloc (nr, sizeof *tasks);
  size_t i;

  for (i = 0; i < nr; i++)
    if (tasks == NULL)
      work (opaque, i);
    else
      tasks[i] = (struct task) { .work = work, .opaque = opaque, .i = i };
  if (tasks != NULL && nr > 0)
    run_all (tasks, nr);
  free (tasks);
}
