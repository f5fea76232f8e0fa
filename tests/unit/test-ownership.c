/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The decision table, in every combination of what it looks at.
 *
 * The rows below are those of docs/HANDOVER.md, in its order; the first one
 * that fits decides.  They share nothing with core/ownership.c.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ownership.h"

#define EPOCH 4u                /* of the ticket, where there is one */

/* One situation; every field has few values, which are all tried. */
enum field {
  F_FOUND,              /* 0 absent, 1 damaged, 2 valid */
  F_HELD,
  F_EPOCH,              /* less, same, one more, more, the last there is */
  F_HOST,               /* is it this one? */
  F_INSTANCE,           /* and this process? */
  F_LOCKED,
  F_TICKET,
  F_UUID,               /* as the ticket's? */
  F_NONCE,              /* as the ticket's? */
  F_DIGEST,             /* as the ticket's: 0 yes, 1-3 which differs */
  F_INTACT,
  F_V2,
  F_SIZE,               /* of the file, as the ticket's? */
  F_TIME,               /* likewise: 0 no, 1 yes, 2 not known to the ticket,
                         * 3 not known here */
  F_RELEASED,           /* this process: 0 nothing, 1 this very release, 2
                         * another one of this image, 3 of another image, 4
                         * another one of the same epoch */
  F_FORCE,
  NR_FIELDS,
};

static const unsigned nr_values[NR_FIELDS] = {
  [F_FOUND] = 3, [F_HELD] = 2, [F_EPOCH] = 5, [F_HOST] = 2,
  [F_INSTANCE] = 2, [F_LOCKED] = 2, [F_TICKET] = 2, [F_UUID] = 2,
  [F_NONCE] = 2, [F_DIGEST] = 4, [F_INTACT] = 2, [F_V2] = 2, [F_SIZE] = 2,
  [F_TIME] = 4, [F_RELEASED] = 5, [F_FORCE] = 2,
};

/* -- the table ------------------------------------------------------- */

#define MAX_CONDITIONS 6

struct row {
  struct { enum field field; unsigned values; } when[MAX_CONDITIONS];
  unsigned nr_when;
  enum ownership_how how;       /* where class is NULL */
  const char *class;
  const char *text;             /* a part of it, where there is a class */
};

#define IS(value) (1u << (value))
#define NOT(value) (~(1u << (value)))
#define NO 1u
#define YES 2u
#define LESS IS (0)
#define SAME IS (1)
#define ONE_MORE IS (2)
#define MORE (IS (3) | IS (4))

static const struct row rows[] = {
  { { { F_FOUND, IS (0) }, { F_TICKET, NO } }, 2, OWNERSHIP_CREATE, NULL, NULL },
  { { { F_FOUND, IS (0) } }, 1, 0, "OtherImage",
    "it is not the image that the ticket is for: it has no ownership record" },
  { { { F_FOUND, IS (1) } }, 1, 0, "RecordDamaged",
    "; when no server has the image, activate with force, which makes a new one" },
  { { { F_EPOCH, IS (4) } }, 1, 0, "RecordDamaged",
    "its record's epoch is the last one there can be; activate with force" },

  /* With a ticket. */
  { { { F_TICKET, YES }, { F_UUID, NO } }, 2, 0, "OtherImage",
    "its record has another uuid" },
  { { { F_TICKET, YES }, { F_EPOCH, LESS } }, 2, 0, "StaleView",
    "this host sees an older record (epoch " },
  { { { F_TICKET, YES }, { F_EPOCH, SAME }, { F_HELD, YES } }, 3, 0, "StaleView",
    "this host sees an older record (epoch " },
  { { { F_TICKET, YES }, { F_EPOCH, MORE } }, 2, 0, "Overtaken",
    "activated elsewhere since: " },
  { { { F_TICKET, YES }, { F_EPOCH, ONE_MORE }, { F_HELD, NO } }, 3, 0, "Overtaken",
    "activated elsewhere since: " },
  { { { F_TICKET, YES }, { F_EPOCH, SAME }, { F_NONCE, NO } }, 3, 0, "OtherImage",
    "it was released in the same epoch by somebody else, so one of the two is" },
  { { { F_TICKET, YES }, { F_EPOCH, SAME }, { F_INTACT, NO } }, 3, 0, "ChangedSinceRelease",
    "it was opened for writing since it was released, by a program that" },
  { { { F_TICKET, YES }, { F_EPOCH, SAME }, { F_DIGEST, NOT (0) } }, 3, 0, "ChangedSinceRelease",
    " was changed since it was released, by a program that does not know" },
  { { { F_TICKET, YES }, { F_EPOCH, SAME }, { F_V2, YES }, { F_SIZE, NO } },
    4, 0, "ChangedSinceRelease",
    "it was written to since it was released" },
  { { { F_TICKET, YES }, { F_EPOCH, SAME }, { F_V2, YES },
      { F_TIME, IS (0) } }, 4, 0, "ChangedSinceRelease",
    "it was written to since it was released" },
  { { { F_TICKET, YES }, { F_EPOCH, SAME } }, 2, OWNERSHIP_TICKET, NULL, NULL },
  /* What is left with a ticket: held, one epoch later. */
  { { { F_TICKET, YES }, { F_INSTANCE, YES } }, 2, OWNERSHIP_OWN, NULL, NULL },
  { { { F_TICKET, YES }, { F_HOST, YES }, { F_LOCKED, YES } }, 3,
    OWNERSHIP_RECOVERY, NULL, NULL },
  { { { F_TICKET, YES } }, 1, 0, "HeldElsewhere",
    "its record says that " },

  /* Without. */
  { { { F_HELD, YES }, { F_INSTANCE, YES } }, 2, OWNERSHIP_OWN, NULL, NULL },
  { { { F_RELEASED, IS (2) | IS (4) } }, 1, 0, "Overtaken",
    "activated elsewhere since: " },
  { { { F_RELEASED, IS (1) }, { F_HELD, YES } }, 2, 0, "Overtaken",
    "activated elsewhere since: " },
  { { { F_RELEASED, IS (1) } }, 1, OWNERSHIP_ROLLBACK, NULL, NULL },
  { { { F_HELD, NO } }, 1, OWNERSHIP_START, NULL, NULL },
  { { { F_HOST, YES }, { F_LOCKED, YES } }, 2, OWNERSHIP_RECOVERY, NULL, NULL },
  { { { F_HELD, YES } }, 1, 0, "HeldElsewhere",
    "its record says that " },
};

