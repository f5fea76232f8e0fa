/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a handoff over a real image says when it is made, asked to look again,
 * or activated, and what it was given is not what it needs: the passphrase,
 * the snapshot, the chain, the files behind its names.
 */

#include <config.h>

#include <errno.h>

#include "handoff-timeline.h"
#include "keyring.h"
#include "poked-image.h"
#include "record-world.h"

#define CREATE "qemu-img create -q -f qcow2 -o cluster_size=4k"
#define PLAIN CREATE " t.qcow2 1M"
#define WITH_DATA CREATE ",data_file=data t.qcow2 1M"
/* qemu-img measures the processor, and gives up now and then. */
#define ENCRYPTED \
  "for i in 1 2 3 4 5 6 7 8; do " \
  "qemu-img create -q --object secret,id=s,data=geheim -f qcow2 -o " \
  "cluster_size=4k,encrypt.format=luks,encrypt.key-secret=s," \
  "encrypt.iter-time=10 t.qcow2 1M && break; done"

static const struct change none[1] = { { .place = NOWHERE } };

/* One for all: qemu-img takes seconds. */
static struct simdisk *encrypted;

static int
make_encrypted (void **state)
{
  (void) state;
  encrypted = poked_image (ENCRYPTED, none);
  return 0;
}

static int
free_encrypted (void **state)
{
  (void) state;
  simdisk_free (encrypted);
  return 0;
}

/* What is given besides the image. */
struct given {
  const char *passphrase, *snapshot, *data_file;
  bool stale;
};

struct fixture {
  struct world w;
  struct keyring *keyring;
  struct handoff_config config;
};

/* CREATE NULL: the encrypted one. */
static void
init (struct fixture *f, const char *create, const struct given *g)
{
  f->keyring = NULL;
  world_init_with (&f->w, create ? poked_image (create, none)
                                 : simdisk_kill (encrypted));
  if (g->passphrase)
    assert_int_equal (keyring_new (g->passphrase, strlen (g->passphrase),
                                   "a test", &f->keyring, NULL), 0);
  f->config = (struct handoff_config) {
    .path = PATH, .host = "host-a", .recorded = true,
    .read_only = g->snapshot, .stale_for_tests = g->stale,
    .options = {
      .opener = &f->w.opener.base, .backing = BACKING_ON,
      .data_file = BACKING_ON, .data_file_path = g->data_file,
      .snapshot = g->snapshot, .keyring = f->keyring,
    },
  };
}

static void
destroy (struct fixture *f)
{
  keyring_free (f->keyring);
  world_destroy (&f->w);
}

static struct handoff *
must_new (struct fixture *f)
{
  struct error err = ERROR_INIT;
  struct handoff *h;

  if (handoff_new (&f->config, &h, &err) == -1)
    fail_msg ("%s", err.text);
  return h;
}

/* Also by a caller who does not want to know why. */
static void
not_made (struct fixture *f, const char *text)
{
  struct error err = ERROR_INIT;
  struct handoff *h = NULL;

  assert_int_equal (handoff_new (&f->config, &h, &err), -1);
  if (!strstr (err.text, text) || !strstr (err.text, "cannot open"))
    fail_msg ("\"%s\" is not in \"%s\"", text, err.text);
  assert_int_equal (handoff_new (&f->config, &h, NULL), -1);
  assert_null (h);
}

static void
not_activated (struct handoff *h, const char *text)
{
  struct error err = ERROR_INIT;
  struct handoff_status s;

  assert_int_equal (handoff_activate (h, &err), -1);
  if (!strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err.text);
  handoff_get_status (h, &s);
  assert_int_equal (s.state, HANDOFF_INACTIVE);
  assert_string_equal (s.last_error, err.text);
}

/* -- keys ------------------------------------------------------------------ */

