/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory of an image that was given up, freed beside the way: see
 * leftover.h.
 *
 * The thread owns the image alone; nothing is shared but its end.
 */

#include <config.h>

#include <signal.h>

#include "image.h"
#include "leftover.h"

static void *
close_image (void *img)
{
  image_close (img);
  return NULL;
}

/* Signals are for the threads of the program that we are in. */
static bool
start (struct leftover *l, struct image *img)
{
  sigset_t all, before;
  int r;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  r = pthread_create (&l->thread, NULL, close_image, img);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return r == 0;
}

void
leftover_free (struct leftover *l, struct image *img)
{
  leftover_wait (l);
  l->running = start (l, img);
  if (!l->running)
    image_close (img);
}

void
leftover_wait (struct leftover *l)
{
  if (l->running)
    pthread_join (l->thread, NULL);
  l->running = false;
}