static bool
fits (const struct row *row, const unsigned *x)
{
  unsigned i;

  for (i = 0; i < row->nr_when; i++)
    if (!(row->when[i].values >> x[row->when[i].field] & 1))
      return false;
  return true;
}

static const struct row *
find_row (const unsigned *x)
{
  size_t i;

  for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (fits (&rows[i], x))
      return &rows[i];
  fail_msg ("no row fits");
  return NULL;
}

/* -- a situation ------------------------------------------------------ */

struct situation {
  struct view v;
  struct ticket ticket;
  struct release released;
  struct ownership_request q;
};

static const uint8_t my_instance[RECORD_ID_BYTES] = "my-instance";
static const uint64_t epochs[] = {
  EPOCH - 1, EPOCH, EPOCH + 1, EPOCH + 2, RECORD_MAX_EPOCH,
};

static void
make_view (struct view *v, const unsigned *x)
{
  static const enum record_found found[] = {
    RECORD_ABSENT, RECORD_DAMAGED, RECORD_VALID,
  };

  *v = (struct view) {
    .version = x[F_V2] ? 2 : 3, .intact = x[F_INTACT], .found = found[x[F_FOUND]],
    .file_bytes = 100, .mtime_ns = x[F_TIME] == 3 ? 0 : 1000,
    .why = ERROR_INIT,
    .record = {
      .state = x[F_HELD] ? RECORD_HELD : RECORD_RELEASED,
      .epoch = epochs[x[F_EPOCH]], .uuid = "uuid", .nonce = "nonce",
    },
  };
  strcpy (v->record.host, x[F_HOST] ? "here" : "there");
  if (x[F_INSTANCE])
    memcpy (v->record.instance, my_instance, sizeof my_instance);
}

static void
make_ticket (struct ticket *t, const unsigned *x)
{
  *t = (struct ticket) {
    .release = { .uuid = "uuid", .epoch = EPOCH, .nonce = "nonce" },
    .file_bytes = x[F_SIZE] ? 100 : 101,
    .mtime_ns = x[F_TIME] == 2 ? 0 : x[F_TIME] ? 1000 : 1001,
  };
  if (!x[F_UUID])
    t->release.uuid[0] ^= 1;
  if (!x[F_NONCE])
    t->release.nonce[0] ^= 1;
  t->digests.header[0] = x[F_DIGEST] == 1;
  t->digests.l1[0] = x[F_DIGEST] == 2;
  t->digests.reftable[0] = x[F_DIGEST] == 3;
}

static void
make_situation (struct situation *s, const unsigned *x)
{
  make_view (&s->v, x);
  make_ticket (&s->ticket, x);
  s->released = (struct release) {
    .uuid = "uuid", .nonce = "nonce", .epoch = s->v.record.epoch,
  };
  if (x[F_RELEASED] == 2)
    s->released.epoch--;
  if (x[F_RELEASED] == 3)
    s->released.uuid[0] ^= 1;
  if (x[F_RELEASED] == 4)
    s->released.nonce[0] ^= 1;
  s->q = (struct ownership_request) {
    .ticket = x[F_TICKET] ? &s->ticket : NULL, .force = x[F_FORCE],
    .locked = x[F_LOCKED], .host = "here", .instance = my_instance,
    .released = x[F_RELEASED] ? &s->released : NULL,
  };
}

