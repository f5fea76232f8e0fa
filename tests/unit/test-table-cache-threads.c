/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Table cache: one loader for each slice, one writer at a time, and nobody
 * held up by somebody else's slice.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "cursor.h"
#include "random.h"
#include "table-cache-fixture.h"
#include "table-cache-internal.h"

struct call {
  struct fixture *f;
  uint64_t offset;
  bool write;
  uint8_t byte;                 /* to write, or read */
  int result;
  pthread_t thread;
  _Atomic bool ended;
};

static void *
do_call (void *p)
{
  struct call *c = p;

  c->result = c->write
    ? table_cache_write (c->f->cache, &c->byte, 1, c->offset, 0, NULL)
    : table_cache_read (c->f->cache, &c->byte, 1, c->offset, NULL);
  atomic_store (&c->ended, true);
  return NULL;
}

static void
start (struct call *c)
{
  assert_int_equal (pthread_create (&c->thread, NULL, do_call, c), 0);
}

static void
finish (struct call *c)
{
  pthread_join (c->thread, NULL);
}

static void
test_one_loader (void **state)
{
  struct call calls[4];
  struct fixture f;
  uint64_t before;
  unsigned i;

  (void) state;
  setup (&f, 64 * SLICE);
  before = nr_reads (&f);
  gate_close (&f.gate, GATE_READ);
  for (i = 0; i < 4; ++i) {
    calls[i] = (struct call) { .f = &f, .offset = 4 * SLICE + i };
    start (&calls[i]);
  }
  gate_await (&f.gate, 1);
  usleep (20000);
  assert_int_equal (gate_waiting (&f.gate), 1);
  gate_open (&f.gate);
  for (i = 0; i < 4; ++i) {
    finish (&calls[i]);
    assert_int_equal (calls[i].result, 0);
    assert_int_equal (calls[i].byte, 4);
  }
  assert_int_equal (nr_reads (&f), before + 1);
  teardown (&f);
}

static void
test_loader_fails_and_another_takes_over (void **state)
{
  struct call calls[2];
  struct fixture f;
  unsigned i;

  (void) state;
  setup (&f, 1);
  gate_close (&f.gate, GATE_READ);
  simdisk_fail (f.disk, SIMDISK_READ, 1, EIO, false);
  for (i = 0; i < 2; ++i) {
    calls[i] = (struct call) { .f = &f, .offset = 4 * SLICE };
    start (&calls[i]);
  }
  gate_await (&f.gate, 1);
  usleep (20000);
  gate_open (&f.gate);
  for (i = 0; i < 2; ++i)
    finish (&calls[i]);
  assert_int_equal (calls[0].result + calls[1].result, -1);
  assert_int_equal (calls[calls[0].result == -1].byte, 4);
  teardown (&f);
}

/* While one slice is being read the others are served. */
static void
test_loading_holds_nobody_else_up (void **state)
{
  struct call call;
  struct fixture f;

  (void) state;
  setup (&f, 8 * SLICE);        /* one shard */
  read_byte (&f, 0);
  gate_close (&f.gate, GATE_READ);
  call = (struct call) { .f = &f, .offset = 4 * SLICE };
  start (&call);
  gate_await (&f.gate, 1);
  assert_int_equal (read_byte (&f, 0), 0);
  gate_open (&f.gate);
  finish (&call);
  assert_int_equal (call.byte, 4);
  teardown (&f);
}

static void
test_writers_take_turns (void **state)
{
  struct call first, second;
  struct fixture f;

  (void) state;
  setup (&f, 1);
  read_byte (&f, 6 * SLICE);
  gate_close (&f.gate, GATE_WRITE);
  first = (struct call) { .f = &f, .offset = 6 * SLICE, .write = true,
                          .byte = 0xcc };
  second = (struct call) { .f = &f, .offset = 6 * SLICE + 1, .write = true,
                           .byte = 0xdd };
  start (&first);
  gate_await (&f.gate, 1);
  start (&second);
  usleep (20000);
  assert_int_equal (gate_waiting (&f.gate), 1);
  assert_int_equal (read_byte (&f, 6 * SLICE), 6);      /* the old one */
  assert_false (atomic_load (&second.ended));
  gate_open (&f.gate);
  finish (&first);
  finish (&second);
  assert_int_equal (read_byte (&f, 6 * SLICE), 0xcc);
  assert_int_equal (read_byte (&f, 6 * SLICE + 1), 0xdd);
  teardown (&f);
}

