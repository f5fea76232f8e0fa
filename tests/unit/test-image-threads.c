/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Many threads on one image, sharing clusters but not bytes.
 *
 * The disk is cut into small stripes, and every thread owns each Nth one: so
 * each cluster belongs to several threads, which allocate, zero, trim, flush
 * and read it at the same time.  A thread knows what its own stripes hold and
 * checks them all along.  Run under TSan, this looks for races; run plainly,
 * for lost updates, clusters handed out twice, and reads of clusters that
 * were freed and reused meanwhile.
 */

#include <config.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "image.h"
#include "io-file.h"

#define NR_THREADS 8
#define STRIPE_BYTES 1536u
#define NR_STRIPES 256u         /* per thread */
#define DISK_BYTES ((uint64_t) NR_THREADS * STRIPE_BYTES * NR_STRIPES)

struct worker {
  struct image *img;
  unsigned index;
  unsigned nr_requests;
  uint64_t random;
  uint8_t *model;               /* of its stripes */
  char failure[256];
};

static char dir[] = "/tmp/baton-threads-XXXXXX";

static uint64_t
next_random (struct worker *w)
{
  w->random ^= w->random << 13;
  w->random ^= w->random >> 7;
  w->random ^= w->random << 17;
  return w->random;
}

static uint64_t
stripe_offset (const struct worker *w, unsigned stripe)
{
  return ((uint64_t) stripe * NR_THREADS + w->index) * STRIPE_BYTES;
}

static void
check_stripe (struct worker *w, unsigned stripe)
{
  uint8_t buf[STRIPE_BYTES];
  struct error err = ERROR_INIT;

  if (image_read (w->img, buf, sizeof buf, stripe_offset (w, stripe),
                  &err) == -1)
    snprintf (w->failure, sizeof w->failure, "read: %.200s", err.text);
  else if (memcmp (buf, w->model + stripe * STRIPE_BYTES, sizeof buf) != 0)
    snprintf (w->failure, sizeof w->failure,
              "thread %u stripe %u has changed", w->index, stripe);
}

static void
change_stripe (struct worker *w, unsigned stripe)
{
  uint8_t *model = w->model + stripe * STRIPE_BYTES;
  const unsigned flags = next_random (w) % 64 == 0 ? IMAGE_FUA : 0;
  struct error err = ERROR_INIT;
  unsigned i;
  int r;

  if (next_random (w) % 3 == 0) {
    memset (model, 0, STRIPE_BYTES);
    r = image_trim (w->img, STRIPE_BYTES, stripe_offset (w, stripe), flags,
                    &err);
  }
  else {
    for (i = 0; i < STRIPE_BYTES; ++i)
      model[i] = next_random (w);
    r = image_write (w->img, model, STRIPE_BYTES, stripe_offset (w, stripe),
                     flags, &err);
  }
  if (r == -1)
    snprintf (w->failure, sizeof w->failure, "change: %.200s", err.text);
}

static void *
work (void *p)
{
  struct worker *w = p;
  unsigned i;

  for (i = 0; i < w->nr_requests && !w->failure[0]; ++i) {
    const unsigned stripe = next_random (w) % NR_STRIPES;

    if (next_random (w) % 2)
      change_stripe (w, stripe);
    else
      check_stripe (w, stripe);
    if (next_random (w) % 100 == 0)
      image_flush (w->img, NULL);
  }
  for (i = 0; i < NR_STRIPES && !w->failure[0]; ++i)
    check_stripe (w, i);
  return NULL;
}

static void
shell (const char *command)
{
  char line[512];

  snprintf (line, sizeof line, "cd %s && %s", dir, command);
  if (system (line) != 0)
    fail_msg ("failed: %s", line);
}

static struct image *
open_image (struct io_file_opener *opener)
{
  const struct image_options options = {
    .opener = &opener->base, .metadata_cache_bytes = 1,
  };
  struct error err = ERROR_INIT;
  struct image *img = NULL;
  struct io *io;
  char path[64];

  io_file_opener_init (opener, false, LOCKING_AUTO);
  snprintf (path, sizeof path, "%s/t.qcow2", dir);
  if (opener->base.open (&opener->base, path, IO_OPEN_WRITE, &io, &err) == -1
      || image_open (io, path, true, &options, &img, &err) == -1
      || image_start_writing (img, &err) == -1)
    fail_msg ("%s", err.text);
  return img;
}