static void
test_passphrase (void **state)
{
  struct handoff *h;
  struct fixture f;

  (void) state;
  init (&f, NULL, &(struct given) { .passphrase = NULL });
  not_made (&f, "the image is encrypted (LUKS): give the file with its "
            "passphrase");
  destroy (&f);
  init (&f, NULL, &(struct given) { .passphrase = "geheimer" });
  not_made (&f, "the image is encrypted, ");
  destroy (&f);
  /* It is opened while there is time, and once. */
  init (&f, NULL, &(struct given) { .passphrase = "geheim" });
  h = must_new (&f);
  assert_int_equal (keyring_nr_unlocked (f.keyring), 1);
  assert_int_equal (handoff_invalidate (h, NULL), 0);
  activate (h, NULL, false);
  assert_int_equal (keyring_nr_unlocked (f.keyring), 1);
  handoff_free (h);
  destroy (&f);
}

/* That is for the activation to say: it may be there by then. */
static void
test_base_is_missing (void **state)
{
  struct simdisk *base = poked_image (PLAIN, none);
  struct handoff *h;
  struct fixture f;

  (void) state;
  init (&f, CREATE " -u -b base -F qcow2 t.qcow2 1M",
        &(struct given) { .passphrase = "geheim" });
  h = must_new (&f);
  not_activated (h, "cannot activate " PATH ": backing file /base: ");
  simdisk_opener_put (&f.w.opener, "/base", base);
  activate (h, NULL, false);
  handoff_free (h);
  destroy (&f);
  simdisk_free (base);
}

/* What cannot be served is said at once, of a file further down as well. */
static void
test_base_is_encrypted (void **state)
{
  struct simdisk *base = simdisk_kill (encrypted);
  struct fixture f;

  (void) state;
  init (&f, CREATE " -u -b base -F qcow2 t.qcow2 1M",
        &(struct given) { .passphrase = "geheimer" });
  simdisk_opener_put (&f.w.opener, "/base", base);
  not_made (&f, "backing file /base: the image is encrypted, ");
  destroy (&f);
  simdisk_free (base);
}

/* -- names ----------------------------------------------------------------- */

static void
test_snapshot_is_missing (void **state)
{
  struct fixture f;

  (void) state;
  init (&f, PLAIN, &(struct given) { .snapshot = "one" });
  not_made (&f, "no snapshot has the id or name 'one'");
  destroy (&f);
}

static void
test_stale_is_refused (void **state)
{
  struct fixture f;

  (void) state;
  init (&f, CREATE " -u -b base -F qcow2 t.qcow2 1M",
        &(struct given) { .stale = true });
  not_made (&f, "backing file /base: ");
  destroy (&f);
}

/* Its path is in the text, and once, whoever put it there. */
static void
test_path_once (void **state)
{
  struct error err = ERROR_INIT;
  struct handoff *h;
  struct fixture f;

  (void) state;
  init (&f, WITH_DATA, &(struct given) { .data_file = PATH });
  h = must_new (&f);
  assert_int_equal (handoff_activate (h, &err), -1);
  assert_string_equal (err.text, "cannot activate: data file " PATH ": it is "
                       "an image that it would be the data file of");
  handoff_free (h);
  destroy (&f);
}

/* -- other files ------------------------------------------------------------ */

#define OTHER "leads to another file than when this server last looked at it"

static void
copy (struct simdisk *from, struct simdisk *to)
{
  struct io *in = simdisk_open (from, 0, NULL);
  struct io *out = simdisk_open (to, IO_OPEN_WRITE, NULL);
  uint64_t offset, size;
  uint8_t buf[4096];

  assert_int_equal (io_size (in, &size, NULL), 0);
  for (offset = 0; offset < size; offset += sizeof buf) {
    assert_int_equal (io_pread (in, buf, sizeof buf, offset, NULL), 0);
    assert_int_equal (io_pwrite (out, buf, sizeof buf, offset, IO_DSYNC,
                                 NULL), 0);
  }
  io_close (in);
  io_close (out);
}

static void
test_other_image (void **state)
{
  struct simdisk *other;
  struct handoff *h;
  struct fixture f;

  (void) state;
  init (&f, PLAIN, &(struct given) { .stale = false });
  other = simdisk_kill (f.w.disk);
  h = must_new (&f);
  simdisk_opener_put (&f.w.opener, PATH, other);
  not_activated (h, OTHER);
  assert_int_equal (handoff_invalidate (h, NULL), 0);
  activate (h, NULL, false);
  handoff_free (h);
  destroy (&f);
  simdisk_free (other);
}