/* What is being written is not forgotten under the writer's hands. */
static void
test_forget_while_written (void **state)
{
  struct call first;
  struct fixture f;

  (void) state;
  setup (&f, 1);
  read_byte (&f, 6 * SLICE);
  gate_close (&f.gate, GATE_WRITE);
  first = (struct call) { .f = &f, .offset = 6 * SLICE, .write = true,
                          .byte = 0xcc };
  start (&first);
  gate_await (&f.gate, 1);
  table_cache_forget (f.cache, 6 * SLICE, SLICE);
  assert_int_equal (read_byte (&f, 6 * SLICE), 6);
  gate_open (&f.gate);
  finish (&first);
  assert_int_equal (first.result, 0);
  assert_int_equal (read_byte (&f, 6 * SLICE), 0xcc);
  assert_int_equal (byte_in_file (&f, 6 * SLICE), 0xcc);
  teardown (&f);
}

#define NR_CROWD 6

static unsigned
nr_waiting (struct fixture *f, uint64_t slice)
{
  struct shard *s = table_cache_shard (f->cache, slice);
  const struct slot_write *w;
  struct slot *slot;
  unsigned n = 0;

  mutex_lock (&s->lock);
  assert_int_equal (table_cache_get (f->cache, s, slice, &slot, NULL), 0);
  for (w = slot->waiting; w; w = w->next)
    n++;
  mutex_unlock (&s->lock);
  return n;
}

/* One write is in the file, and NR_CROWD wait for it. */
static void
start_crowd (struct fixture *f, struct call *first, struct call *crowd)
{
  unsigned i;

  read_byte (f, 6 * SLICE);
  gate_close (&f->gate, GATE_WRITE);
  *first = (struct call) { .f = f, .offset = 6 * SLICE, .write = true,
                           .byte = 0xcc };
  start (first);
  gate_await (&f->gate, 1);
  for (i = 0; i < NR_CROWD; i++) {
    crowd[i] = (struct call) {
      .f = f, .offset = 6 * SLICE + 100 - 8 * i, .write = true,
      .byte = (uint8_t) (0xd0 + i),
    };
    start (&crowd[i]);
    while (nr_waiting (f, 6) <= i)
      usleep (1000);
  }
}

static void
finish_crowd (struct fixture *f, struct call *first, struct call *crowd)
{
  unsigned i;

  gate_open (&f->gate);
  finish (first);
  for (i = 0; i < NR_CROWD; i++)
    finish (&crowd[i]);
}

static void
test_crowd_is_written_at_once (void **state)
{
  struct call first, crowd[NR_CROWD];
  struct fixture f;
  uint64_t before;
  unsigned i;

  (void) state;
  setup (&f, 1);
  start_crowd (&f, &first, crowd);
  for (i = 10; i < 20; ++i)
    assert_int_equal (read_byte (&f, i * SLICE), i);
  before = simdisk_calls (f.disk, SIMDISK_WRITE);
  finish_crowd (&f, &first, crowd);
  /* The first one, and all others. */
  assert_int_equal (simdisk_calls (f.disk, SIMDISK_WRITE), before + 2);
  for (i = 0; i < NR_CROWD; i++) {
    uint8_t byte;

    assert_int_equal (crowd[i].result, 0);
    assert_int_equal (read_byte (&f, crowd[i].offset), crowd[i].byte);
    assert_int_equal (io_pread (f.io, &byte, 1, crowd[i].offset, NULL), 0);
    assert_int_equal (byte, crowd[i].byte);
    assert_int_equal (io_pread (f.io, &byte, 1, crowd[i].offset + 1, NULL), 0);
    assert_int_equal (byte, 6);
  }
  teardown (&f);
}