static void
start_workers (struct worker *workers, pthread_t *threads, struct image *img)
{
  unsigned i;

  for (i = 0; i < NR_THREADS; ++i) {
    workers[i] = (struct worker) {
      .img = img, .index = i, .random = 88172645463325252u + i,
      .nr_requests = getenv ("BATON_TEST_LONG") ? 50000 : 3000,
      .model = calloc (NR_STRIPES, STRIPE_BYTES),
    };
    assert_non_null (workers[i].model);
    assert_int_equal (pthread_create (&threads[i], NULL, work, &workers[i]),
                      0);
  }
}

static void
run (const char *create)
{
  struct worker workers[NR_THREADS];
  pthread_t threads[NR_THREADS];
  struct io_file_opener opener;
  struct error err = ERROR_INIT;
  struct image *img;
  unsigned i;

  shell (create);
  img = open_image (&opener);
  start_workers (workers, threads, img);
  for (i = 0; i < NR_THREADS; ++i)
    assert_int_equal (pthread_join (threads[i], NULL), 0);
  for (i = 0; i < NR_THREADS; ++i) {
    assert_string_equal (workers[i].failure, "");
    free (workers[i].model);
  }
  if (image_finish (img, &err) == -1)
    fail_msg ("finish: %s", err.text);
  image_close (img);
  shell ("qemu-img check -q t.qcow2");
}

static void
test_64k (void **state)
{
  (void) state;
  run ("qemu-img create -q -f qcow2 t.qcow2 3M");
}

/* Small clusters: a stripe covers some of them whole, so that trims free
 * clusters all the time. */
static void
test_512 (void **state)
{
  (void) state;
  run ("qemu-img create -q -f qcow2 -o cluster_size=512 t.qcow2 3M");
}

static void
test_v2 (void **state)
{
  (void) state;
  run ("qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=1k "
       "t.qcow2 3M");
}

static void
test_backed (void **state)
{
  (void) state;
  run ("truncate -s 1M base.raw && qemu-img create -q -f qcow2 "
       "-o cluster_size=4k -b base.raw -F raw t.qcow2 3M");
}

/* All threads allocate the same cluster at the same moment. */
struct rush {
  struct image *img;
  pthread_barrier_t *barrier;
  unsigned index;
};

#define RUSH_CLUSTERS 400u
#define RUSH_BYTES 512u

static void *
rush (void *p)
{
  struct rush *r = p;
  uint8_t buf[RUSH_BYTES];
  unsigned i;

  memset (buf, r->index + 1, sizeof buf);
  for (i = 0; i < RUSH_CLUSTERS; ++i) {
    pthread_barrier_wait (r->barrier);
    image_write (r->img, buf, sizeof buf,
                 i * 4096u + r->index * RUSH_BYTES, 0, NULL);
  }
  return NULL;
}

static void
test_same_cluster (void **state)
{
  struct rush rushes[NR_THREADS];
  pthread_t threads[NR_THREADS];
  pthread_barrier_t barrier;
  struct io_file_opener opener;
  uint8_t buf[NR_THREADS * RUSH_BYTES];
  struct image *img;
  unsigned i, j;

  (void) state;
  shell ("qemu-img create -q -f qcow2 -o cluster_size=4k t.qcow2 3M");
  img = open_image (&opener);
  pthread_barrier_init (&barrier, NULL, NR_THREADS);
  for (i = 0; i < NR_THREADS; ++i) {
    rushes[i] = (struct rush) { img, &barrier, i };
    pthread_create (&threads[i], NULL, rush, &rushes[i]);
  }
  for (i = 0; i < NR_THREADS; ++i)
    pthread_join (threads[i], NULL);
  for (i = 0; i < RUSH_CLUSTERS; ++i) {
    assert_int_equal (image_read (img, buf, sizeof buf, i * 4096u, NULL), 0);
    for (j = 0; j < sizeof buf; ++j)
      assert_int_equal (buf[j], j / RUSH_BYTES + 1);
  }
  pthread_barrier_destroy (&barrier);
  image_close (img);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_same_cluster),
    cmocka_unit_test (test_64k),
    cmocka_unit_test (test_512),
    cmocka_unit_test (test_v2),
    cmocka_unit_test (test_backed),
  };
  int r;

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  if (!mkdtemp (dir))
    return 1;
  r = cmocka_run_group_tests (tests, NULL, NULL);
  shell ("rm -f *");
  rmdir (dir);
  return r;
}
