/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory of an image that was given up, freed beside the way: see
 * leftover.h.
 *
 * The thread owns the image alone; nothing is shared but its end, and the
 * semaphore by which it is told not to wait.
 */

#include <config.h>

#include <signal.h>
#include <time.h>

#include "image.h"
#include "leftover.h"

#define LINGER_NS 300000000

static void
linger (sem_t *hurry)
{
  struct timespec end;

  clock_gettime (CLOCK_MONOTONIC, &end);
  end.tv_nsec += LINGER_NS;
  end.tv_sec += end.tv_nsec / 1000000000;
  end.tv_nsec %= 1000000000;
  /* Interrupted: then the image is freed early. */
  sem_clockwait (hurry, CLOCK_MONOTONIC, &end);
}

static void *
close_image (void *p)
{
  struct leftover *l = p;

  linger (&l->hurry);
  image_close (l->image);
  return NULL;
}

/* Signals are for the threads of the program that we are in. */
static bool
start (struct leftover *l)
{
  sigset_t all, before;
  int r;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  r = pthread_create (&l->thread, NULL, close_image, l);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return r == 0;
}

void
leftover_free (struct leftover *l, struct image *img)
{
  leftover_wait (l);
  l->image = img;
  sem_init (&l->hurry, 0, 0);
  l->running = start (l);
  if (!l->running)
    image_close (img);
}

void
leftover_wait (struct leftover *l)
{
  if (l->running) {
    sem_post (&l->hurry);
    pthread_join (l->thread, NULL);
    sem_destroy (&l->hurry);
  }
  l->running = false;
}