/* Whoever was in a write that failed is told. */
static void
test_crowd_fails (void **state)
{
  struct call first, crowd[NR_CROWD];
  struct fixture f;
  unsigned i;

  (void) state;
  setup (&f, 1);
  start_crowd (&f, &first, crowd);
  simdisk_fail (f.disk, SIMDISK_WRITE, 2, EIO, false);
  finish_crowd (&f, &first, crowd);
  assert_true (simdisk_fault_struck (f.disk));
  for (i = 0; i < NR_CROWD; i++)
    assert_int_equal (crowd[i].result, -1);
  assert_int_equal (read_byte (&f, crowd[0].offset), 6);
  teardown (&f);
}

/* A slice that is being written must not be evicted: who loads it again
 * would keep the old bytes. */
static void
test_written_slice_stays (void **state)
{
  struct call call;
  struct fixture f;
  unsigned i;

  (void) state;
  setup (&f, 1);
  gate_close (&f.gate, GATE_WRITE);
  call = (struct call) { .f = &f, .offset = 6 * SLICE, .write = true,
                         .byte = 0xee };
  start (&call);
  gate_await (&f.gate, 1);
  for (i = 10; i < 20; ++i)
    assert_int_equal (read_byte (&f, i * SLICE), i);
  assert_int_equal (read_byte (&f, 6 * SLICE), 6);
  gate_open (&f.gate);
  finish (&call);
  assert_int_equal (read_byte (&f, 6 * SLICE), 0xee);
  teardown (&f);
}

#define NR_WORKERS 4
#define NR_COUNTERS 24u

struct worker {
  struct fixture *f;
  unsigned index;
  uint64_t counts[NR_COUNTERS]; /* its own word in each slice */
  bool wrong;
};

static void *
count_up (void *p)
{
  struct worker *w = p;
  struct random r = { w->index + 1 };
  uint8_t be[8];
  unsigned i;

  for (i = 0; i < 3000; ++i) {
    const unsigned slice = random_below (&r, NR_COUNTERS);
    const uint64_t offset = slice * SLICE + w->index * 8;

    w->wrong |= table_cache_read (w->f->cache, be, 8, offset, NULL) == -1 ||
      load_be64 (be) != w->counts[slice];
    store_be64 (be, ++w->counts[slice]);
    w->wrong |= table_cache_write (w->f->cache, be, 8, offset, 0, NULL) == -1;
  }
  return NULL;
}

static void
run_workers (uint64_t budget_bytes)
{
  struct worker workers[NR_WORKERS];
  pthread_t threads[NR_WORKERS];
  const uint8_t zeros[SLICE] = { 0 };
  struct fixture f;
  unsigned i;

  setup (&f, budget_bytes);
  for (i = 0; i < NR_COUNTERS; ++i)
    assert_int_equal (io_pwrite (f.io, zeros, SLICE, i * SLICE, 0, NULL), 0);
  for (i = 0; i < NR_WORKERS; ++i) {
    workers[i] = (struct worker) { .f = &f, .index = i };
    assert_int_equal (pthread_create (&threads[i], NULL, count_up,
                                      &workers[i]), 0);
  }
  for (i = 0; i < NR_WORKERS; ++i) {
    pthread_join (threads[i], NULL);
    assert_false (workers[i].wrong);
  }
  teardown (&f);
}

static void
test_threads (void **state)
{
  (void) state;
  run_workers (1);
  run_workers (8 * SLICE);
  run_workers (1024 * SLICE);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_one_loader),
    cmocka_unit_test (test_loader_fails_and_another_takes_over),
    cmocka_unit_test (test_loading_holds_nobody_else_up),
    cmocka_unit_test (test_writers_take_turns),
    cmocka_unit_test (test_forget_while_written),
    cmocka_unit_test (test_crowd_is_written_at_once),
    cmocka_unit_test (test_crowd_fails),
    cmocka_unit_test (test_written_slice_stays),
    cmocka_unit_test (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