static void
tell (const unsigned *x, const struct row *row)
{
  unsigned i;

  print_error ("wanted row %d (%s):", (int) (row - rows),
               row->class ? row->class : ownership_how_name (row->how));
  for (i = 0; i < NR_FIELDS; i++)
    print_error (" %u", x[i]);
  print_error ("\n");
}

static bool
is_as_in (const struct row *row, const struct situation *s)
{
  struct ownership_answer a = { .overridden = "untouched" };
  struct error err = ERROR_INIT;
  const int r = ownership_decide (&s->v, &s->q, &a, &err);

  if (!row->class)
    return r == 0 && a.how == row->how && !a.overridden;
  if (s->q.force && strcmp (row->class, "StaleView") != 0)
    return r == 0 && a.how == OWNERSHIP_FORCED &&
      strcmp (a.overridden, row->class) == 0;
  return r == -1 && strcmp (err.class, row->class) == 0 && err.errnum != 0 &&
    strstr (err.text, row->text) &&
    strcmp (a.overridden, "untouched") == 0;
}

static bool
next (unsigned *x)
{
  unsigned i;

  for (i = 0; i < NR_FIELDS; i++) {
    if (++x[i] < nr_values[i])
      return true;
    x[i] = 0;
  }
  return false;
}

static void
test_every_combination (void **state)
{
  unsigned x[NR_FIELDS] = { 0 };
  unsigned used[sizeof rows / sizeof rows[0]] = { 0 };
  struct situation s;
  uint64_t n = 0;
  size_t i;

  (void) state;
  do {
    const struct row *row = find_row (x);

    make_situation (&s, x);
    if (!is_as_in (row, &s)) {
      tell (x, row);
      fail ();
    }
    used[row - rows]++;
    n++;
  } while (next (x));
  print_message ("%llu combinations\n", (unsigned long long) n);
  for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
    assert_true (used[i] > 0);
}

/* -- what is written next ---------------------------------------------- */

static void
test_next (void **state)
{
  static const uint8_t uuid[RECORD_ID_BYTES] = "fresh";
  unsigned x[NR_FIELDS] = { 0 };
  struct situation s;
  struct record r;

  (void) state;
  make_situation (&s, x);
  ownership_next (&s.v, &s.q, uuid, &r);
  assert_int_equal (r.epoch, 1);
  assert_int_equal (r.state, RECORD_HELD);
  assert_string_equal (r.host, "here");
  assert_true (record_same_id (r.uuid, uuid));
  assert_true (record_same_id (r.instance, my_instance));
  x[F_FOUND] = 2;
  x[F_EPOCH] = 1;
  make_situation (&s, x);
  ownership_next (&s.v, &s.q, uuid, &r);
  assert_int_equal (r.epoch, EPOCH + 1);
  assert_true (record_same_id (r.uuid, s.v.record.uuid));
  assert_true (record_same_id (r.nonce, s.v.record.nonce));
  /* Forced, for there is none that one could add to: a new image. */
  x[F_EPOCH] = 4;
  make_situation (&s, x);
  ownership_next (&s.v, &s.q, uuid, &r);
  assert_int_equal (r.epoch, 1);
  assert_true (record_same_id (r.uuid, uuid));
}

static void
require_text (const struct error *err, const char *text)
{
  if (!strstr (err->text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err->text);
}

/* Each refusal says what to do. */
static void
test_texts (void **state)
{
  unsigned x[NR_FIELDS] = { [F_FOUND] = 2, [F_HELD] = 1, [F_EPOCH] = 1 };
  struct error err = ERROR_INIT;
  struct ownership_answer a;
  struct situation s;

  (void) state;
  make_situation (&s, x);
  assert_int_equal (ownership_decide (&s.v, &s.q, &a, &err), -1);
  require_text (&err, "its record says that host there has it (epoch ");
  require_text (&err, "); inactivate it there, or, when that host is certain "
                "to have stopped, activate with force");
  x[F_RELEASED] = 2;
  make_situation (&s, x);
  assert_int_equal (ownership_decide (&s.v, &s.q, &a, &err), -1);
  require_text (&err, "activated elsewhere since: its record is held by host "
                "there in epoch ");
  require_text (&err, "; pass it back from there");
  x[F_HELD] = 0;
  make_situation (&s, x);
  assert_int_equal (ownership_decide (&s.v, &s.q, &a, &err), -1);
  require_text (&err, "its record is released by host there in epoch ");
  assert_int_equal (ownership_decide (&s.v, &s.q, &a, NULL), -1);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_every_combination),
    cmocka_unit_test (test_next),
    cmocka_unit_test (test_texts),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