static void
test_other_data_file (void **state)
{
  struct simdisk *data = simdisk_new (512), *other = simdisk_new (512);
  struct handoff *h;
  struct fixture f;

  (void) state;
  init (&f, WITH_DATA, &(struct given) { .stale = false });
  simdisk_opener_put (&f.w.opener, "/data", data);
  h = must_new (&f);
  simdisk_opener_put (&f.w.opener, "/data", other);
  not_activated (h, OTHER);
  simdisk_opener_put (&f.w.opener, "/data", data);
  activate (h, NULL, false);
  handoff_free (h);
  destroy (&f);
  simdisk_free (data);
  simdisk_free (other);
}

/* The same file has become an image with a data file. */
static void
test_new_data_file (void **state)
{
  struct simdisk *data = simdisk_new (512), *with_data;
  struct handoff *h;
  struct fixture f;

  (void) state;
  init (&f, PLAIN, &(struct given) { .stale = false });
  h = must_new (&f);
  with_data = poked_image (WITH_DATA, none);
  copy (with_data, f.w.disk);
  simdisk_opener_put (&f.w.opener, "/data", data);
  not_activated (h, OTHER);
  handoff_free (h);
  destroy (&f);
  simdisk_free (with_data);
  simdisk_free (data);
}

/* -- an opener between ------------------------------------------------------- */

struct device_opener {
  struct io_opener base;
  struct io_opener *real;
};

/* A device has no number that another host knows. */
static int
open_device (struct io_opener *base, const char *name, unsigned flags,
             struct io **ret, struct error *err)
{
  struct device_opener *o = (struct device_opener *) base;

  if (o->real->open (o->real, name, flags, ret, err) == -1)
    return -1;
  (*ret)->identity[0] = 7;
  (*ret)->identity[1] = UINT64_MAX;
  return 0;
}

static void
test_file_number (void **state)
{
  struct device_opener o = { .base = { open_device } };
  struct handoff_status s;
  struct handoff *h;
  struct fixture f;

  (void) state;
  init (&f, PLAIN, &(struct given) { .stale = false });
  h = must_new (&f);
  handoff_get_status (h, &s);
  assert_true (s.file_number == (uintptr_t) f.w.disk);
  handoff_free (h);
  o.real = f.config.options.opener;
  f.config.options.opener = &o.base;
  h = must_new (&f);
  handoff_get_status (h, &s);
  assert_int_equal (s.file_number, 0);
  handoff_free (h);
  destroy (&f);
}

/* -- the stopwatch ----------------------------------------------------------- */

static void
test_many_phases (void **state)
{
  struct stopwatch w;
  unsigned i;

  (void) state;
  stopwatch_start (&w, "test");
  for (i = 0; i < HANDOFF_MAX_PHASES + 2; ++i)
    stopwatch_lap (&w, i < HANDOFF_MAX_PHASES ? "kept" : "left out");
  stopwatch_stop (&w, true);
  assert_int_equal (w.timeline.nr_phases, HANDOFF_MAX_PHASES);
  for (i = 0; i < HANDOFF_MAX_PHASES; ++i)
    assert_string_equal (w.timeline.phases[i].name, "kept");
  assert_true (w.timeline.ok);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_passphrase),
    cmocka_unit_test (test_base_is_missing),
    cmocka_unit_test (test_base_is_encrypted),
    cmocka_unit_test (test_snapshot_is_missing),
    cmocka_unit_test (test_stale_is_refused),
    cmocka_unit_test (test_path_once),
    cmocka_unit_test (test_other_image),
    cmocka_unit_test (test_other_data_file),
    cmocka_unit_test (test_new_data_file),
    cmocka_unit_test (test_file_number),
    cmocka_unit_test (test_many_phases),
  };

  if (system ("command -v qemu-img >/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, make_encrypted, free_encrypted);
}
