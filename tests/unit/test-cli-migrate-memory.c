/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `baton migrate` while memory moves (cli/migrate-run.c): what the guest
 * writes is flushed meanwhile, so that the pause need not, and a line tells
 * how far it is.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "migrate-report.h"
#include "migrate-scene.h"

/* At four looks in a second. */
#define LOOKS 8

static void
count (void *opaque, const struct vm *src)
{
  unsigned *nr = opaque;

  assert_true (src->memory.total > 0);
  ++*nr;
}

/* How often the source was flushed in all, where REMAINING bytes are told. */
static unsigned
nr_flushes (int remaining)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .looks = LOOKS, .remaining = remaining } };
  unsigned nr_told = 0;

  scene_set_up (&s, &c);
  s.m.on_progress = count;
  s.m.opaque = &nr_told;
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  assert_true (nr_told >= LOOKS / 2);
  scene_tear_down (&s);
  return s.servers.src.nr_flushes;
}

/* The pass itself flushes once, before the source stops to serve. */
static void
test_flush_ahead (void **state)
{
  (void) state;
  assert_true (nr_flushes (0) >= 2);
}

/* Who is nearly there need not: the pass comes at once. */
static void
test_no_flush_ahead (void **state)
{
  (void) state;
  assert_int_equal (nr_flushes (1), 1);
}

/* -- the line ---------------------------------------------------------------------- */

/* What is drawn of MEMORY is in LINE. */
static void
draw (const struct vm_memory *memory, char *line, size_t size)
{
  const struct vm vm = { .memory = *memory };
  const int saved = dup (STDERR_FILENO);
  FILE *f = tmpfile ();
  size_t n;

  assert_true (f != NULL && saved != -1);
  fflush (stderr);
  assert_true (dup2 (fileno (f), STDERR_FILENO) != -1);
  migrate_progress_draw (&vm);
  dup2 (saved, STDERR_FILENO);
  close (saved);
  rewind (f);
  n = fread (line, 1, size - 1, f);
  line[n] = '\0';
  fclose (f);
}

static void
test_line (void **state)
{
  char line[256];

  (void) state;
  draw (&(struct vm_memory) { .transferred = 3 << 20, .remaining = 10 << 20,
                              .bytes_per_s = 4 << 20 }, line, sizeof line);
  assert_non_null (strstr (line, "\rmemory: 3 MiB moved, 10 MiB left, "
                           "4 MiB/s, about 3 s"));
  /* What is longer is covered by what is shorter. */
  assert_true (strlen (line) >= 71);
  draw (&(struct vm_memory) { .remaining = 1 << 20 }, line, sizeof line);
  assert_non_null (strstr (line, "\rmemory: 0 B moved, 1 MiB left, 0 B/s, "
                           "about -"));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_flush_ahead),
    cmocka_unit_test (test_no_flush_ahead),
    cmocka_unit_test (test_line),
  };

  return scene_main (tests);
}
