/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory of an image that was given up, freed beside the way.
 *
 * A metadata cache of 80 MiB takes some 10 ms to go back to the system.  An
 * image's files are closed before it comes here, so nothing that another
 * server could wait for is left, and the answer need not wait either.  The
 * thread that frees it begins 0.3 s later, or when it is waited for: until then
 * its processor may be where the next server is being activated.
 *
 * Guarantees: at most one image is left over at a time, and none after
 * leftover_wait.  Where no thread can be had it is freed at once.  Not for
 * two threads at a time: handoff calls it under `command`.
 */

#ifndef BATON_LEFTOVER_H
#define BATON_LEFTOVER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

struct image;

struct leftover {
  struct image *image;          /* the thread's, while it runs */
  sem_t hurry;                  /* the same */
  pthread_t thread;
  bool running;
};

/* Takes IMG over, on which image_give_up was called. */
void leftover_free (struct leftover *l, struct image *img);
void leftover_wait (struct leftover *l);

#endif /* BATON_LEFTOVER_H */
